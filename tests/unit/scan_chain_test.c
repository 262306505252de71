/* scan_chain_test.c -- objects that lead from span to span are scanned once, one by one, as long as
 * there are few.
 */
#include "gc/scan_chain.h"

#include "gc/mark.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct marker marker;
static struct pending_references pending;
static tri_type *node; /* 4 words, all of them references: 256 a span */

#define NODE_BYTES 32
#define NODES      (PAGE_BYTES / NODE_BYTES)
#define SPANS      12

static char *nodes[SPANS][NODES];
static struct span *spans[SPANS];

/* All objects of one span of nodes. */
static struct span *make_span(char **objects)
{
    const struct span_table *table = &fixture.heap->page_heap.spans;
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

static void create(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    fixture_begin(&options, 1);
    node = fixture_type(NODE_BYTES, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(node);
    for (size_t i = 0; i < SPANS; i++) {
        spans[i] = make_span(nodes[i]);
    }
    fixture_begin_marker(&marker);
    pending = (struct pending_references){.near = PAGE_NONE};
    marker.pending = &pending;
}

static void destroy(void)
{
    marker_destroy(&marker);
    fixture_unmark();
    fixture_end();
    fake_port_finish();
}

/* Mark object, and put it on the marker's stack. */
static void claim(const char *object)
{
    mark_refresh(fixture.heap, &marker);
    shade_offset(&marker, (uintptr_t)object - marker.base);
    EXPECT(fixture_is_marked(object) && !mark_stack_is_empty(&marker.stack));
}

static uint32_t count_scanned(size_t index)
{
    const struct span *span = spans[index];
    uint32_t count = 0;
    for (size_t i = 0; i < span_bit_words(span); i++) {
        EXPECT((span->scanned[i] & ~span->bits[i].mark) == 0);
        count += bit_count(span->scanned[i]);
    }
    return count;
}

/* Scan all that is left by whatever is for it. */
static void exhaust(void)
{
    while (pending.count[0] + pending.count[1] > 0) {
        shade_batch(&marker);
    }
    marker.pending = NULL;
    marker_exhaust(&marker);
    marker.pending = &pending;
}

/* A list whose links are in turn in three spans. Returns how many there are. */
static size_t make_list(void)
{
    size_t links = 0;
    for (size_t i = 0; i < NODES; i++) {
        for (size_t k = 0; k < 3; k++, links++) {
            if (i + 1 < NODES || k < 2) {
                fixture_link(nodes[k][i], links % 4, nodes[(k + 1) % 3][k == 2 ? i + 1 : i]);
            }
        }
    }
    return links;
}

/* To the end in one go: nothing is queued, and marks, counts, scanned bits are exact. */
START_TEST(list)
{
    size_t links = make_list();
    marker.alone = _i != 0;
    claim(nodes[0][0]);
    ck_assert(scan_chain_is_worthwhile(&marker));
    scan_chain(&marker, SIZE_MAX);
    ck_assert_uint_eq(marker.marked_objects, links);
    ck_assert_uint_eq(marker.marked_bytes, links * NODE_BYTES);
    ck_assert_uint_eq(marker.scanned_bytes, links * NODE_BYTES);
    ck_assert(!marker_has_grey(&marker));
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(count_scanned(i), NODES);
        ck_assert_uint_eq(spans[i]->grey, SPAN_IDLE);
    }
    ck_assert(!scan_chain_is_worthwhile(&marker)); /* there is nothing */
}
END_TEST

/* [scan_chain.2]: no further than the limit; what is left is on the stack [scan_chain.1]. */
START_TEST(limit)
{
    size_t links = make_list();
    claim(nodes[0][0]);
    for (size_t i = 1; i <= links; i++) {
        EXPECT(marker.scanned_bytes == (i - 1) * NODE_BYTES);
        EXPECT(scan_chain_is_worthwhile(&marker));
        scan_chain(&marker, i * NODE_BYTES - _i);
    }
    ck_assert_uint_eq(marker.scanned_bytes, links * NODE_BYTES);
    ck_assert(!marker_has_grey(&marker));
    scan_chain(&marker, 0);
    ck_assert_uint_eq(marker.marked_objects, links);
}
END_TEST

/* What lies in the same page as the object that refers to it is left to its span. */
START_TEST(near)
{
    fixture_link(nodes[0][5], 0, nodes[0][6]);
    fixture_link(nodes[0][5], 1, nodes[1][0]);
    fixture_link(nodes[1][0], 2, nodes[0][7]);
    claim(nodes[0][5]);
    scan_chain(&marker, SIZE_MAX);
    ck_assert_uint_eq(marker.marked_objects, 4);
    ck_assert_uint_eq(marker.scanned_bytes, 3 * NODE_BYTES);
    ck_assert_uint_eq(count_scanned(0), 2);
    ck_assert_uint_eq(spans[0]->grey, SPAN_QUEUED);
    ck_assert_uint_eq(spans[1]->grey, SPAN_IDLE);
    exhaust();
    ck_assert_uint_eq(marker.scanned_bytes, 4 * NODE_BYTES);
    ck_assert_uint_eq(count_scanned(0), 3);
}
END_TEST

/* Where much turns grey it goes to the queue, and the chain ends; nothing is lost, or scanned
 * twice. */
START_TEST(busy)
{
    size_t made = 1;
    for (size_t k = 0; k + 1 < SPANS; k++) { /* each to four of the next span, by all of those */
        for (size_t i = 0; i < 4; i++) {
            for (size_t word = 0; word < 4 && (k > 0 || i == 0); word++) {
                fixture_link(nodes[k][i], word, nodes[k + 1][word]);
            }
        }
        made += 4;
    }
    for (size_t word = 0; word < 4; word++) { /* and far apart ones */
        for (size_t i = 0; i < 4; i++) {
            fixture_link(nodes[1][word], i, nodes[2 + word * 2 + i % 2][40 + i]);
        }
    }
    claim(nodes[0][0]);
    scan_chain(&marker, SIZE_MAX);
    exhaust();
    uint32_t scanned = 0;
    for (size_t k = 0; k < SPANS; k++) {
        scanned += count_scanned(k);
        ck_assert_uint_eq(spans[k]->grey, SPAN_IDLE);
    }
    ck_assert_uint_eq(scanned, marker.marked_objects);
    ck_assert_uint_eq(marker.scanned_bytes, marker.marked_objects * NODE_BYTES);
    ck_assert_uint_ge(marker.marked_objects, 5);
    ck_assert_uint_le(marker.marked_objects, made + 16);
}
END_TEST

/* More spans than a chain makes: the marker stops with what it has on its stack. */
START_TEST(many_spans)
{
    tri_type *wide = fixture_type(512, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(wide);
    char *object = fixture_new(wide);
    size_t count = 0;
    for (size_t k = 0; k < SPANS; k++) {
        fixture_link(object, count++, nodes[k][0]);
        fixture_link(object, count++, nodes[k][100]);
    }
    claim(object);
    scan_chain(&marker, SIZE_MAX);
    ck_assert_uint_eq(marker.marked_objects, 1 + count);
    ck_assert(!mark_queue_is_short(&marker.queue, MARK_CHAIN_WORK));
    ck_assert(!mark_stack_is_empty(&marker.stack));
    ck_assert_uint_eq(marker.scanned_bytes, 512);
    ck_assert(!scan_chain_is_worthwhile(&marker));
    exhaust();
    ck_assert_uint_eq(marker.scanned_bytes, 512 + count * NODE_BYTES);
    for (size_t k = 0; k < SPANS; k++) {
        ck_assert_uint_eq(count_scanned(k), 2);
        ck_assert_uint_eq(spans[k]->grey, SPAN_IDLE);
    }
}
END_TEST

/* An object that somebody else has scanned since it was marked is his. */
START_TEST(scanned_by_others)
{
    fixture_link(nodes[0][0], 0, nodes[1][3]);
    fixture_link(nodes[1][3], 0, nodes[2][0]);
    marker.alone = false;
    claim(nodes[0][0]);
    spans[1]->scanned[0] = 1 << 3;
    scan_chain(&marker, SIZE_MAX);
    ck_assert(fixture_is_marked(nodes[1][3]));
    ck_assert(!fixture_is_marked(nodes[2][0]));
    ck_assert_uint_eq(marker.scanned_bytes, NODE_BYTES);
}
END_TEST

/* Objects that are queued singly anyhow are scanned by their own rules, and so are leaves: not at
 * all. */
START_TEST(other_objects)
{
    tri_type *big = fixture_type(1024, TRI_LAYOUT_ALL_WORDS);
    tri_type *leaf = fixture_type(64, TRI_LAYOUT_LEAF);
    tri_type *rare = fixture_type(40, TRI_LAYOUT_ALL_WORDS); /* in mixed spans */
    fixture_promote(big);
    fixture_promote(leaf);
    char *objects[] = {fixture_new(big), fixture_new(rare), fixture_new(leaf)};
    fixture_link(nodes[0][0], 0, objects[0]);
    fixture_link(objects[0], 100, nodes[1][0]);
    fixture_link(nodes[1][0], 0, objects[1]);
    fixture_link(objects[1], 4, objects[2]);
    fixture_link(objects[1], 3, nodes[2][0]);
    claim(nodes[0][0]);
    scan_chain(&marker, SIZE_MAX);
    exhaust();
    ck_assert_uint_eq(marker.marked_objects, 6);
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
        ck_assert(fixture_is_marked(objects[i]));
    }
    ck_assert_uint_eq(marker.scanned_bytes, 3 * NODE_BYTES + 1024 + 40);
}
END_TEST

/* Without memory for the stack what was claimed is scanned at once [scan_chain.1], and what that
 * leads to waits as a reference. */
START_TEST(no_memory)
{
    for (size_t i = 0; i < 4; i++) {
        fixture_link(nodes[0][0], i, nodes[1 + i][0]);
        fixture_link(nodes[1 + i][0], 0, nodes[5 + i][0]);
    }
    claim(nodes[0][0]);
    struct mark_segment *segment = marker.stack.current;
    fixture_starve(0);
    segment->entries[MARK_SEGMENT_ENTRIES - 2] = segment->entries[0];
    segment->count = MARK_SEGMENT_ENTRIES - 1; /* as if there were so many */
    scan_chain(&marker, NODE_BYTES);
    ck_assert_uint_eq(segment->count, MARK_SEGMENT_ENTRIES);
    ck_assert_uint_eq(segment->entries[MARK_SEGMENT_ENTRIES - 2], (uintptr_t)nodes[1][0]);
    ck_assert_uint_eq(segment->entries[MARK_SEGMENT_ENTRIES - 1], (uintptr_t)nodes[2][0]);
    ck_assert_uint_eq(marker.marked_objects, 5);
    ck_assert_uint_eq(marker.scanned_bytes, 3 * NODE_BYTES); /* two of four */
    ck_assert_uint_eq(pending.count[0] + pending.count[1], 2);
    segment->count = 0;
    fixture_feed();
}
END_TEST

static void found(struct marker *unused, uintptr_t address)
{
    (void)unused;
    (void)address;
}

/* Whoever looks for something else, sends grey work home, or has much to do, is not for it. */
START_TEST(worthwhile)
{
    ck_assert(!scan_chain_is_worthwhile(&marker));
    claim(nodes[0][0]);
    ck_assert(scan_chain_is_worthwhile(&marker));
    marker.sends = true;
    ck_assert(!scan_chain_is_worthwhile(&marker));
    marker.sends = false;
    marker.found = found;
    ck_assert(!scan_chain_is_worthwhile(&marker));
    marker.found = NULL;
    store_relaxed(&fixture.heap->cycle.by_mutators, (uint32_t)_i);
    mark_refresh(fixture.heap, &marker);
    ck_assert_uint_eq(marker.chain_work, _i == 0 ? MARK_CHAIN_WORK : MARK_CHAIN_WORK_SMALL);
    for (size_t i = 1; i < marker.chain_work; i++) {
        ck_assert(scan_chain_is_worthwhile(&marker));
        claim(nodes[i % SPANS][i]);
    }
    ck_assert(!scan_chain_is_worthwhile(&marker));
    exhaust();
    store_relaxed(&fixture.heap->cycle.by_mutators, 0U);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan_chain");
    TCase *cases = tcase_create("scan_chain");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, list, 0, 2);
    tcase_add_loop_test(cases, limit, 0, 2);
    tcase_add_test(cases, near);
    tcase_add_test(cases, busy);
    tcase_add_test(cases, many_spans);
    tcase_add_test(cases, scanned_by_others);
    tcase_add_test(cases, other_objects);
    tcase_add_test(cases, no_memory);
    tcase_add_loop_test(cases, worthwhile, 0, 2);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
