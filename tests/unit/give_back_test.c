/* give_back_test.c -- how much a heap gives back, and when. */
#include "gc/give_back.h"

#include "gc/cycle.h"
#include "gc/scavenge_pace.h"
#include "gc/sweep.h"
#include "gc/tuning.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct page_heap *pages;
static struct give_back_state *state;

static void begin(const tri_heap_options *options)
{
    fixture_begin(options, 1);
    pages = &fixture.heap->page_heap;
    state = &fixture.heap->give_back;
}

static tri_heap_options options_of_test(void)
{
    tri_heap_options options;
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF; /* cycles come when the test wants them */
    return options;
}

static page_index take(size_t count)
{
    bool zero;
    page_index first = page_heap_take(pages, NULL, count, &zero);
    ck_assert_uint_ne(first, PAGE_NONE);
    return first;
}

static uint64_t given_for(enum scavenge_reason reason)
{
    return pages->scavenged.bytes[reason];
}

/* Pages with contents that are free, in chunks that were not full. */
static void make_free(size_t count)
{
    page_index first = take(count);
    page_heap_give(pages, first, count);
    (void)page_heap_next_generation(pages);
}

/* Before the first cycle it is not known what will be needed. */
START_TEST(nothing_before_a_cycle)
{
    tri_heap_options options = options_of_test();
    begin(&options);
    make_free(4 * CHUNK_PAGES);
    cycle_commit_goal(fixture.heap);
    ck_assert_uint_eq(state->percent_goal, SCAVENGE_NO_GOAL);
    ck_assert_uint_eq(state->limit_goal, SCAVENGE_NO_GOAL);
    ck_assert_uint_eq(give_back_excess(fixture.heap), 0);
    ck_assert_uint_eq(give_back_step(fixture.heap), 0);
    give_back_at_allocation(fixture.heap, CHUNK_BYTES, false);
    ck_assert_uint_eq(fake_port_decommitted_bytes(), 0);
    fixture_end();
}
END_TEST

/* After a cycle: what its end had in use, as the goal has changed, and a tenth. */
START_TEST(percent_goal)
{
    tri_heap_options options = options_of_test();
    options.gc_percent = 100;
    begin(&options);
    page_index first = take(16 * CHUNK_PAGES);
    uint64_t goal = fixture.heap->counters.goal_bytes;
    give_back_end_cycle(fixture.heap);
    ck_assert_uint_eq(state->last_in_use, 16 * CHUNK_BYTES);
    ck_assert_uint_eq(state->last_goal, goal);
    fixture.heap->counters.goal_bytes = goal / 4;
    give_back_commit(fixture.heap);
    struct scavenge_demand demand = {16 * CHUNK_BYTES, goal, goal / 4,
                                     page_heap_bytes(pages).metadata +
                                         meta_alloc_mapped_bytes(&fixture.heap->meta),
                                     SCAVENGE_PEAK_BYTES};
    uint64_t want = scavenge_percent_goal(&demand, port_os_page_bytes());
    ck_assert_uint_eq(state->percent_goal, want);
    ck_assert_uint_eq(give_back_excess(fixture.heap), 16 * CHUNK_BYTES - want);
    ck_assert_uint_eq(give_back_step(fixture.heap), 0); /* all is in use */
    for (size_t i = 0; i < 16; i++) {
        page_heap_give(pages, first + (page_index)(i * CHUNK_PAGES), CHUNK_PAGES - 1);
    }
    ck_assert_uint_eq(give_back_step(fixture.heap), 0); /* chunks that were full, and are in use */
    ck_assert(page_heap_next_generation(pages));
    size_t given = 0;
    size_t steps = 0;
    for (size_t step; (step = give_back_step(fixture.heap)) > 0; steps++) {
        ck_assert_uint_le(step, SCAVENGE_STEP_BYTES);
        given += step;
    }
    ck_assert_uint_ge(steps, 5);
    ck_assert_uint_eq(given, given_for(SCAVENGE_BACKGROUND));
    ck_assert_uint_eq(give_back_excess(fixture.heap), 0);
    /* No more than was too much, but for what keeps a huge page whole. */
    ck_assert_uint_le(page_heap_retained(pages), want);
    ck_assert_uint_gt(page_heap_retained(pages) + 2 * MIB, want);
    /* A goal that is met is none any more. */
    give_back_commit(fixture.heap);
    ck_assert_uint_eq(state->percent_goal, SCAVENGE_NO_GOAL);
    fixture_end();
}
END_TEST

/* Growing past the goal gives back as much as the heap has grown by, a step at the most. */
START_TEST(growth)
{
    tri_heap_options options = options_of_test();
    begin(&options);
    make_free(8 * CHUNK_PAGES);
    give_back_at_allocation(fixture.heap, CHUNK_BYTES, false); /* no goal */
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 0);
    store_relaxed(&state->percent_goal, (uint64_t)CHUNK_BYTES);
    give_back_at_allocation(fixture.heap, 0, false); /* no growth */
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 0);
    give_back_at_allocation(fixture.heap, 2 * MIB, false);
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 2 * MIB);
    give_back_at_allocation(fixture.heap, 64 * MIB, false);
    ck_assert_uint_le(given_for(SCAVENGE_EAGER), 2 * MIB + SCAVENGE_STEP_BYTES);
    ck_assert_uint_gt(given_for(SCAVENGE_EAGER), 2 * MIB);
    while (give_back_excess(fixture.heap) > 0) {
        give_back_at_allocation(fixture.heap, 64 * MIB, false);
    }
    ck_assert_uint_ge(page_heap_retained(pages), CHUNK_BYTES / 2);
    ck_assert_uint_eq(given_for(SCAVENGE_BACKGROUND), 0);
    fixture_end();
}
END_TEST

/* Past the memory limit an allocation gives back what is beyond, from full chunks, too; not where
 * collecting takes too much time already. */
START_TEST(memory_limit)
{
    tri_heap_options options = options_of_test();
    begin(&options);
    page_index first = take(8 * CHUNK_PAGES);
    (void)page_heap_next_generation(pages);
    page_heap_give(pages, first, 5); /* full chunks */
    page_heap_give(pages, first + 7 * CHUNK_PAGES, 100);
    uint64_t memory = give_back_memory(fixture.heap);
    store_relaxed(&fixture.heap->options.memory_limit, (int64_t)memory);
    give_back_at_allocation(fixture.heap, 0, false); /* just within it */
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 0);
    store_relaxed(&fixture.heap->options.memory_limit, (int64_t)(memory - 300 * KIB));
    give_back_at_allocation(fixture.heap, 0, true);
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 0);
    give_back_at_allocation(fixture.heap, 0, false);
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 304 * KIB); /* whole pages */
    ck_assert_uint_le(give_back_memory(fixture.heap), memory - 300 * KIB);
    /* One byte too much: not a call of the system for each byte. */
    memory = give_back_memory(fixture.heap);
    store_relaxed(&fixture.heap->options.memory_limit, (int64_t)(memory - 1));
    give_back_at_allocation(fixture.heap, 0, false);
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 304 * KIB + SCAVENGE_EAGER_BYTES);
    /* External memory counts, too. */
    store_relaxed(&fixture.heap->counters.external_bytes, (uint64_t)MIB);
    give_back_at_allocation(fixture.heap, 0, false);
    ck_assert_uint_eq(give_back_memory(fixture.heap),
                      memory - SCAVENGE_EAGER_BYTES -
                          (105 * PAGE_BYTES - 304 * KIB - SCAVENGE_EAGER_BYTES) + MIB);
    ck_assert_uint_eq(given_for(SCAVENGE_EAGER), 105 * PAGE_BYTES); /* all there was */
    store_relaxed(&fixture.heap->options.memory_limit, TRI_MEMORY_LIMIT_OFF);
    store_relaxed(&fixture.heap->counters.external_bytes, UINT64_C(0));
    fixture_end();
}
END_TEST

/* A background goal comes from the limit as well: 95 percent of it. */
START_TEST(limit_goal)
{
    tri_heap_options options = options_of_test();
    begin(&options);
    make_free(10 * CHUNK_PAGES);
    uint64_t memory = give_back_memory(fixture.heap);
    store_relaxed(&fixture.heap->options.memory_limit, (int64_t)(2 * memory));
    give_back_commit(fixture.heap);
    ck_assert_uint_eq(give_back_excess(fixture.heap), 0);
    store_relaxed(&fixture.heap->options.memory_limit, (int64_t)memory);
    give_back_commit(fixture.heap);
    ck_assert_uint_eq(state->limit_goal, memory / 100 * 95);
    ck_assert_uint_eq(give_back_excess(fixture.heap), memory - memory / 100 * 95);
    while (give_back_step(fixture.heap) > 0) {
    }
    ck_assert_uint_eq(give_back_excess(fixture.heap), 0);
    store_relaxed(&fixture.heap->options.memory_limit, TRI_MEMORY_LIMIT_OFF);
    fixture_end();
}
END_TEST

/* Allocation goes by it: small objects and large ones stay within the limit while there is memory
 * that nobody uses. */
START_TEST(allocation)
{
    tri_heap_options options = options_of_test();
    begin(&options);
    page_index first = take(4 * CHUNK_PAGES); /* twice 8 MiB, with a page behind each */
    page_heap_give(pages, first, 2 * CHUNK_PAGES);
    page_heap_give(pages, first + 2 * CHUNK_PAGES + 1, 2 * CHUNK_PAGES - 2);
    tri_type *small = fixture_type(64, TRI_LAYOUT_LEAF);
    tri_type *word = fixture_type(8, TRI_LAYOUT_LEAF);
    fixture_promote(small);
    uint64_t limit = give_back_memory(fixture.heap) + MIB;
    store_relaxed(&fixture.heap->options.memory_limit, (int64_t)limit);
    fixture_keep(fixture_new_array(word, 10 * MIB / 8)); /* fits behind them only */
    ck_assert_uint_le(give_back_memory(fixture.heap), limit);
    ck_assert_uint_gt(given_for(SCAVENGE_EAGER), 8 * MIB);
    for (unsigned i = 0; i < 1000; i++) {
        fixture_keep(fixture_new(small));
    }
    ck_assert_uint_le(give_back_memory(fixture.heap), limit);
    store_relaxed(&fixture.heap->options.memory_limit, TRI_MEMORY_LIMIT_OFF);
    fixture_end();
}
END_TEST

/* All of it, and the end of the heap. */
START_TEST(all)
{
    tri_heap_options options = options_of_test();
    begin(&options);
    page_index first = take(4 * CHUNK_PAGES);
    page_heap_give(pages, first + 10, 4 * CHUNK_PAGES - 10);
    ck_assert_uint_eq(give_back_all(fixture.heap), (4 * CHUNK_PAGES - 10) * PAGE_BYTES);
    struct page_heap_bytes bytes = page_heap_bytes(pages);
    ck_assert_uint_eq(bytes.grown, CHUNK_BYTES);
    ck_assert_uint_eq(bytes.released, bytes.free);
    ck_assert_uint_eq(page_heap_in_use(pages), 10 * PAGE_BYTES);
    fixture_end();
}
END_TEST

/* ---- When the thread is woken ---------------------------------------------------------------- */

static unsigned wakes;
static unsigned wakes_after_sweep;

static void count_wake(struct tri_heap *heap)
{
    wakes++;
    wakes_after_sweep += sweep_is_done(heap);
}

/* A small heap keeps what one of its cycles of late had in use, unless its goal is much less
 * now. */
START_TEST(recent_cycles)
{
    tri_heap_options options = options_of_test();
    options.gc_percent = 100;
    options.heap_minimum = CHUNK_BYTES;
    begin(&options);
    page_index first = take(2 * CHUNK_PAGES);
    give_back_end_cycle(fixture.heap);
    page_heap_give(pages, first, CHUNK_PAGES);
    fake_port_advance_ns(SCAVENGE_PEAK_NS / 2);
    if (_i == 1) {
        fixture.heap->counters.goal_bytes = CHUNK_BYTES / 2;
    }
    give_back_end_cycle(fixture.heap);
    ck_assert_uint_eq(state->last_in_use, CHUNK_BYTES);
    give_back_commit(fixture.heap);
    if (_i == 0) {
        ck_assert_uint_eq(give_back_excess(fixture.heap), 0);
    } else {
        ck_assert_uint_ge(give_back_excess(fixture.heap), CHUNK_BYTES / 2);
    }
    fake_port_advance_ns(2 * SCAVENGE_PEAK_NS);
    give_back_end_cycle(fixture.heap);
    give_back_commit(fixture.heap);
    ck_assert_uint_ge(give_back_excess(fixture.heap), CHUNK_BYTES / 2);
    ck_assert_uint_le(state->percent_goal, CHUNK_BYTES + CHUNK_BYTES / 10 + port_os_page_bytes());
    fixture_end();
}
END_TEST

/* At the end of a cycle, and when all is swept. */
START_TEST(wake)
{
    tri_heap_options options = options_of_test();
    options.stop_the_world = _i == 1;
    begin(&options);
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    for (unsigned i = 0; i < 1000; i++) {
        fixture_keep(fixture_new(type));
    }
    wakes = 0;
    wakes_after_sweep = 0;
    fake_port_hooks()->wake_scavenger = count_wake;
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_ge(wakes, 1);
    ck_assert_uint_eq(wakes_after_sweep, 0);
    sweep_finish(fixture.heap);
    ck_assert_uint_eq(wakes_after_sweep, 1);
    ck_assert_uint_eq(state->last_in_use, page_heap_in_use(pages));
    fixture_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("give_back");
    TCase *cases = tcase_create("give_back");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_test(cases, nothing_before_a_cycle);
    tcase_add_test(cases, percent_goal);
    tcase_add_test(cases, growth);
    tcase_add_test(cases, memory_limit);
    tcase_add_test(cases, limit_goal);
    tcase_add_test(cases, allocation);
    tcase_add_test(cases, all);
    tcase_add_loop_test(cases, recent_cycles, 0, 2);
    tcase_add_loop_test(cases, wake, 0, 2);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
