/* slot_test.c -- what a word of an object is: as declared, and as the marker takes it. */
#include "gc/slot.h"

#include <string.h>

#include "gc/scan.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define BOX (UINT64_C(0xfffc) << 48)
static const tri_encoding boxed = TRI_ENCODING_NAN_BOX(BOX, BOX);
static const tri_encoding tagged = TRI_ENCODING_LOW_TAG(7, 1);

static void create(void)
{
    fake_port_reset();
    tri_heap_options options;
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.value_encoding = boxed;
    fixture_begin(&options, 1);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* ---- Declarations ---------------------------------------------------------------------------- */

/* A function that takes each word for all that it may be. */
static void trace(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    struct marker *marker = marker_of(visitor);
    for (size_t i = 0; i < bytes / WORD_BYTES; i++) {
        uintptr_t word = load_relaxed(fixture_slot(object, i));
        shade(marker, word);
        shade_value(marker, &boxed, word);
        shade_value(marker, &tagged, word);
    }
}

/* A layout as a letter for each word: p pointer, v value, - plain. One letter alone for what needs
 * no fields: L leaf, V all words, C conservative, T traced. */
struct declared {
    const char *head;
    size_t head_words;
    const char *trailing; /* NULL: none */
    size_t trailing_words;
    size_t count;                 /* of trailing elements, or of those of an array; 0: one object */
    const tri_encoding *encoding; /* NULL: the heap's */
};

#define LONG_GAP "----------------------------------------------------------------------"

static const struct declared declarations[] = {
    {"L", 5, NULL, 0, 0, NULL},
    {"p--v", 4, NULL, 0, 0, NULL},
    {"p--v", 4, NULL, 0, 0, &tagged},
    {"-p---", 5, NULL, 0, 0, NULL}, /* the slot has a tail of one word */
    {"v----", 5, NULL, 0, 0, NULL}, /* a tail that a second element would fit into */
    {"pv" LONG_GAP "pv", 74, NULL, 0, 0, NULL},
    {LONG_GAP "v-p-", 74, NULL, 0, 0, &tagged},
    {"V", 6, NULL, 0, 0, NULL},
    {"V", 7, NULL, 0, 0, &tagged},
    {"C", 6, NULL, 0, 0, NULL},
    {"T", 6, NULL, 0, 0, NULL},
    {"-v-", 3, NULL, 0, 7, NULL}, /* arrays */
    {"p", 1, NULL, 0, 9, NULL},
    {"L", 2, NULL, 0, 9, NULL},
    {"V", 3, NULL, 0, 5, &tagged},
    {"C", 3, NULL, 0, 5, NULL},
    {"-p", 2, "v-p", 3, 4, NULL},
    {"-p", 2, "--v", 3, 5, &tagged},
    {"L", 3, "V", 1, 6, NULL},
    {"L", 3, "L", 1, 6, NULL},
    {"V", 2, "L", 1, 6, NULL},
    {"C", 2, "p-", 2, 6, NULL},
    {"p-", 2, "T", 2, 6, NULL},
    {"v-", 2, "C", 2, 6, NULL},
    {"T", 2, "p-", 2, 6, NULL},
    {"V", 900, NULL, 0, 0, NULL},    /* a span of several pages */
    {"p-", 2, NULL, 0, 40000, NULL}, /* a large object */
};

/* Fields for letters; their number. */
static uint32_t list_fields(const char *letters, size_t words, tri_field *fields)
{
    uint32_t count = 0;
    for (size_t i = 0; i < words; i++) {
        if (letters[i] != '-') {
            fields[count++] = (tri_field){(uint32_t)(i * WORD_BYTES),
                                          letters[i] == 'p' ? TRI_FIELD_POINTER : TRI_FIELD_VALUE};
        }
    }
    return count;
}

static tri_layout layout_of(const char *letters, size_t words, tri_field *fields,
                            const tri_encoding *encoding)
{
    tri_layout layout = TRI_LAYOUT(TRI_LAYOUT_LEAF);
    switch (letters[0]) {
    case 'L':
        break;
    case 'V':
        layout.kind = TRI_LAYOUT_ALL_WORDS;
        break;
    case 'C':
        layout.kind = TRI_LAYOUT_CONSERVATIVE;
        break;
    case 'T':
        layout = TRI_LAYOUT_TRACED_BY(trace);
        break;
    default:
        layout.kind = TRI_LAYOUT_FIELDS;
        layout.fields = fields;
        layout.field_count = list_fields(letters, words, fields);
    }
    layout.encoding = encoding;
    return layout;
}

static tri_type *declare(const struct declared *declared)
{
    tri_field head[100];
    tri_field trailing[100];
    tri_type_desc desc = TRI_TYPE_DESC("declared", char);
    desc.size = declared->head_words * WORD_BYTES;
    desc.layout = layout_of(declared->head, declared->head_words, head, declared->encoding);
    if (declared->trailing != NULL) {
        desc.trailing_size = declared->trailing_words * WORD_BYTES;
        desc.trailing_layout =
            layout_of(declared->trailing, declared->trailing_words, trailing, declared->encoding);
    }
    tri_type *type = fixture_define(&desc);
    fixture_promote(type);
    return type;
}

static char *make(const struct declared *declared, tri_type *type)
{
    if (declared->trailing != NULL) {
        return fixture_new_trailing(type, declared->count);
    }
    return declared->count > 0 ? fixture_new_array(type, declared->count) : fixture_new(type);
}

/* What letters, which repeat every words words in bytes bytes, say of word number index. */
static char letter_in(const char *letters, size_t words, size_t bytes, size_t index)
{
    size_t last = words; /* words up to the last reference */
    if (strchr("LVCT", letters[0]) == NULL) {
        while (letters[last - 1] == '-') {
            last--;
        }
    }
    size_t element = index / words;
    if (letters[0] == 'L' || (element * words + last) * WORD_BYTES > bytes) {
        return '-';
    }
    return strchr("VCT", letters[0]) != NULL ? letters[0] : letters[index % words];
}

static char letter_at(const struct declared *declared, size_t bytes, size_t index)
{
    size_t head = declared->head_words;
    if (declared->head[0] == 'T') {
        return 'T'; /* the function is given all of the object */
    }
    if (declared->trailing == NULL) {
        return letter_in(declared->head, head, bytes, index);
    }
    if (index < head) {
        return letter_in(declared->head, head, head * WORD_BYTES, index);
    }
    return letter_in(declared->trailing, declared->trailing_words, bytes - head * WORD_BYTES,
                     index - head);
}

/* Words of a large object that are looked at. */
static bool is_looked_at(size_t index, size_t words)
{
    return words < 2000 || index < 100 || index + 100 > words || index % 1009 < 2 ||
           index % (OBLET_BYTES / WORD_BYTES) < 3;
}

START_TEST(as_declared)
{
    const struct declared *declared = &declarations[_i];
    tri_type *type = declare(declared);
    struct object_place place;
    ck_assert(object_find(fixture.heap, (uintptr_t)make(declared, type), &place));
    for (size_t i = 0; i < place.bytes / WORD_BYTES; i++) {
        struct slot slot = slot_at(type, place.bytes, i * WORD_BYTES);
        char letter = letter_at(declared, place.bytes, i);
        enum slot_kind want = letter == 'p'                    ? SLOT_POINTER
                              : letter == 'v' || letter == 'V' ? SLOT_VALUE
                              : letter == 'C'                  ? SLOT_CANDIDATE
                              : letter == 'T'                  ? SLOT_TRACED
                                                               : SLOT_PLAIN;
        if (slot.kind != want) {
            ck_abort_msg("word %zu is %d, not %d", i, (int)slot.kind, (int)want);
        }
        const tri_encoding *encoding = declared->encoding != NULL ? declared->encoding : &boxed;
        EXPECT(want != SLOT_VALUE || memcmp(slot.encoding, encoding, sizeof *encoding) == 0);
    }
}
END_TEST

/* ---- As the marker takes it ------------------------------------------------------------------ */

/* Whether the marker finds target in object, all of whose other words are zero. */
static bool is_found(const struct object_place *place, const char *target)
{
    struct marker marker;
    uintptr_t entry =
        (uintptr_t)span_slot_address(&fixture.heap->page_heap.spans, place->span, place->slot);
    fixture_begin_marker(&marker);
    do { /* the pieces of a large object */
        (void)scan_entry(&marker, entry);
    } while (mark_stack_pop(&marker.stack, &entry));
    fixture_end_marker(&marker);
    struct object_place found;
    EXPECT(object_find(fixture.heap, (uintptr_t)target, &found));
    bool marked = span_is_marked(found.span, found.slot);
    found.span->bits[found.slot / 64].mark = 0;
    return marked;
}

/* [slot.1]: word for word, in each form that a reference can have, and in some that none has. */
START_TEST(as_marked)
{
    const struct declared *declared = &declarations[_i];
    tri_type *type = declare(declared);
    tri_type *leaf = fixture_type(16, TRI_LAYOUT_LEAF);
    char *target = fixture_new(leaf);
    struct object_place place;
    ck_assert(object_find(fixture.heap, (uintptr_t)make(declared, type), &place));
    (void)declare(&declarations[2]); /* so that the heap knows both encodings */
    uintptr_t address = (uintptr_t)target + 8;
    const uintptr_t forms[] = {
        address, BOX | address, address | 1, address | 2, BOX >> 1 | address, 0, BOX};
    size_t references = 0;
    for (size_t i = 0; i < place.bytes / WORD_BYTES; i++) {
        for (size_t k = 0; is_looked_at(i, place.bytes / WORD_BYTES) && k < ARRAY_LENGTH(forms);
             k++) {
            uintptr_t *word = fixture_slot(place.object, i);
            struct slot slot = slot_at(type, place.bytes, i * WORD_BYTES);
            uintptr_t leads_to = slot_target(fixture.heap, slot, forms[k]);
            store_relaxed(word, forms[k]);
            if (is_found(&place, target) != (leads_to != 0)) {
                ck_abort_msg("word %zu, %#" PRIxPTR ": the marker sees it otherwise", i, forms[k]);
            }
            EXPECT(leads_to == 0 || leads_to - (uintptr_t)target < 16);
            references += leads_to != 0;
        }
        store_relaxed(fixture_slot(place.object, i), (uintptr_t)0);
    }
    bool has_references = type->layout.kind != LAYOUT_LEAF ||
                          (declared->trailing != NULL && declared->trailing[0] != 'L');
    ck_assert((references > 0) == has_references);
}
END_TEST

/* ---- Where there is no object ---------------------------------------------------------------- */

/* A declared reference counts where it leads into the heap, a candidate only where it leads to an
 * object. */
START_TEST(no_object)
{
    tri_type *type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    char *object = fixture_new(type);
    uintptr_t free_page = (uintptr_t)object + 100 * PAGE_BYTES;
    int outside;
    ck_assert(address_space_contains(&fixture.heap->page_heap.space, free_page));
    const struct slot pointer = {SLOT_POINTER, NULL};
    const struct slot value = {SLOT_VALUE, &boxed};
    const struct slot candidate = {SLOT_CANDIDATE, NULL};
    const struct slot traced = {SLOT_TRACED, NULL};
    const struct slot plain = {SLOT_PLAIN, NULL};
    const struct tri_heap *heap = fixture.heap;
    ck_assert_uint_eq(slot_target(heap, pointer, free_page), free_page);
    ck_assert_uint_eq(slot_target(heap, value, BOX | free_page), free_page);
    ck_assert_uint_eq(slot_target(heap, candidate, free_page), 0);
    ck_assert_uint_eq(slot_target(heap, traced, free_page), 0);
    ck_assert_uint_eq(slot_target(heap, traced, BOX | free_page), 0);
    ck_assert_uint_eq(slot_target(heap, plain, (uintptr_t)object), 0);
    ck_assert_uint_eq(slot_target(heap, pointer, (uintptr_t)&outside), 0);
    ck_assert_uint_eq(slot_target(heap, value, BOX | (uintptr_t)&outside), 0);
    ck_assert_uint_eq(slot_target(heap, candidate, (uintptr_t)object), (uintptr_t)object);
    ck_assert_uint_eq(slot_target(heap, traced, BOX | (uintptr_t)object), (uintptr_t)object);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slot");
    TCase *cases = tcase_create("slot");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, as_declared, 0, (int)ARRAY_LENGTH(declarations));
    tcase_add_loop_test(cases, as_marked, 0, (int)ARRAY_LENGTH(declarations));
    tcase_add_test(cases, no_object);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
