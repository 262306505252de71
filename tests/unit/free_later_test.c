/* free_later_test.c -- a block of the host's is released once, and not while somebody may read it.
 */
#include "gc/free_later.h"

#include <string.h>

#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/sweep.h"
#include "tests/unit/pair.h"

#define BLOCKS 5000

static char blocks[BLOCKS];       /* their addresses are what counts */
static uint32_t released[BLOCKS]; /* how often; atomic */
static uint32_t released_in;      /* atomic: the phase at the last release */
static int argument;

static void create(void)
{
    tri_heap_options options = pair_options();
    pair_begin(&options);
    memset(released, 0, sizeof released);
}

static void release(void *block, void *given)
{
    size_t index = (size_t)((char *)block - blocks);
    EXPECT(index < BLOCKS && given == &argument);
    fetch_add_relaxed(&released[index], 1U);
    store_relaxed(&released_in, (uint32_t)cycle_phase(fixture.heap));
}

static bool give(struct tri_mutator *mutator, size_t index, const uintptr_t *words, size_t count)
{
    const struct free_later_block block = {
        .block = &blocks[index], .release = release, .argument = &argument};
    return free_later(mutator, &block, words, count);
}

/* All of the first count blocks have been released once, and no other. */
static void expect_released(size_t count)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        EXPECT(released[i] == (i < count));
    }
}

static void end_cycle(void)
{
    memset(fixture.late, 0, sizeof fixture.late);
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
}

/* ---- When ------------------------------------------------------------------------------------ */

START_TEST(between_cycles)
{
    ck_assert(give(first, 0, NULL, 0));
    expect_released(1);
    fixture_collect();
    ck_assert(give(second, 1, NULL, 0));
    expect_released(2);
    fixture_collect();
    expect_released(2); /* not again */
}
END_TEST

/* [free_later.1]: in each phase, before and after the mutator's answer. */
static const struct {
    enum cycle_phase phase;
    bool answered;
    bool kept;
} moments[] = {
    {CYCLE_SWEEP, false, false},   {CYCLE_ARM, false, false},    {CYCLE_ARM, true, true},
    {CYCLE_SETTLE, false, true},   {CYCLE_SETTLE, true, true},   {CYCLE_ROOTS, false, true},
    {CYCLE_ROOTS, true, true},     {CYCLE_MARK, false, true},    {CYCLE_FLUSH, false, true},
    {CYCLE_FLUSH, true, true},     {CYCLE_DISARM, false, true},  {CYCLE_DISARM, true, true},
    {CYCLE_RELEASE, false, false}, {CYCLE_RELEASE, true, false},
};

START_TEST(while_marking)
{
    /* Something to sweep, and to mark. */
    fixture_keep(fixture_new(type));
    (void)fixture_new(type);
    fixture_step_to(moments[_i].phase);
    if (moments[_i].answered) {
        fixture_answer(0);
    }
    ck_assert(give(first, 0, NULL, 0));
    expect_released(moments[_i].kept ? 0 : 1);
    if (moments[_i].kept) {
        if (moments[_i].phase != CYCLE_DISARM) {
            fixture_step_to(CYCLE_DISARM);
        }
        fixture_answer_all();
        expect_released(0); /* others might be tracing still */
    }
    end_cycle();
    expect_released(1);
    ck_assert(!moments[_i].kept || (released_in >= CYCLE_DISARM && released_in <= CYCLE_RELEASE));
    fixture_collect();
    expect_released(1);
}
END_TEST

/* The first to answer disarm still waits for the last, who may be tracing in its own answer. */
START_TEST(one_is_late)
{
    fixture_step_to(CYCLE_DISARM);
    fixture.late[1] = true;
    fixture_answer(0);
    ck_assert(!barrier_is_on(first) && barrier_is_on(second));
    ck_assert(give(first, 0, NULL, 0));
    for (unsigned i = 0; i < 10; i++) {
        (void)cycle_advance(first, 0);
    }
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_DISARM);
    expect_released(0);
    fixture_answer(1);
    end_cycle();
    expect_released(1);
}
END_TEST

/* ---- What the block referred to -------------------------------------------------------------- */

/* [free_later.2]: an object that only the block has led to lives for this cycle, and dies in the
 * next. */
START_TEST(words_live_on)
{
    char *only = fixture_new(type);
    char *other = fixture_new(type);
    const uintptr_t words[] = {0, (uintptr_t)only, 12345};
    fixture_flush();
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    ck_assert(!fixture_is_marked(only) && !fixture_is_marked(other));
    ck_assert(give(first, 0, words, ARRAY_LENGTH(words)));
    end_cycle();
    expect_released(1);
    ck_assert(fixture_is_allocated(only));
    ck_assert(!fixture_is_allocated(other));
    fixture_collect();
    ck_assert(!fixture_is_allocated(only));
}
END_TEST

/* Where the barrier is off nothing is recorded: nobody would forget it again. */
START_TEST(words_after_disarm)
{
    char *object = fixture_new(type);
    const uintptr_t word = (uintptr_t)object;
    fixture_step_to(CYCLE_DISARM);
    fixture_answer_all();
    ck_assert(give(first, 0, &word, 1));
    ck_assert(mark_stack_is_empty(&first->recorded));
    end_cycle();
    expect_released(1);
}
END_TEST

/* ---- No memory ------------------------------------------------------------------------------- */

/* [free_later.3] */
START_TEST(no_memory)
{
    char *object = fixture_new(type);
    const uintptr_t word = (uintptr_t)object;
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    fixture_starve(8);
    ck_assert(!give(first, 0, &word, 1));
    ck_assert(mark_stack_is_empty(&first->recorded));
    expect_released(0);
    fixture_feed();
    ck_assert(give(first, 0, &word, 1)); /* the host tries again */
    expect_released(0);
    end_cycle();
    expect_released(1);
    fixture_starve(8);
    ck_assert(give(first, 1, NULL, 0)); /* no cycle: none is needed */
    fixture_feed();
    expect_released(2);
}
END_TEST

/* Entries are used again: cycle after cycle, no more memory. */
START_TEST(entries_are_used_again)
{
    for (size_t cycle = 0; cycle < 10; cycle++) {
        fixture_step_to(CYCLE_FLUSH);
        fixture_answer_all();
        for (size_t i = 0; i < BLOCKS / 10; i++) {
            ck_assert(give(first, cycle * (BLOCKS / 10) + i, NULL, 0));
        }
        end_cycle();
        expect_released((cycle + 1) * (BLOCKS / 10));
        ck_assert_uint_eq(fixture.heap->free_later.pool.taken, 0);
        if (cycle == 0) {
            fixture_starve(8); /* the first cycle's entries are enough */
        }
    }
    fixture_feed();
}
END_TEST

/* ---- The end of the heap, and threads -------------------------------------------------------- */

START_TEST(end_of_the_heap)
{
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    for (size_t i = 0; i < 10; i++) {
        ck_assert(give(i % 2 == 0 ? first : second, i, NULL, 0));
    }
    expect_released(0);
    fixture_end();
    for (size_t i = 0; i < BLOCKS; i++) {
        EXPECT(released[i] == (i < 10));
    }
    fake_port_finish();
    create(); /* for destroy */
}
END_TEST

static void give_many(void *unused, unsigned index)
{
    (void)unused;
    for (size_t i = index; i < BLOCKS; i += 2) {
        EXPECT(give(fixture.mutators[index], i, NULL, 0));
    }
}

/* Two mutators give at the same time; each block is released once. */
START_TEST(threads)
{
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    fixture_run_threads(2, give_many, NULL);
    expect_released(0);
    end_cycle();
    expect_released(BLOCKS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("free_later");
    TCase *cases = tcase_create("free_later");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, between_cycles);
    tcase_add_loop_test(cases, while_marking, 0, (int)ARRAY_LENGTH(moments));
    tcase_add_test(cases, one_is_late);
    tcase_add_test(cases, words_live_on);
    tcase_add_test(cases, words_after_disarm);
    tcase_add_test(cases, no_memory);
    tcase_add_test(cases, entries_are_used_again);
    tcase_add_test(cases, end_of_the_heap);
    tcase_add_test(cases, threads);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
