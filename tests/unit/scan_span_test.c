/* scan_span_test.c -- all grey objects of a span, and what they lead to in it, are scanned once. */
#include "gc/scan_span.h"

#include "gc/mark.h"
#include "gc/object.h"
#include "gc/weak_word.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct marker marker;
static const struct span_table *table;
static tri_type *node; /* 4 words, all of them references: 256 a span */

#define NODE_BYTES 32
#define NODES      (PAGE_BYTES / NODE_BYTES)

static void create(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    fixture_begin(&options, 1);
    table = &fixture.heap->page_heap.spans;
    node = fixture_type(NODE_BYTES, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(node);
    fixture_begin_marker(&marker);
}

static void destroy(void)
{
    marker_destroy(&marker);
    fixture_unmark();
    fixture_end();
    fake_port_finish();
}

/* All objects of one span of nodes. */
static struct span *make_span(char **objects)
{
    do {
        objects[0] = fixture_new(node);
    } while (fixture_span(objects[0])->search != NODES ||
             span_slot_address(table, fixture_span(objects[0]), 0) != objects[0]);
    for (size_t i = 1; i < NODES; i++) {
        objects[i] = fixture_new(node);
        EXPECT(fixture_span(objects[i]) == fixture_span(objects[0]));
    }
    return fixture_span(objects[0]);
}

static void turn_grey(const char *object)
{
    mark_refresh(fixture.heap, &marker); /* the heap has grown since it was made */
    marker.check_dead = false;
    shade(&marker, (uintptr_t)object);
}

/* Scan it, once it was queued, as far as budget goes. */
static size_t scan(struct span *span, size_t budget)
{
    struct span *popped = mark_queue_pop(&marker.queue);
    EXPECT(popped == span && span->grey == SPAN_QUEUED);
    return scan_span(&marker, span, budget);
}

static uint32_t count_scanned(const struct span *span)
{
    uint32_t count = 0;
    for (size_t i = 0; i < span_bit_words(span); i++) {
        EXPECT((span->scanned[i] & ~span->bits[i].mark) == 0);
        count += bit_count(span->scanned[i]);
    }
    return count;
}

/* ---- Within one span ------------------------------------------------------------------------- */

/* A permutation of the slots: forwards, backwards, and by strides that cross words of bits. */
static size_t place_in_chain(size_t index, int kind)
{
    static const size_t strides[] = {1, NODES - 1, 3, 65, 127, 201};
    return index * strides[kind] % NODES;
}

/* A chain is followed from end to end in one go, whatever its direction, and marks, counts and
 * bytes are exact [scan_span.1]. */
START_TEST(chain)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    for (size_t i = 0; i + 1 < NODES; i++) {
        fixture_link(objects[place_in_chain(i, _i)], i % 4, objects[place_in_chain(i + 1, _i)]);
    }
    turn_grey(objects[0]);
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), PAGE_BYTES);
    ck_assert_uint_eq(marker.marked_objects, NODES);
    ck_assert_uint_eq(marker.marked_bytes, PAGE_BYTES);
    ck_assert_uint_eq(count_scanned(span), NODES);
    ck_assert_uint_eq(span->grey, SPAN_IDLE);
    ck_assert(mark_queue_is_empty(&marker.queue));
}
END_TEST

/* What goes back through a span is fetched ahead, as long as it goes on like that. */
START_TEST(going_back)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    for (size_t i = 1; i < NODES; i++) {
        fixture_link(objects[i], 0, objects[i - 1]);
    }
    turn_grey(objects[NODES - 1]);
    (void)scan(span, SIZE_MAX / 2);
    ck_assert(marker.goes_back);
    fixture_unmark();
    turn_grey(objects[MARK_BACK_OBJECTS - 2]); /* too few to tell */
    (void)scan(span, SIZE_MAX / 2);
    ck_assert(!marker.goes_back);
    fixture_unmark();
    fixture_link(objects[0], 1, objects[NODES - 1]); /* down, and up again, and down */
    turn_grey(objects[0]);
    (void)scan(span, SIZE_MAX / 2);
    ck_assert(!marker.goes_back);
    ck_assert_uint_eq(count_scanned(span), NODES);
}
END_TEST

/* Budgets cut it into pieces; what is left is grey, and the span queued [scan_span.4]. */
START_TEST(budget)
{
    static const size_t budgets[] = {1, NODE_BYTES, NODE_BYTES + 1, 1000, 2048, PAGE_BYTES - 1};
    char *objects[NODES];
    struct span *span = make_span(objects);
    for (size_t i = 0; i < NODES; i++) { /* a tree */
        for (size_t k = 1; k <= 2 && 2 * i + k < NODES; k++) {
            fixture_link(objects[i], k, objects[2 * i + k]);
        }
    }
    size_t scanned = 0;
    turn_grey(objects[0]);
    while (!mark_queue_is_empty(&marker.queue)) {
        size_t done = scan(span, budgets[_i]);
        ck_assert_uint_gt(done, 0);
        ck_assert_uint_lt(done, budgets[_i] + NODE_BYTES);
        scanned += done;
        ck_assert_uint_eq((size_t)count_scanned(span) * NODE_BYTES, scanned);
    }
    ck_assert_uint_eq(scanned, PAGE_BYTES);
    ck_assert_uint_eq(marker.marked_objects, NODES);
    ck_assert_uint_eq(span->grey, SPAN_IDLE);
}
END_TEST

/* Interior pointers, a ring, an object that refers to itself, and words that are no references. */
START_TEST(odd_references)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    fixture_link(objects[5], 0, objects[5]);
    fixture_link(objects[5], 1, objects[70] + NODE_BYTES - 1);
    fixture_link(objects[5], 3, objects[255] + 1);
    fixture_link(objects[70], 2, objects[5] + 9);
    *fixture_slot(objects[70], 0) = 12345;
    *fixture_slot(objects[70], 1) = UINTPTR_MAX;
    turn_grey(objects[5] + 3);
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), 3 * NODE_BYTES);
    ck_assert_uint_eq(span_count_marked(span), 3);
    ck_assert(fixture_is_marked(objects[255]));
}
END_TEST

/* A word that leads to a free slot of the span marks nothing. */
START_TEST(free_slot)
{
    char *first = fixture_new(node);
    char *second = fixture_new(node);
    fixture_flush(); /* the rest of the run is free */
    struct span *span = fixture_span(first);
    fixture_link(first, 0, second + NODE_BYTES);
    fixture_link(first, 1, second);
    turn_grey(first);
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), 2 * NODE_BYTES);
    ck_assert_uint_eq(span_count_marked(span), 2);
    span_check(table, span); /* [span.2] */
}
END_TEST

/* What was allocated black is marked, and neither scanned nor counted [span.8]; what others mark
 * beside it is. */
START_TEST(black_run)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    fixture_flush();
    span_give_run(span, 100, NODES - 100);
    span_enter_run(span, 100, 80, true);
    fixture_link(objects[120], 0, objects[7]); /* nobody looks there */
    fixture_link(objects[3], 0, objects[110]);
    fixture_link(objects[3], 1, objects[4]);
    turn_grey(objects[3]);
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), 2 * NODE_BYTES);
    ck_assert_uint_eq(marker.marked_objects, 2);
    ck_assert_uint_eq(count_scanned(span), 82);
    ck_assert(!fixture_is_marked(objects[7]));
    span_check(table, span);
    span_give_run(span, 100, 80);
    ck_assert_uint_eq(count_scanned(span), 2);
    span_enter_run(span, 100, NODES - 100, false);
}
END_TEST

/* [shade.5]: a mutator marks nothing more once marking has ended. */
START_TEST(after_the_end)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    fixture_link(objects[0], 0, objects[9]);
    turn_grey(objects[0]);
    marker.alone = false;
    marker.of_mutator = true;
    fixture.heap->weak.word = WEAK_ENDED;
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), NODE_BYTES);
    ck_assert_uint_eq(span_count_marked(span), 1);
    ck_assert_uint_eq(count_scanned(span), 1);
    weak_reopen(fixture.heap);
}
END_TEST

/* ---- Several spans --------------------------------------------------------------------------- */

/* A span is queued once, however many of its objects turn grey before it is scanned. */
START_TEST(queued_once)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    for (size_t i = 0; i < NODES; i += 3) {
        turn_grey(objects[i]);
        ck_assert_uint_eq(span->grey, SPAN_QUEUED);
    }
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), (NODES + 2) / 3 * NODE_BYTES);
    ck_assert_ptr_null(mark_queue_pop(&marker.queue));
    turn_grey(objects[0]); /* marked already */
    ck_assert_ptr_null(mark_queue_pop(&marker.queue));
    turn_grey(objects[1]);
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), NODE_BYTES);
}
END_TEST

/* Two spans that refer to each other: back and forth, until all of both is scanned. */
START_TEST(back_and_forth)
{
    char *a[NODES];
    char *b[NODES];
    (void)make_span(a);
    (void)make_span(b);
    for (size_t i = 0; i < NODES; i++) {
        fixture_link(a[i], 0, b[NODES - 1 - i]);
        if (i > 0) {
            fixture_link(b[i], 3, a[NODES - i]);
        }
    }
    turn_grey(a[0]);
    marker_exhaust(&marker);
    ck_assert_uint_eq(marker.marked_objects, 2 * NODES);
    ck_assert_uint_eq(marker.scanned_bytes, 2 * PAGE_BYTES);
}
END_TEST

/* A chain that leaves its span with each reference is followed object by object: each is on the
 * marker's stack, or on its way there, and counts as scanned for all others [scan_span.5]. What is
 * met from beside it, or while there is much to do, is grey in its span. */
START_TEST(singly)
{
    char *objects[2][NODES];
    struct span *span = make_span(objects[0]);
    struct span *other = make_span(objects[1]);
    struct pending_references pending = {.near = other->first};
    marker.alone = _i != 0;
    mark_refresh(fixture.heap, &marker);
    marker.pending = &pending;
    shade_offset(&marker, (uintptr_t)objects[0][70] - marker.base);
    ck_assert_uint_eq(span->grey, SPAN_IDLE);
    ck_assert_uint_eq(count_scanned(span), 1);
    ck_assert(fixture_is_marked(objects[0][70]));
    pending.near = span->first;
    shade_offset(&marker, (uintptr_t)objects[0][71] - marker.base);
    ck_assert_uint_eq(span->grey, SPAN_QUEUED);
    ck_assert_uint_eq(count_scanned(span), 1);
    for (size_t i = 0; i < MARK_CHAIN_WORK; i++) {
        shade_offset(&marker, (uintptr_t)objects[1][i] - marker.base);
    }
    ck_assert_uint_eq(other->grey, SPAN_QUEUED);
    ck_assert_uint_eq(count_scanned(other), MARK_CHAIN_WORK - 1);
    marker_exhaust(&marker);
    ck_assert_uint_eq(marker.marked_objects, MARK_CHAIN_WORK + 2);
    ck_assert_uint_eq(marker.scanned_bytes, (MARK_CHAIN_WORK + 2) * NODE_BYTES);
}
END_TEST

/* Who finds the scanned bit on leaves the object to the one who turned it on: a holder that has
 * scanned it between the mark and the claim. */
START_TEST(late_claim)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    struct pending_references pending = {.near = PAGE_NONE};
    mark_refresh(fixture.heap, &marker);
    marker.alone = false;
    marker.pending = &pending;
    span->scanned[1] = 2;
    shade_offset(&marker, (uintptr_t)objects[65] - marker.base);
    ck_assert(fixture_is_marked(objects[65]));
    ck_assert(mark_stack_is_empty(&marker.stack) && mark_queue_is_empty(&marker.queue));
}
END_TEST

static struct span *claimed; /* by another marker, while its span is held: its slot 0 */

static void claim_slot_0(struct marker *unused, uintptr_t address)
{
    (void)unused;
    (void)address;
    fetch_or_seq_cst(&claimed->scanned[0], UINT64_C(1)); /* pairs with nothing here */
}

/* A holder does not count what another one has claimed since it looked. */
START_TEST(claimed_meanwhile)
{
    char *objects[2][NODES];
    struct span *span = make_span(objects[0]);
    (void)make_span(objects[1]);
    fixture_link(objects[0][0], 0, objects[0][1]);
    fixture_link(objects[0][1], 0, objects[1][0]);
    marker.alone = false;
    turn_grey(objects[0][0]);
    claimed = span;
    marker.found = claim_slot_0;
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), NODE_BYTES);
    marker.found = NULL;
    ck_assert_uint_eq(count_scanned(span), 2);
    ck_assert_uint_eq(span->grey, SPAN_IDLE);
}
END_TEST

START_TEST(hopping)
{
    char *objects[2][NODES];
    struct span *spans[2] = {make_span(objects[0]), make_span(objects[1])};
    for (size_t i = 0; i < NODES; i++) { /* with a leaf beside each */
        fixture_link(objects[0][i], i % 4, objects[1][i]);
        if (i % 2 == 0) {
            fixture_link(objects[1][i], i % 4, objects[0][(i + 2) % NODES]);
            fixture_link(objects[1][i], (i + 1) % 4, objects[0][i + 1]);
        }
    }
    marker.alone = _i != 0;
    turn_grey(objects[0][0]);
    marker_exhaust(&marker);
    ck_assert_uint_eq(marker.marked_objects, 2 * NODES);
    ck_assert_uint_eq(marker.scanned_bytes, 2 * PAGE_BYTES);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(count_scanned(spans[i]), NODES);
        ck_assert_uint_eq(spans[i]->grey, SPAN_IDLE);
    }
}
END_TEST

/* Without memory for the queue the span is idle, the overflow is noted, and it is found again. */
START_TEST(no_memory)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    fixture_link(objects[0], 0, objects[9]);
    fixture_starve(0);
    turn_grey(objects[0]);
    ck_assert_uint_eq(fixture.heap->mark.overflow, 1);
    ck_assert_uint_eq(span->grey, SPAN_IDLE);
    ck_assert(mark_queue_is_empty(&marker.queue));
    turn_grey(objects[50]); /* tries again */
    ck_assert_uint_eq(span->grey, SPAN_IDLE);
    ck_assert_uint_eq(scan_span_idle(&marker, span), 3 * NODE_BYTES);
    ck_assert_uint_eq(scan_span_idle(&marker, span), 0);
    fixture_feed();
}
END_TEST

/* Where a span is queued, after an overflow, nobody else scans it. */
START_TEST(idle_only)
{
    char *objects[NODES];
    struct span *span = make_span(objects);
    turn_grey(objects[0]);
    ck_assert_uint_eq(scan_span_idle(&marker, span), 0);
    ck_assert_uint_eq(scan(span, SIZE_MAX / 2), NODE_BYTES);
}
END_TEST

/* ---- Which spans ----------------------------------------------------------------------------- */

static bool is_whole(size_t size, tri_layout_kind kind, uint32_t flags)
{
    tri_type_desc desc = {.desc_size = sizeof desc, .name = "T", .size = size, .flags = flags};
    desc.layout = TRI_LAYOUT(kind);
    tri_type *type = fixture_define(&desc);
    fixture_promote(type);
    return span_is_queued_whole(fixture_span(fixture_new(type)));
}

START_TEST(which_spans)
{
    ck_assert(is_whole(16, TRI_LAYOUT_ALL_WORDS, 0));
    ck_assert(is_whole(512, TRI_LAYOUT_ALL_WORDS, 0));
    ck_assert(!is_whole(520, TRI_LAYOUT_ALL_WORDS, 0));
    ck_assert(!is_whole(40000, TRI_LAYOUT_ALL_WORDS, 0));
    ck_assert(!is_whole(64, TRI_LAYOUT_CONSERVATIVE, 0));
    ck_assert(!is_whole(64, TRI_LAYOUT_LEAF, 0));
    ck_assert(!is_whole(64, TRI_LAYOUT_ALL_WORDS, TRI_TYPE_SAFEPOINT_ONLY));
    tri_type *mixed = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    ck_assert(!span_is_queued_whole(fixture_span(fixture_new(mixed))));
}
END_TEST

#define FIELD_WORDS 8
#define FIELD_BYTES (FIELD_WORDS * WORD_BYTES)
#define FIELD_SPAN  (PAGE_BYTES / FIELD_BYTES)

/* A type of 8 words of which those in mask are plain addresses, but for those that are also in
 * values. */
static tri_type *type_with(uint8_t mask, uint8_t values)
{
    tri_field fields[FIELD_WORDS];
    tri_type_desc desc = {.desc_size = sizeof desc, .name = "T", .size = FIELD_BYTES};
    desc.layout = (tri_layout){.kind = TRI_LAYOUT_FIELDS, .fields = fields};
    for (uint32_t i = 0; i < FIELD_WORDS; i++) {
        if (mask & (1U << i)) {
            tri_field_kind kind = values & (1U << i) ? TRI_FIELD_VALUE : TRI_FIELD_POINTER;
            fields[desc.layout.field_count++] = (tri_field){(uint32_t)(i * WORD_BYTES), kind};
        }
    }
    tri_type *type = fixture_define(&desc);
    fixture_promote(type);
    return type;
}

/* The words that are scanned: some, side by side or with others between, at the begin or the end of
 * an object, plain or not. What they refer to is marked, in this span and in others, and nothing
 * else is: not what the words beside them refer to. */
static const struct {
    uint8_t mask;
    uint8_t values;
} words_of[] = {
    {0x01, 0},    {0x80, 0},    {0x03, 0}, {0x18, 0},    {0x07, 0},    {0xe0, 0},    {0x0f, 0},
    {0x78, 0},    {0xf0, 0},    {0x1f, 0}, {0x05, 0},    {0x99, 0},    {0x7f, 0},    {0xff, 0},
    {0x01, 0x01}, {0x0f, 0x0f}, {0x3, 2},  {0xff, 0x55}, {0xff, 0xff}, {0xa5, 0x24},
};

START_TEST(which_words)
{
    uint8_t mask = words_of[_i].mask;
    tri_type *type = type_with(mask, words_of[_i].values);
    char *objects[4 * FIELD_SPAN];
    char *others[FIELD_SPAN];
    size_t count = 4 * FIELD_SPAN;
    for (size_t i = 0; i < count; i++) {
        objects[i] = fixture_new(type);
    }
    for (size_t i = 0; i < FIELD_SPAN; i++) {
        others[i] = fixture_new(type);
    }
    size_t next = 1; /* a tree, level by level, of as many children as the mask has words */
    for (size_t i = 0; i < count; i++) {
        for (size_t word = 0; word < FIELD_WORDS; word++) {
            if (!(mask & (1U << word))) {
                fixture_link(objects[i], word, others[i % FIELD_SPAN]);
            } else if (next < count) {
                fixture_link(objects[i], word, objects[next++]);
            }
        }
    }
    turn_grey(objects[0]);
    marker_exhaust(&marker);
    for (size_t i = 0; i < count; i++) {
        ck_assert(fixture_is_marked(objects[i]));
    }
    ck_assert_uint_eq(marker.marked_objects, count);
    ck_assert_uint_eq(marker.scanned_bytes, count * FIELD_BYTES);
}
END_TEST

/* Sizes of objects all of whose words may be references: some that no number of vectors fills. */
static const size_t sizes[] = {24, 32, 48, 64, 80, 96, 112, 128, 144, 176, 256, 512};

#define CHAIN_SPANS       4
#define CHAIN_OBJECTS_MAX (CHAIN_SPANS * PAGE_BYTES / 24)

/* A chain through objects of bytes bytes, each with one reference at a place of its own, and words
 * that are none: it is followed to its end, and into other spans. */
static void follow(enum scan_kernel kernel, size_t bytes)
{
    tri_type *type = fixture_type(bytes, TRI_LAYOUT_ALL_WORDS);
    char *objects[CHAIN_OBJECTS_MAX] = {NULL};
    size_t words = bytes / WORD_BYTES;
    size_t count = CHAIN_SPANS * PAGE_BYTES / bytes;
    fixture_promote(type);
    for (size_t i = 0; i < count; i++) {
        objects[i] = fixture_new(type);
    }
    for (size_t i = 0; i + 1 < count; i++) {
        fixture_link(objects[i], i * 7 % words, objects[i + 1]);
        *fixture_slot(objects[i], (i * 7 + 1) % words) = i;
        *fixture_slot(objects[i], (i * 7 + 2) % words) = UINTPTR_MAX - i;
    }
    marker.marked_objects = 0;
    marker.scanned_bytes = 0;
    turn_grey(objects[0]);
    marker.kernel = kernel;
    marker_exhaust(&marker);
    for (size_t i = 0; i < count; i++) {
        ck_assert(fixture_is_marked(objects[i]));
    }
    ck_assert_uint_eq(marker.marked_objects, count);
    ck_assert_uint_eq(marker.scanned_bytes, count * fixture_span(objects[0])->slot_bytes);
}

START_TEST(many_words)
{
    enum scan_kernel kernel = (enum scan_kernel)_i;
    if (!scan_kernel_exists(kernel)) {
        printf("kernel %d is not tested: this processor or build does not have it\n", _i);
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        follow(kernel, sizes[i]);
    }
}
END_TEST

#define WIDE_BYTES 512
#define WIDE       (PAGE_BYTES / WIDE_BYTES)

/* Objects of many words, all of them references, or the first only. */
static char *chain_of(tri_type *wide, size_t references)
{
    char *objects[2 * WIDE];
    for (size_t i = 0; i < 2 * WIDE; i++) {
        objects[i] = fixture_new(wide);
        for (size_t word = 0; i > 0 && word < references; word++) {
            fixture_link(objects[i], word, objects[i - 1]);
        }
    }
    return objects[2 * WIDE - 1];
}

/* A look that finds most words to be references has so many follow that do without a kernel; then
 * there is another try. Either way everything is marked. */
START_TEST(dense)
{
    enum scan_kernel kernel = (enum scan_kernel)_i;
    if (!scan_kernel_exists(kernel)) {
        printf("kernel %d is not tested: this processor or build does not have it\n", _i);
        return;
    }
    bool is_filter = kernel != SCAN_KERNEL_PORTABLE;
    tri_type *wide = fixture_type(WIDE_BYTES, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(wide);
    char *full = chain_of(wide, WIDE_BYTES / WORD_BYTES);
    char *single = chain_of(wide, 1);
    char *half = chain_of(wide, WIDE_BYTES / WORD_BYTES / 2 - 4); /* with those that end it */
    fixture.heap->mark.kernel = kernel;
    turn_grey(half);
    marker_exhaust(&marker);
    ck_assert_uint_eq(marker.dense_looks, 0);
    turn_grey(full);
    marker_exhaust(&marker);
    ck_assert(is_filter == (marker.dense_looks > 0));
    uint32_t left = marker.dense_looks;
    marker.dense_looks = is_filter && left > 0 ? 1 : 0;
    turn_grey(single); /* two spans or three: the second look is a try */
    marker_exhaust(&marker);
    ck_assert_uint_eq(marker.dense_looks, 0);
    ck_assert_uint_eq(marker.marked_objects, 6 * WIDE);
}
END_TEST

/* ---- Threads --------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  (FIXTURE_SANITIZED ? 50 : 300)

static struct {
    char *objects[2][NODES];
    struct marker markers[THREADS];
    struct meeting meeting;
} shared;

/* All shade the roots of the same two spans, in an order of their own, and scan what they have
 * queued at once: spans are held while others mark in them. */
static void shade_and_scan(void *seed, unsigned index)
{
    struct marker *own = &shared.markers[index];
    uint64_t random = *(const uint64_t *)seed + index;
    fixture_meet(&shared.meeting, THREADS);
    for (size_t i = 0; i < NODES; i++) {
        size_t turn = unit_random_below(&random, NODES);
        shade(own, (uintptr_t)shared.objects[i % 2][turn]);
        shade(own, (uintptr_t)shared.objects[i % 2][i]);
        struct span *span = i % 4 == index ? mark_queue_pop(&own->queue) : NULL;
        if (span != NULL) {
            own->scanned_bytes += scan_span(own, span, i % 3 == 0 ? 64 : PAGE_BYTES);
        }
    }
    marker_exhaust(own);
}

/* The same, each object by itself, and what it leads to, by which the spans are reached from each
 * other. */
static void follow_chains(void *seed, unsigned index)
{
    struct marker *own = &shared.markers[index];
    uint64_t random = *(const uint64_t *)seed + index;
    fixture_meet(&shared.meeting, THREADS);
    for (size_t i = 0; i < NODES; i++) {
        shade(own, (uintptr_t)shared.objects[i % 2][unit_random_below(&random, NODES)]);
        shade(own, (uintptr_t)shared.objects[i % 2][i]);
        marker_exhaust(own);
    }
}

/* [scan_span.1], [scan_span.2]: each object is marked by one and scanned by one. */
START_TEST(threads)
{
    uint64_t seed = unit_seed();
    struct span *spans[2];
    for (size_t i = 0; i < 2; i++) {
        spans[i] = make_span(shared.objects[i]);
    }
    for (size_t i = 0; i < NODES; i++) {
        fixture_link(shared.objects[0][i], 0, shared.objects[1][(i * 7 + 1) % NODES]);
        fixture_link(shared.objects[1][i], 1, shared.objects[0][(i * 11 + 5) % NODES]);
        if (_i == 0) {
            fixture_link(shared.objects[1][i], 2, shared.objects[1][(i + 1) % NODES]);
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t marked = 0;
        uint64_t scanned = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            fixture_begin_marker(&shared.markers[i]);
            shared.markers[i].alone = false;
        }
        seed += THREADS;
        fixture_run_threads(THREADS, _i == 0 ? shade_and_scan : follow_chains, &seed);
        for (unsigned i = 0; i < THREADS; i++) {
            marked += shared.markers[i].marked_objects;
            scanned += shared.markers[i].scanned_bytes;
            marker_destroy(&shared.markers[i]);
        }
        ck_assert_uint_eq(marked, 2 * NODES);
        ck_assert_uint_eq(scanned, 2 * PAGE_BYTES);
        for (size_t i = 0; i < 2; i++) {
            ck_assert_uint_eq(count_scanned(spans[i]), NODES);
            ck_assert_uint_eq(spans[i]->grey, SPAN_IDLE);
        }
        fixture_unmark();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan_span");
    TCase *cases = tcase_create("scan_span");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, chain, 0, 6);
    tcase_add_test(cases, going_back);
    tcase_add_loop_test(cases, budget, 0, 6);
    tcase_add_test(cases, odd_references);
    tcase_add_test(cases, free_slot);
    tcase_add_test(cases, black_run);
    tcase_add_test(cases, after_the_end);
    tcase_add_test(cases, queued_once);
    tcase_add_test(cases, back_and_forth);
    tcase_add_loop_test(cases, singly, 0, 2);
    tcase_add_test(cases, late_claim);
    tcase_add_test(cases, claimed_meanwhile);
    tcase_add_loop_test(cases, hopping, 0, 2);
    tcase_add_test(cases, no_memory);
    tcase_add_test(cases, idle_only);
    tcase_add_test(cases, which_spans);
    tcase_add_loop_test(cases, which_words, 0, sizeof words_of / sizeof words_of[0]);
    tcase_add_loop_test(cases, many_words, 0, SCAN_KERNELS);
    tcase_add_loop_test(cases, dense, 0, SCAN_KERNELS);
    tcase_add_loop_test(cases, threads, 0, 2);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
