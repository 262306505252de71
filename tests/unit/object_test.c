/* object_test.c -- every address leads to the object around it, or to none. */
#include "gc/object.h"

#include "gc/mark.h"
#include "gc/sweep.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static void create(void)
{
    fake_port_reset();
    fixture_begin(NULL, 1);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

static bool find(const void *address, struct object_place *place)
{
    return object_find(fixture.heap, (uintptr_t)address, place);
}

/* Every byte of span: the first live slots hold objects of type, skip bytes from their start, and
 * all else is nothing [object.1]. */
static void check_span_of(const char *object, uint32_t live, tri_type *type, size_t skip)
{
    struct span *span = fixture_span(object);
    char *base = span_base(&fixture.heap->page_heap.spans, span);
    size_t slot_bytes = span->slot_bytes;
    for (size_t offset = 0; offset < span_bytes(span); offset++) {
        struct object_place place;
        size_t slot = offset / slot_bytes;
        size_t within = offset % slot_bytes;
        bool found = find(base + offset, &place);
        EXPECT(found == (slot < live && within >= skip));
        if (found) {
            EXPECT(place.span == span && place.slot == slot && place.type == type);
            EXPECT(place.object == base + slot * slot_bytes + skip);
            EXPECT(place.bytes == slot_bytes - skip);
        }
    }
}

/* [object.1]: spans of one type, every class; free slots and the tail are nothing. */
START_TEST(own_spans)
{
    for (unsigned size_class = 2; size_class < SIZE_CLASS_COUNT; size_class++) {
        tri_type *type = fixture_type(size_class_bytes[size_class], TRI_LAYOUT_LEAF);
        fixture_promote(type);
        uint32_t live = size_class_slots[size_class] > 3 ? 3 : 1;
        const char *object = NULL;
        for (uint32_t i = 0; i < live; i++) {
            object = fixture_new(type);
        }
        fixture_flush();
        check_span_of(object, live, type, 0);
    }
}
END_TEST

/* [object.1]: mixed spans; the header in front of an object is nothing, either. */
START_TEST(mixed_spans)
{
    for (unsigned size_class = 2; size_class < SIZE_CLASS_COUNT; size_class++) {
        tri_type *type =
            fixture_type(size_class_bytes[size_class] - MIXED_HEADER_BYTES, TRI_LAYOUT_LEAF);
        const char *object = fixture_new(type);
        fixture_flush();
        check_span_of(object, 1, type, MIXED_HEADER_BYTES);
    }
}
END_TEST

/* A slot of a mixed span that a run has taken, but that is no object yet. */
START_TEST(mixed_slot_without_object)
{
    tri_type *type = fixture_type(24, TRI_LAYOUT_LEAF);
    char *object = fixture_new(type);
    struct object_place place;
    ck_assert(find(object + 23, &place));
    ck_assert(span_is_allocated(place.span, place.slot + 1));
    ck_assert(!find(object + 32, &place));
    ck_assert(!find(object + 32 - MIXED_HEADER_BYTES, &place));
    ck_assert_ptr_eq(fixture_new(type), object + 32);
    ck_assert(find(object + 32, &place));
    ck_assert_ptr_eq(place.type, type);
}
END_TEST

/* The same in pages that were full of other things [alloc.4]. */
START_TEST(mixed_slot_in_used_memory)
{
    tri_type *bytes = fixture_type(SMALL_SIZE_MAX, TRI_LAYOUT_LEAF);
    for (unsigned i = 0; i < 64; i++) {
        memset(fixture_new(bytes), 0xaa, SMALL_SIZE_MAX);
    }
    fixture_collect();
    tri_type *type = fixture_type(24, TRI_LAYOUT_LEAF);
    char *object = fixture_new(type);
    const struct span *span = fixture_span(object);
    ck_assert(span_is_mixed(span) && span->needs_zero);
    for (uint32_t slot = 1; slot < span->slots; slot++) {
        struct object_place place;
        EXPECT(span_is_allocated(span, slot));
        EXPECT(!find(object + (size_t)slot * span->slot_bytes, &place));
    }
}
END_TEST

static const size_t large_sizes[] = {SMALL_SIZE_MAX + 1, 5 * PAGE_BYTES, 5 * PAGE_BYTES + 1,
                                     4 * OBLET_BYTES, 3 * MIB};

START_TEST(large_objects)
{
    size_t bytes = large_sizes[_i];
    tri_type *type = fixture_type(bytes, TRI_LAYOUT_LEAF);
    char *object = fixture_new(type);
    size_t all = align_up(bytes, PAGE_BYTES);
    struct object_place place;
    for (size_t offset = 0; offset < all; offset += offset % PAGE_BYTES == 8191 ? 1 : 91) {
        EXPECT(find(object + offset, &place));
        EXPECT(place.object == object && place.bytes == all && place.slot == 0);
        EXPECT(place.type == type && place.span == fixture_span(object));
    }
    ck_assert(find(object + all - 1, &place));
    ck_assert(!find(object + all, &place));
    ck_assert(!find(object - 1, &place));
    fixture_collect(); /* nobody holds it */
    for (size_t offset = 0; offset < all; offset += PAGE_BYTES) {
        ck_assert(!find(object + offset, &place));
    }
}
END_TEST

/* [object.1]: a large object that is still being zeroed is not there. */
START_TEST(unpublished)
{
    bool zero;
    page_index first = page_heap_take(&fixture.heap->page_heap, NULL, 9, &zero);
    struct span_shape shape = {
        .first = first, .pages = 9, .type = fixture_type(9 * PAGE_BYTES, TRI_LAYOUT_LEAF)};
    struct span *span = span_init(&fixture.heap->page_heap.spans, &shape);
    char *base = span_base(&fixture.heap->page_heap.spans, span);
    span->bits[0].allocated = 1;
    struct object_place place;
    for (size_t page = 0; page < 9; page++) {
        ck_assert(!find(base + page * PAGE_BYTES, &place));
    }
    span_publish(span);
    for (size_t page = 0; page < 9; page++) {
        ck_assert(find(base + page * PAGE_BYTES, &place));
        ck_assert_ptr_eq(place.object, base);
    }
    span->bits[0].allocated = 0;
    ck_assert(!find(base, &place));
}
END_TEST

/* The look at the mark alone agrees with the whole look-up, wherever an address leads. */
START_TEST(seen_marked)
{
    static const size_t sizes[] = {16, 48, 208, 1024, SMALL_SIZE_MAX, 5 * PAGE_BYTES + 1};
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        tri_type *type = fixture_type(sizes[i], TRI_LAYOUT_LEAF);
        struct marker marker;
        fixture_promote(type);
        char *marked = fixture_new(type);
        char *white = fixture_new(type);
        fixture_flush();
        fixture_begin_marker(&marker);
        shade(&marker, (uintptr_t)marked);
        marker_destroy(&marker);
        for (const char *at = marked - PAGE_BYTES; at < white + 2 * PAGE_BYTES; at += 8) {
            struct object_place place;
            bool reached =
                find(at, &place) && object_is_reached(fixture.heap, place.span, place.slot);
            EXPECT(object_is_seen_marked(fixture.heap, (uintptr_t)at) == reached);
        }
        ck_assert(object_is_seen_marked(fixture.heap, (uintptr_t)marked));
        ck_assert(!object_is_seen_marked(fixture.heap, (uintptr_t)white));
        fixture_unmark();
    }
}
END_TEST

START_TEST(outside)
{
    uintptr_t base = fixture.heap->page_heap.space.base;
    size_t bytes = fixture.heap->page_heap.space.bytes;
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    char *object = fixture_new(type);
    char *page = object - (uintptr_t)object % PAGE_BYTES;
    const uintptr_t words[] = {0,
                               1,
                               UINTPTR_MAX,
                               base - 1,
                               base + bytes,
                               base + bytes - 1, /* never grown */
                               base + CHUNK_BYTES,
                               base + CHUNK_BYTES - 1,       /* a free page */
                               (uintptr_t)page + PAGE_BYTES, /* the next one */
                               (uintptr_t)&base,             /* the C stack */
                               (uintptr_t)object | (uintptr_t)1 << 63};
    struct object_place place;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        ck_assert_msg(!object_find(fixture.heap, words[i], &place), "word %zu", i);
        ck_assert_msg(!object_is_seen_marked(fixture.heap, words[i]), "word %zu", i);
    }
    ck_assert(object_find(fixture.heap, (uintptr_t)object, &place));
}
END_TEST

/* What the sweep freed is nothing any more; what it left is there. */
START_TEST(after_a_sweep)
{
    enum {
        COUNT = 500
    };
    tri_type *type = fixture_type(48, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    char *objects[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        objects[i] = fixture_new(type);
        if (i % 3 == 0) {
            fixture_keep(objects[i] + i % 48);
        }
    }
    fixture_collect();
    for (unsigned i = 0; i < COUNT; i++) {
        struct object_place place;
        EXPECT(find(objects[i], &place) == (i % 3 == 0));
        EXPECT(find(objects[i] + 47, &place) == (i % 3 == 0));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("object");
    TCase *cases = tcase_create("object");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, own_spans);
    tcase_add_test(cases, mixed_spans);
    tcase_add_test(cases, mixed_slot_without_object);
    tcase_add_test(cases, mixed_slot_in_used_memory);
    tcase_add_loop_test(cases, large_objects, 0, (int)ARRAY_LENGTH(large_sizes));
    tcase_add_test(cases, unpublished);
    tcase_add_test(cases, seen_marked);
    tcase_add_test(cases, outside);
    tcase_add_test(cases, after_a_sweep);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
