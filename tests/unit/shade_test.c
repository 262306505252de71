/* shade_test.c -- white objects turn grey, once; what is no object stays untouched. */
#include "gc/shade.h"

#include <string.h>

#include "gc/object.h"
#include "gc/scan.h"
#include "gc/weak_word.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct marker marker;

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

/* Mark bits of the whole heap. */
static size_t count_marks(void)
{
    const struct span_table *spans = &fixture.heap->page_heap.spans;
    size_t count = 0;
    for (page_index page = 0; page < spans->pages; page++) {
        for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
            count += bit_count(span_at(spans, page)->bits[i].mark);
        }
    }
    return count;
}

/* ---- Objects --------------------------------------------------------------------------------- */

/* What marker has queued, which is no more than one entry, or a span; 0: nothing. */
static uintptr_t pop_all(void)
{
    uintptr_t entry = 0;
    uintptr_t other;
    bool single = mark_stack_pop(&marker.stack, &entry);
    EXPECT(!mark_stack_pop(&marker.stack, &other));
    struct span *span = mark_queue_pop(&marker.queue);
    EXPECT(mark_queue_pop(&marker.queue) == NULL);
    if (span != NULL) {
        EXPECT(!single && span->grey == SPAN_QUEUED);
        span->grey = SPAN_IDLE;
    }
    return single ? entry : (uintptr_t)span;
}

/* Shade object by way of one byte of it; [shade.2]: where it may hold references it is queued by
 * the start of its slot, or its span is. */
static void shade_once(char *object, size_t offset, bool queued)
{
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
    uint64_t objects = marker.marked_objects;
    uint64_t bytes = marker.marked_bytes;
    const void *start = span_slot_address(&fixture.heap->page_heap.spans, place.span, place.slot);
    for (unsigned twice = 0; twice < 2; twice++) { /* [shade.1] */
        shade(&marker, (uintptr_t)object + offset);
        EXPECT(span_is_marked(place.span, place.slot));
        EXPECT(marker.marked_objects == objects + 1);
        EXPECT(marker.marked_bytes == bytes + span_object_bytes(place.span));
    }
    const void *wanted = span_is_queued_whole(place.span) ? (const void *)place.span : start;
    EXPECT(pop_all() == (queued ? (uintptr_t)wanted : 0));
}

/* By every byte of an object of every class, in spans of one type and in mixed ones. */
START_TEST(every_byte)
{
    bool alone = _i == 0;
    for (unsigned size_class = 2; size_class < SIZE_CLASS_COUNT; size_class++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            bool leaf = kind == 0;
            bool mixed = kind == 2;
            size_t size = size_class_bytes[size_class] - (mixed ? MIXED_HEADER_BYTES : 0);
            tri_type *type = fixture_type(size, leaf ? TRI_LAYOUT_LEAF : TRI_LAYOUT_ALL_WORDS);
            if (!mixed) {
                fixture_promote(type);
            }
            char *object = fixture_new(type);
            fixture_begin_marker(&marker);
            marker.alone = alone;
            size_t step = size < 2000 ? 1 : size / 131;
            for (size_t offset = 0; offset < size; offset += step) {
                shade_once(object, offset, !leaf);
                fixture_span(object)->bits[0].mark = 0;
            }
            shade_once(object, size - 1, !leaf);
            EXPECT(span_count_marked(fixture_span(object)) == 1);
            fixture_end_marker(&marker);
            fixture_unmark();
        }
    }
}
END_TEST

START_TEST(large)
{
    size_t bytes = 700 * PAGE_BYTES + 5;
    char *object = fixture_new(fixture_type(bytes, TRI_LAYOUT_CONSERVATIVE));
    fixture_begin_marker(&marker);
    for (size_t offset = 0; offset < bytes; offset += PAGE_BYTES / 2) {
        shade_once(object, offset, true);
        fixture_span(object)->bits[0].mark = 0;
    }
    ck_assert_uint_eq(marker.marked_bytes % (701 * PAGE_BYTES), 0);
    fixture_end_marker(&marker);
}
END_TEST

START_TEST(values)
{
    const tri_encoding tagged = TRI_ENCODING_LOW_TAG(7, 3);
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    char *objects[8];
    for (uintptr_t tag = 0; tag < 8; tag++) {
        objects[tag] = fixture_new(type);
    }
    fixture_begin_marker(&marker);
    for (uintptr_t tag = 0; tag < 8; tag++) {
        shade_value(&marker, &tagged, (uintptr_t)objects[tag] | tag);
    }
    for (uintptr_t tag = 0; tag < 8; tag++) {
        ck_assert(fixture_is_marked(objects[tag]) == (tag == 3));
    }
    shade_value(&marker, &tagged, 3); /* the reference to nothing */
    ck_assert_uint_eq(marker.marked_objects, 1);
    fixture_end_marker(&marker);
}
END_TEST

/* ---- No objects ------------------------------------------------------------------------------ */

#define NOWHERE_MAX 32

/* Addresses inside the heap where no object is. */
static size_t collect_nowheres(uintptr_t *words)
{
    size_t count = 0;
    const struct span_table *spans = &fixture.heap->page_heap.spans;
    tri_type *type = fixture_type(5 * 1024, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    char *object = fixture_new(type);
    char *dead = fixture_new(fixture_type(100 * PAGE_BYTES, TRI_LAYOUT_ALL_WORDS));
    char *gone = fixture_new(fixture_type(100 * PAGE_BYTES, TRI_LAYOUT_ALL_WORDS));
    fixture_keep(fixture_new(fixture_type(5 * PAGE_BYTES, TRI_LAYOUT_LEAF))); /* a wall */
    fixture_keep(object);
    fixture_collect();
    struct span *span = fixture_span(object);
    char *base = span_base(spans, span);
    words[count++] = (uintptr_t)object + span->slot_bytes; /* a free slot: its first byte, ... */
    words[count++] = (uintptr_t)object + 2 * span->slot_bytes - 1;               /* its last */
    words[count++] = (uintptr_t)span_slot_address(spans, span, span->slots - 1); /* the last slot */
    ck_assert_uint_lt((size_t)span->slots * span->slot_bytes, span_bytes(span));
    words[count++] = (uintptr_t)base + (size_t)span->slots * span->slot_bytes; /* the tail */
    words[count++] = (uintptr_t)base + span_bytes(span) - 1;
    words[count++] = (uintptr_t)gone; /* a free page, of a span that is no more */
    words[count++] = (uintptr_t)gone + 99 * PAGE_BYTES;
    words[count++] =
        fixture.heap->page_heap.space.base + spans->pages * PAGE_BYTES - 1; /* the last page */
    /* Where a large object was a shorter one begins; the pages behind it still name its first. */
    ck_assert_ptr_eq(fixture_new(fixture_type(60 * PAGE_BYTES, TRI_LAYOUT_ALL_WORDS)), dead);
    words[count++] = (uintptr_t)dead + 60 * PAGE_BYTES;
    words[count++] = (uintptr_t)dead + 99 * PAGE_BYTES;
    bool zero;
    struct span_shape shape = {.pages = 300, .type = type, .scannable = true};
    shape.first = page_heap_take(&fixture.heap->page_heap, NULL, shape.pages, &zero);
    struct span *unpublished = span_init(spans, &shape);
    unpublished->bits[0].allocated = 1;
    words[count++] = (uintptr_t)span_base(spans, unpublished);
    words[count++] = (uintptr_t)span_base(spans, unpublished) + 299 * PAGE_BYTES + 8;
    ck_assert_uint_le(count, NOWHERE_MAX);
    return count;
}

static void shade_word(void *word)
{
    shade(&marker, *(const uintptr_t *)word);
}

/* [shade.3]: no mark appears anywhere; where gcverify=1 asked for it, a precise reference into
 * nothing ends the process, a candidate does not. */
START_TEST(nowhere)
{
    uintptr_t words[NOWHERE_MAX];
    size_t count = collect_nowheres(words);
    fixture_begin_marker(&marker);
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_null(fake_port_death_of(shade_word, &words[i]));
        marker.check_dead = true;
        marker.conservative = true;
        ck_assert_ptr_null(fake_port_death_of(shade_word, &words[i]));
        marker.conservative = false;
        const char *message = fake_port_death_of(shade_word, &words[i]);
        ck_assert_msg(message != NULL && strstr(message, "points to memory that is not an object"),
                      "word %zu: %s", i, message);
        char address[32];
        (void)snprintf(address, sizeof address, "%p", (void *)words[i]);
        ck_assert_msg(strstr(message, address) != NULL, "%s", message);
        marker.check_dead = false;
        ck_assert_uint_eq(count_marks(), 0);
    }
    ck_assert_uint_eq(marker.marked_objects, 0);
    fixture_end_marker(&marker);
}
END_TEST

/* Outside the heap there is nothing to be wrong about. */
START_TEST(outside)
{
    (void)fixture_new(fixture_type(64, TRI_LAYOUT_ALL_WORDS));
    fixture_begin_marker(&marker);
    marker.check_dead = true;
    const uintptr_t words[] = {0,
                               8,
                               UINTPTR_MAX,
                               marker.base - 1,
                               marker.base + marker.bytes,
                               marker.base + fixture.heap->page_heap.space.bytes,
                               (uintptr_t)words,
                               marker.base | (uintptr_t)1 << 63};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        shade(&marker, words[i]);
    }
    ck_assert_uint_eq(count_marks(), 0);
    fixture_end_marker(&marker);
}
END_TEST

/* ---- Rows ------------------------------------------------------------------------------------ */

#define ROW_OBJECTS 3000
#define ROW_WORDS   4000

static const tri_encoding plain = {.mask = 0, .pattern = 0, .address = UINTPTR_MAX};

/* Objects of a leaf, of a type whose spans are queued whole, of one whose objects are queued
 * singly, and large ones; what is expected of each; and words that lead to them. */
static struct {
    char *objects[ROW_OBJECTS];
    bool wanted[ROW_OBJECTS];
    uintptr_t words[ROW_WORDS];
} rows;

static void make_row_objects(void)
{
    tri_type *types[] = {fixture_type(80, TRI_LAYOUT_LEAF), fixture_type(48, TRI_LAYOUT_ALL_WORDS),
                         fixture_type(640, TRI_LAYOUT_CONSERVATIVE),
                         fixture_type(5 * PAGE_BYTES, TRI_LAYOUT_LEAF)};
    for (size_t i = 0; i < 3; i++) {
        fixture_promote(types[i]);
    }
    for (size_t i = 0; i < ROW_OBJECTS; i++) {
        rows.objects[i] = fixture_new(types[i % 97 == 0 ? 3 : i / 1000]);
        rows.wanted[i] = false;
    }
}

/* Runs of objects as they were allocated, forwards and backwards, by any of their bytes, with
 * words between that lead nowhere. */
static void make_rows(uint64_t *random, const uintptr_t *nowheres, size_t nowhere_count)
{
    size_t object = 0;
    size_t step = 1;
    for (size_t i = 0; i < ROW_WORDS; i++) {
        switch (unit_random_below(random, 40)) {
        case 0:
            rows.words[i] = 0;
            continue;
        case 1:
            rows.words[i] = nowheres[unit_random_below(random, nowhere_count)];
            continue;
        case 2:
            object = unit_random_below(random, ROW_OBJECTS);
            step = unit_random_below(random, 3) + ROW_OBJECTS - 1;
            break;
        default:
            object = (object + step) % ROW_OBJECTS;
            break;
        }
        rows.words[i] = (uintptr_t)rows.objects[object] + unit_random_below(random, 48);
        rows.wanted[object] = true;
    }
}

/* [shade.1], [shade.2]: what is wanted, and nothing else, is marked and counted, and is once in a
 * queue, or its span is. */
static void check_rows(void)
{
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t single = 0;
    uint64_t whole = 0;
    for (size_t i = 0; i < ROW_OBJECTS; i++) {
        struct span *span = fixture_span(rows.objects[i]);
        ck_assert(fixture_is_marked(rows.objects[i]) == rows.wanted[i]);
        if (rows.wanted[i]) {
            count++;
            bytes += span_object_bytes(span);
            single += span->scannable && !span_is_queued_whole(span);
            if (span->grey == SPAN_QUEUED) {
                span->grey = SPAN_HELD; /* counted */
                whole++;
            }
            ck_assert(!span_is_queued_whole(span) || span->grey == SPAN_HELD);
        }
    }
    ck_assert_uint_eq(count_marks(), count);
    ck_assert_uint_eq(marker.marked_objects, count);
    ck_assert_uint_eq(marker.marked_bytes, bytes);
    ck_assert(single > 0 && whole > 0);
    uintptr_t entry;
    for (; mark_stack_pop(&marker.stack, &entry); single--) {
        struct object_place place;
        ck_assert(object_find(fixture.heap, entry, &place));
        ck_assert(span_is_marked(place.span, place.slot) && entry == (uintptr_t)place.object);
    }
    ck_assert_uint_eq(single, 0);
    for (struct span *span; (span = mark_queue_pop(&marker.queue)) != NULL; whole--) {
        ck_assert_uint_eq(span->grey, SPAN_HELD);
        span->grey = SPAN_IDLE;
    }
    ck_assert_uint_eq(whole, 0);
}

START_TEST(in_rows)
{
    uint64_t random = unit_seed();
    uintptr_t nowheres[NOWHERE_MAX];
    make_row_objects();
    for (size_t i = 0; i < ROW_OBJECTS; i++) {
        fixture_keep(rows.objects[i]);
    }
    size_t nowhere_count = collect_nowheres(nowheres);
    make_rows(&random, nowheres, nowhere_count);
    fixture_begin_marker(&marker);
    marker.alone = _i == 0;
    scan_values(&marker, &plain, rows.words, ROW_WORDS);
    check_rows();
    fixture_end_marker(&marker);
}
END_TEST

/* [shade.5] */
START_TEST(in_rows_too_late)
{
    uintptr_t nowhere = 8;
    uint64_t random = unit_seed();
    make_row_objects();
    make_rows(&random, &nowhere, 1);
    fixture_begin_marker(&marker);
    marker.alone = false;
    marker.of_mutator = true;
    fixture.heap->weak.word = WEAK_ENDED;
    scan_values(&marker, &plain, rows.words, ROW_WORDS);
    ck_assert_uint_eq(count_marks(), 0);
    ck_assert_uint_eq(marker.marked_objects, 0);
    ck_assert(mark_queue_is_empty(&marker.queue) && mark_stack_is_empty(&marker.stack));
    weak_reopen(fixture.heap);
    fixture_end_marker(&marker);
}
END_TEST

#define KEYS 100

/* Each object for which entries may wait is told of, once. */
START_TEST(keys_in_rows)
{
    tri_type *leaf = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(leaf);
    for (size_t i = 0; i < KEYS; i++) {
        char *object = fixture_new(leaf);
        fixture_span(object)->flags = SPAN_HAS_KEYS;
        rows.words[i] = rows.words[2 * KEYS - 1 - i] = (uintptr_t)object;
    }
    fixture_begin_marker(&marker);
    marker.discovers = true;
    scan_values(&marker, &plain, rows.words, 2 * KEYS);
    size_t count = 0;
    for (uintptr_t entry; mark_stack_pop(&marker.stack, &entry); count++) {
        ck_assert(entry & ENTRY_IS_KEY);
        ck_assert(fixture_is_marked((char *)(entry & ~ENTRY_IS_KEY)));
    }
    ck_assert_uint_eq(count, KEYS);
    fixture_end_marker(&marker);
}
END_TEST

/* ---- Overflow -------------------------------------------------------------------------------- */

/* [shade.2]: what cannot be queued is marked all the same, and noted. */
START_TEST(overflow)
{
    tri_type *leaf = fixture_type(64, TRI_LAYOUT_LEAF);
    tri_type *values_type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(leaf);
    fixture_promote(values_type);
    char *leaf_object = fixture_new(leaf);
    char *object = fixture_new(values_type);
    fixture_starve(0);
    fixture_begin_marker(&marker);
    shade(&marker, (uintptr_t)leaf_object);
    ck_assert_uint_eq(fixture.heap->mark.overflow, 0); /* nobody would queue it */
    shade(&marker, (uintptr_t)object);
    ck_assert_uint_eq(fixture.heap->mark.overflow, 1);
    ck_assert(fixture_is_marked(object) && fixture_is_marked(leaf_object));
    ck_assert_uint_eq(marker.marked_objects, 2);
    fixture_end_marker(&marker);
    fixture_feed();
}
END_TEST

/* ---- Several threads ------------------------------------------------------------------------- */

#define THREADS 4
#define OBJECTS (64 * 400) /* 50 spans */

static struct {
    uintptr_t objects[OBJECTS];
    struct marker markers[THREADS];
    struct meeting meeting;
} shared;

/* All threads shade the same 64 objects at the same time, whose mark bits lie in a word or two,
 * each in an order of its own, or some in a row. */
static void shade_all(void *seed, unsigned index)
{
    uint64_t random = *(const uint64_t *)seed + index;
    for (size_t first = 0; first < OBJECTS; first += 64) {
        fixture_meet(&shared.meeting, THREADS);
        size_t turn = unit_random_below(&random, 64);
        if (turn % 4 == 0) {
            scan_values(&shared.markers[index], &plain, &shared.objects[first], 64);
        }
        for (size_t i = 0; i < 64; i++) {
            size_t at = first + (turn + i) % 64;
            shade(&shared.markers[index], shared.objects[at] + i % 16);
        }
    }
}

/* What is in marker's queues. */
static uint64_t count_queued(struct marker *one)
{
    uintptr_t entry;
    struct span *span;
    uint64_t queued = 0;
    while (mark_stack_pop(&one->stack, &entry)) {
        queued++;
    }
    while ((span = mark_queue_pop(&one->queue)) != NULL) {
        EXPECT(span->grey == SPAN_QUEUED);
        span->grey = SPAN_IDLE;
        queued++;
    }
    return queued;
}

/* [shade.1]: each object is grey for one of them, and it or its span in one queue. */
START_TEST(threads)
{
    uint64_t seed = unit_seed();
    bool whole = _i == 1;
    tri_type *type = fixture_type(16, whole ? TRI_LAYOUT_ALL_WORDS : TRI_LAYOUT_CONSERVATIVE);
    fixture_promote(type);
    for (size_t i = 0; i < OBJECTS; i++) {
        shared.objects[i] = (uintptr_t)fixture_new(type);
    }
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < THREADS; i++) {
            fixture_begin_marker(&shared.markers[i]);
            shared.markers[i].alone = false;
        }
        fixture_run_threads(THREADS, shade_all, &seed);
        uint64_t marked = 0;
        uint64_t queued = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            marked += shared.markers[i].marked_objects;
            queued += count_queued(&shared.markers[i]);
            fixture_end_marker(&shared.markers[i]);
        }
        ck_assert_uint_eq(marked, OBJECTS);
        ck_assert_uint_eq(queued, whole ? OBJECTS / SPAN_SLOTS_MAX : OBJECTS);
        ck_assert_uint_eq(count_marks(), OBJECTS);
        fixture_unmark();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shade");
    TCase *cases = tcase_create("shade");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, every_byte, 0, 2);
    tcase_add_test(cases, large);
    tcase_add_test(cases, values);
    tcase_add_test(cases, nowhere);
    tcase_add_test(cases, outside);
    tcase_add_loop_test(cases, in_rows, 0, 2);
    tcase_add_test(cases, in_rows_too_late);
    tcase_add_test(cases, keys_in_rows);
    tcase_add_test(cases, overflow);
    tcase_add_loop_test(cases, threads, 0, 2);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
