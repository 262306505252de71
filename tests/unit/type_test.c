/* type_test.c -- declaring types, and the numbers of their lists and cursors. */
#include "gc/type.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct meta_alloc meta;
static struct type_table table;
static const tri_encoding raw = TRI_ENCODING_RAW;

static void create(void)
{
    fake_port_reset();
    meta_alloc_init(&meta);
    ck_assert(type_table_init(&table, &meta));
}

static void destroy(void)
{
    type_table_destroy(&table);
    meta_alloc_destroy(&meta);
    fake_port_finish();
}

static tri_type *define(const tri_type_desc *desc)
{
    tri_type *type = NULL;
    const char *problem = NULL;
    tri_result result = type_define(&table, NULL, &raw, desc, &type, &problem);
    if (result != TRI_OK) {
        ck_abort_msg("%s", problem);
    }
    return type;
}

static tri_type *define_leaf(size_t size)
{
    tri_type_desc desc = TRI_TYPE_DESC("leaf", char);
    desc.size = size;
    return define(&desc);
}

/* ---- The table ------------------------------------------------------------------------------- */

/* Lists that belong to no type: large objects, and mixed spans of each class. */
START_TEST(lists_of_no_type)
{
    ck_assert_uint_eq(table.list_count, SIZE_CLASS_COUNT);
    for (uint32_t i = 0; i < SIZE_CLASS_COUNT; i++) {
        struct central_list *list = type_table_list(&table, i);
        ck_assert_uint_eq(list->index, i);
        ck_assert_uint_eq(list->size_class, i);
        ck_assert_ptr_null(list->type);
        EXPECT(fixture_list_is_empty(list));
    }
}
END_TEST

START_TEST(table_without_memory)
{
    struct type_table other;
    for (size_t n = 0; n < 2; n++) {
        fake_port_fail_memory_after(n);
        ck_assert(!type_table_init(&other, &meta));
    }
    fake_port_fail_memory_after(2);
    ck_assert(type_table_init(&other, &meta));
    type_table_destroy(&other);
}
END_TEST

/* ---- What a description becomes -------------------------------------------------------------- */

START_TEST(copied)
{
    char name[] = "pair";
    tri_field fields[] = {{0, TRI_FIELD_POINTER}, {8, TRI_FIELD_VALUE}};
    tri_encoding tagged = TRI_ENCODING_LOW_TAG(7, 1);
    struct tri_heap *heap = (struct tri_heap *)(void *)&table; /* any address */
    tri_type_desc desc = TRI_TYPE_DESC(name, char);
    desc.size = 24;
    desc.layout = TRI_LAYOUT_OF(fields);
    desc.layout.encoding = &tagged;
    desc.trailing_size = 16;
    desc.trailing_layout.kind = TRI_LAYOUT_ALL_WORDS;
    tri_type *type = NULL;
    const char *problem = NULL;
    ck_assert_int_eq(type_define(&table, heap, &raw, &desc, &type, &problem), TRI_OK);
    ck_assert_ptr_null(problem);
    memset(name, 'x', 4);
    memset(fields, 0, sizeof fields);
    memset(&tagged, 0, sizeof tagged);
    ck_assert_str_eq(type->name, "pair");
    ck_assert_uint_eq(type->signature, TYPE_SIGNATURE);
    ck_assert_ptr_eq(type->heap, heap);
    ck_assert_uint_eq(type->size, 24);
    ck_assert_uint_eq(type->stride, 24);
    ck_assert_uint_eq(type->trailing_size, 16);
    ck_assert(type->scannable);
    ck_assert_int_eq(type->layout.kind, LAYOUT_SMALL_MASKS);
    ck_assert_uint_eq(type->layout.pointers, 1);
    ck_assert_uint_eq(type->layout.values, 2);
    ck_assert_uint_eq(type->layout.encoding.pattern, 1);
    ck_assert_int_eq(type->trailing.kind, LAYOUT_VALUES);
    ck_assert_uint_eq(type->trailing.words, 2);
    ck_assert_uint_eq(type->trailing.encoding.mask, 0);
    ck_assert_uint_eq(type->sized_lists, 0);
    ck_assert(!type_is_promoted(type));
}
END_TEST

/* Size, class and stride; [type.1]: the inline fast path finds the type's own cursor. */
static const struct {
    size_t size;
    uint32_t flags;
    tri_layout_kind kind;
    size_t want_slot; /* 0: large */
    size_t want_stride;
} sizes[] = {
    {0, 0, TRI_LAYOUT_LEAF, 16, 0},
    {1, 0, TRI_LAYOUT_LEAF, 16, 1},
    {8, 0, TRI_LAYOUT_ALL_WORDS, 16, 8},
    {13, 0, TRI_LAYOUT_LEAF, 16, 13},
    {13, 0, TRI_LAYOUT_ALL_WORDS, 16, 16},
    {16, 0, TRI_LAYOUT_ALL_WORDS, 16, 16},
    {17, 0, TRI_LAYOUT_LEAF, 24, 17},
    {24, 0, TRI_LAYOUT_ALL_WORDS, 24, 24},
    {24, TRI_TYPE_ALIGN_16, TRI_LAYOUT_ALL_WORDS, 32, 24},
    {17, TRI_TYPE_ALIGN_16, TRI_LAYOUT_LEAF, 32, 17},
    {5, TRI_TYPE_ALIGN_16, TRI_LAYOUT_LEAF, 16, 5},
    {1000, 0, TRI_LAYOUT_LEAF, 1024, 1000},
    {32768, 0, TRI_LAYOUT_LEAF, 32768, 32768},
    {32761, TRI_TYPE_ALIGN_16, TRI_LAYOUT_LEAF, 32768, 32761},
    {32769, 0, TRI_LAYOUT_LEAF, 0, 32769},
    {TRI_TYPE_SIZE_MAX, 0, TRI_LAYOUT_CONSERVATIVE, 0, TRI_TYPE_SIZE_MAX},
};

START_TEST(size_and_cursor)
{
    tri_type_desc desc = TRI_TYPE_DESC("sized", char);
    desc.size = sizes[_i].size;
    desc.flags = sizes[_i].flags;
    desc.layout.kind = sizes[_i].kind;
    (void)define_leaf(1);
    tri_type *type = define(&desc);
    size_t want = sizes[_i].want_slot;
    ck_assert_uint_eq(type->stride, sizes[_i].want_stride);
    ck_assert_uint_eq(type->head.slot, want == 0 ? UINT32_MAX : want);
    ck_assert_uint_eq(type->list, SIZE_CLASS_COUNT + 1);
    ck_assert_uint_eq(type->head.cursor,
                      MUTATOR_CURSORS_OFFSET + type->list * sizeof(struct tri_cursor_));
    struct central_list *list = type_table_list(&table, type->list);
    ck_assert_uint_eq(list->index, type->list);
    ck_assert_uint_eq(list->size_class, type->size_class);
    ck_assert_ptr_eq(list->type, type);
    ck_assert_uint_eq(want == 0 ? 0 : size_class_of(want), type->size_class);
    ck_assert_uint_eq(type->scannable, sizes[_i].kind != TRI_LAYOUT_LEAF);
}
END_TEST

/* Every size: the smallest slot that holds it, at least 16 bytes; with TRI_TYPE_ALIGN_16 one whose
 * slots all start at multiples of 16. */
START_TEST(size_classes)
{
    tri_type_desc desc = TRI_TYPE_DESC("aligned", char);
    desc.flags = TRI_TYPE_ALIGN_16;
    tri_type *plain = define_leaf(1);
    tri_type *aligned = define(&desc);
    for (size_t bytes = 0; bytes <= SMALL_SIZE_MAX; bytes++) {
        unsigned size_class = type_size_class(plain, bytes);
        EXPECT(size_class >= 2 && size_class_bytes[size_class] >= bytes);
        EXPECT(size_class == 2 || size_class_bytes[size_class - 1] < bytes);
        unsigned of_16 = type_size_class(aligned, bytes);
        EXPECT(size_class_bytes[of_16] >= bytes && size_class_bytes[of_16] % 16 == 0);
        EXPECT(of_16 == size_class || size_class_bytes[size_class] % 16 != 0);
    }
    ck_assert_uint_eq(type_size_class(plain, SMALL_SIZE_MAX + 1), 0);
    ck_assert_uint_eq(type_size_class(aligned, SMALL_SIZE_MAX + 1), 0);
    ck_assert_uint_eq(type_size_class(plain, TRI_OBJECT_SIZE_MAX), 0);
}
END_TEST

/* A type has spans of its own from its 64th object on; [type.3]: one that needs multiples of 16
 * from the first. */
START_TEST(promotion)
{
    tri_type *type = define_leaf(32);
    type->mixed_objects = 63;
    ck_assert(!type_is_promoted(type));
    type->mixed_objects = 64;
    ck_assert(type_is_promoted(type));
    tri_type_desc desc = TRI_TYPE_DESC("aligned", char);
    desc.flags = TRI_TYPE_ALIGN_16;
    ck_assert(type_is_promoted(define(&desc)));
}
END_TEST

/* ---- Problems -------------------------------------------------------------------------------- */

static const tri_field far_field[] = {{16, TRI_FIELD_POINTER}};
static const tri_encoding contradictory = {0, 1, 1};

static void trace_nothing(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)visitor;
    (void)object;
    (void)bytes;
}

#define DESC .desc_size = sizeof(tri_type_desc), .name = "problem"

static const struct {
    tri_type_desc desc;
    tri_result want;
    const char *want_words;
} problems[] = {
    {{.desc_size = 0, .name = "old"}, TRI_E_INVALID, "desc_size is not sizeof(tri_type_desc)"},
    {{.desc_size = sizeof(tri_type_desc)}, TRI_E_INVALID, "a type needs a name"},
    {{.desc_size = sizeof(tri_type_desc), .name = ""}, TRI_E_INVALID, "a type needs a name"},
    {{DESC, .flags = 1U << 31}, TRI_E_INVALID, "none of TRI_TYPE_"},
    {{DESC, .size = 8, .trailing_size = 8, .trailing_layout = {.kind = TRI_LAYOUT_TRACE}},
     TRI_E_INVALID,
     "a traced layout needs a trace function"},
    {{DESC, .size = 4, .trailing_size = 8, .trailing_layout = {.kind = TRI_LAYOUT_ALL_WORDS}},
     TRI_E_INVALID,
     "must be multiples of 8"},
    {{DESC, .size = 8, .trailing_size = 12, .trailing_layout = {.kind = TRI_LAYOUT_CONSERVATIVE}},
     TRI_E_INVALID,
     "must be multiples of 8"},
    {{DESC, .size = 8, .flags = TRI_TYPE_UNINITIALIZED, .layout = {.kind = TRI_LAYOUT_ALL_WORDS}},
     TRI_E_INVALID,
     "leaf types only"},
    {{DESC, .size = 8, .flags = TRI_TYPE_UNINITIALIZED, .trailing_size = 8,
      .trailing_layout = {.kind = TRI_LAYOUT_CONSERVATIVE}},
     TRI_E_INVALID,
     "leaf types only"},
    {{DESC, .size = TRI_TYPE_SIZE_MAX + 1}, TRI_E_TOO_LARGE, "over TRI_TYPE_SIZE_MAX"},
    {{DESC, .size = 8, .trailing_size = TRI_TYPE_SIZE_MAX + 8},
     TRI_E_TOO_LARGE,
     "over TRI_TYPE_SIZE_MAX"},
    {{DESC, .size = 16, .layout = {TRI_LAYOUT_FIELDS, 1, far_field, NULL, NULL}},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, .size = 16, .layout = {.encoding = &contradictory}},
     TRI_E_INVALID,
     "the encoding's pattern"},
    {{DESC, .size = 16, .trailing_size = 16,
      .trailing_layout = {TRI_LAYOUT_FIELDS, 1, far_field, NULL, NULL}},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, .size = 16, .layout = {.kind = TRI_LAYOUT_TRACE}},
     TRI_E_INVALID,
     "a traced layout needs a trace function"},
};

START_TEST(refused)
{
    tri_type *type = (tri_type *)(void *)&meta; /* to be left alone */
    const char *problem = NULL;
    tri_result result = type_define(&table, NULL, &raw, &problems[_i].desc, &type, &problem);
    ck_assert_int_eq(result, problems[_i].want);
    ck_assert_ptr_nonnull(problem);
    ck_assert_msg(strstr(problem, problems[_i].want_words) != NULL, "%s", problem);
    ck_assert_ptr_eq((void *)type, (void *)&meta);
    ck_assert_uint_eq(table.list_count, SIZE_CLASS_COUNT);
    ck_assert_uint_eq(table.type_count, 0);
}
END_TEST

/* What is allowed although it looks odd. */
START_TEST(accepted)
{
    tri_type_desc desc = TRI_TYPE_DESC("string", char);
    desc.size = 4;
    desc.trailing_size = 1;
    desc.flags = TRI_TYPE_UNINITIALIZED | TRI_TYPE_ALIGN_16;
    ck_assert(!define(&desc)->scannable);
    desc = (tri_type_desc)TRI_TYPE_DESC("traced vector", char);
    desc.size = 8;
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_nothing);
    desc.trailing_size = 8;
    desc.trailing_layout.kind = TRI_LAYOUT_ALL_WORDS;
    ck_assert(define(&desc)->scannable);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_LEAF);
    desc.trailing_layout = TRI_LAYOUT_TRACED_BY(trace_nothing);
    ck_assert(define(&desc)->scannable);
    desc = (tri_type_desc)TRI_TYPE_DESC("only trailing", char);
    desc.size = 0;
    desc.trailing_size = 8;
    desc.trailing_layout.kind = TRI_LAYOUT_ALL_WORDS;
    ck_assert(define(&desc)->scannable);
}
END_TEST

/* ---- Lists by size --------------------------------------------------------------------------- */

START_TEST(sized_lists)
{
    tri_type *type = define_leaf(8);
    tri_type *other = define_leaf(8);
    uint32_t list = type_sized_list(&table, type, 5);
    ck_assert_uint_eq(list, SIZE_CLASS_COUNT + 2 + 5);
    ck_assert_uint_eq(table.list_count, SIZE_CLASS_COUNT + 2 + SIZE_CLASS_COUNT);
    for (unsigned size_class = 1; size_class < SIZE_CLASS_COUNT; size_class++) {
        uint32_t index = type_sized_list(&table, type, size_class);
        ck_assert_uint_eq(index, SIZE_CLASS_COUNT + 2 + size_class);
        ck_assert_uint_eq(type_table_list(&table, index)->size_class, size_class);
        ck_assert_uint_eq(type_table_list(&table, index)->index, index);
        ck_assert_ptr_eq(type_table_list(&table, index)->type, type);
    }
    ck_assert_uint_eq(type_sized_list(&table, other, 1),
                      SIZE_CLASS_COUNT + 2 + SIZE_CLASS_COUNT + 1);
}
END_TEST

START_TEST(sized_lists_without_memory)
{
    tri_type *type = define_leaf(8);
    fake_port_fail_memory_after(0);
    ck_assert_uint_eq(type_sized_list(&table, type, 5), 0);
    ck_assert_uint_eq(table.list_count, SIZE_CLASS_COUNT + 1);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert_uint_eq(type_sized_list(&table, type, 5), SIZE_CLASS_COUNT + 1 + 5);
}
END_TEST

/* ---- Limits and faults ----------------------------------------------------------------------- */

START_TEST(limit_of_types)
{
    tri_type *last = NULL;
    for (unsigned i = 0; i < TRI_TYPES_MAX; i++) {
        last = define_leaf(i % 40000);
    }
    ck_assert_uint_eq(table.type_count, TRI_TYPES_MAX);
    ck_assert_uint_eq(last->list, SIZE_CLASS_COUNT + TRI_TYPES_MAX - 1);
    tri_type_desc desc = TRI_TYPE_DESC("one too many", char);
    tri_type *type = NULL;
    const char *problem = NULL;
    ck_assert_int_eq(type_define(&table, NULL, &raw, &desc, &type, &problem), TRI_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(problem, "TRI_TYPES_MAX"));
    ck_assert_ptr_null(type);
}
END_TEST

/* Where no cursor is left, a type that has its list keeps it, one that wants more gets none, and
 * new types do without. */
START_TEST(limit_of_cursors)
{
    tri_type *type;
    uint32_t count = 0;
    do {
        type = define_leaf(8);
        count++;
    } while (type_sized_list(&table, type, 1) != 0);
    ck_assert_uint_gt(table.list_count, CURSORS_MAX - SIZE_CLASS_COUNT);
    ck_assert_uint_lt(count, CURSORS_MAX / SIZE_CLASS_COUNT);
    while (table.list_count < CURSORS_MAX) {
        type = define_leaf(8);
        EXPECT(type->list == table.list_count - 1);
        EXPECT(type_sized_list(&table, type, 1) == 0);
    }
    while (table.type_count < TRI_TYPES_MAX) {
        type = define_leaf(8);
        EXPECT(type->list == 0 && type->head.cursor == MUTATOR_CURSORS_OFFSET);
        EXPECT(type_sized_list(&table, type, 1) == 0);
    }
    ck_assert_uint_eq(table.list_count, CURSORS_MAX);
}
END_TEST

/* Each call for memory fails in turn: the type is defined by the next attempt, wholly. */
START_TEST(faults)
{
    enum {
        FIELDS = 2000
    };
    static tri_field fields[FIELDS];
    for (uint32_t i = 0; i < FIELDS; i++) {
        fields[i] = (tri_field){i * 8, TRI_FIELD_VALUE};
    }
    tri_type_desc desc = TRI_TYPE_DESC("many fields", char);
    desc.size = FIELDS * 8;
    desc.layout = TRI_LAYOUT_OF(fields);
    unsigned refusals = 0;
    for (size_t n = 0; n < 40; n++) {
        fake_port_fail_memory_once_after(n);
        for (unsigned i = 0; i < 100; i++) {
            tri_type *type = NULL;
            const char *problem = NULL;
            uint32_t lists = table.list_count;
            tri_result result = type_define(&table, NULL, &raw, &desc, &type, &problem);
            ck_assert(result == TRI_OK || (result == TRI_E_NOMEM && problem != NULL));
            ck_assert_uint_eq(table.list_count, lists + (result == TRI_OK));
            ck_assert((type != NULL) == (result == TRI_OK));
            refusals += result == TRI_E_NOMEM;
        }
    }
    ck_assert_uint_gt(refusals, 0);
}
END_TEST

/* ---- Several threads ------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  200

static struct {
    tri_type *types[ROUNDS];
    uint32_t got[THREADS][ROUNDS];
    struct meeting meeting;
    uint32_t done; /* atomic */
} shared;

/* Thread 0 holds the lock for a while after all have met, so that the others find no lists yet, and
 * wait for it together. */
static void ask_at_once(unsigned index)
{
    if (index == 0) {
        lock_acquire(&table.lock);
    }
    fixture_meet(&shared.meeting, THREADS);
    if (index == 0) {
        for (unsigned i = 0; i < 10; i++) {
            port_yield();
        }
        lock_release(&table.lock);
    }
}

static void ask_for_lists(void *unused, unsigned index)
{
    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        ask_at_once(index);
        uint32_t list = type_sized_list(&table, shared.types[i], 3);
        EXPECT(type_table_list(&table, list)->type == shared.types[i]); /* [type.2] */
        shared.got[index][i] = list;
        fixture_meet(&shared.meeting, THREADS); /* nobody waits for the lock any more */
    }
}

/* Several mutators ask for a type's lists at once: all get the same ones. */
START_TEST(sized_lists_by_several)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        shared.types[i] = define_leaf(8);
    }
    fixture_run_threads(THREADS, ask_for_lists, NULL);
    ck_assert_uint_eq(table.list_count, SIZE_CLASS_COUNT + ROUNDS + ROUNDS * SIZE_CLASS_COUNT);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned j = 0; j < THREADS; j++) {
            ck_assert_uint_eq(shared.got[j][i], shared.types[i]->sized_lists + 3);
        }
    }
}
END_TEST

/* Threads 0 and 1 define types, the others look at every list that is there, as sweepers do. */
static void define_or_look(void *unused, unsigned index)
{
    (void)unused;
    if (index < 2) {
        for (unsigned i = 0; i < ROUNDS; i++) {
            tri_type *type = define_leaf(16);
            EXPECT(type_table_list(&table, type->list)->type == type);
            (void)type_sized_list(&table, type, 1);
        }
        fetch_add_relaxed(&shared.done, 1U);
        return;
    }
    while (load_relaxed(&shared.done) < 2) {
        uint32_t count = load_acquire(&table.list_count);
        for (uint32_t i = count > 100 ? count - 100 : 0; i < count; i++) {
            const struct central_list *list = type_table_list(&table, i);
            EXPECT(list->index == i && fixture_list_is_empty(list));
        }
        cpu_relax();
    }
}

/* [type.2]: under ThreadSanitizer this fails as soon as list_count is not released. */
START_TEST(lists_seen_by_several)
{
    fixture_run_threads(THREADS, define_or_look, NULL);
    ck_assert_uint_eq(table.type_count, 2 * ROUNDS);
    ck_assert_uint_eq(table.list_count, SIZE_CLASS_COUNT + 2 * ROUNDS * (1 + SIZE_CLASS_COUNT));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("type");
    TCase *cases = tcase_create("type");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, lists_of_no_type);
    tcase_add_test(cases, table_without_memory);
    tcase_add_test(cases, copied);
    tcase_add_loop_test(cases, size_and_cursor, 0, (int)ARRAY_LENGTH(sizes));
    tcase_add_test(cases, size_classes);
    tcase_add_test(cases, promotion);
    tcase_add_loop_test(cases, refused, 0, (int)ARRAY_LENGTH(problems));
    tcase_add_test(cases, accepted);
    tcase_add_test(cases, sized_lists);
    tcase_add_test(cases, sized_lists_without_memory);
    tcase_add_test(cases, limit_of_types);
    tcase_add_test(cases, limit_of_cursors);
    tcase_add_test(cases, faults);
    tcase_add_test(cases, sized_lists_by_several);
    tcase_add_test(cases, lists_seen_by_several);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
