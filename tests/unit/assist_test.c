/* assist_test.c -- what allocation owes for itself while a cycle marks, and how it pays. */
#include "gc/assist.h"

#include "gc/answer.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/mark.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct tri_mutator *mutator;
static struct heap_counters *counters;
static struct mark_state *mark;
static tri_type *type;

static void create(void)
{
    fake_port_reset();
    fixture_begin(NULL, 2);
    fixture.heap->options.verify = false;
    fixture.collector = COLLECTOR_LATER;
    mutator = fixture.mutators[0];
    counters = &fixture.heap->counters;
    mark = &fixture.heap->mark;
    type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* A chain of so many objects, whose first is a root. */
static char *make_chain(unsigned count)
{
    char *first = fixture_new(type);
    char *last = first;
    for (unsigned i = 1; i < count; i++) {
        char *next = fixture_new(type);
        fixture_link(last, i % 8, next);
        last = next;
    }
    fixture_keep(first);
    return last;
}

/* ---- What is charged ------------------------------------------------------------------------- */

START_TEST(charges_while_no_cycle_marks)
{
    assist_charge(mutator, 10000);
    ck_assert_uint_eq(counters_live(counters), 10000);
    ck_assert_int_eq(mutator->assist_debt, 0);
    ck_assert_uint_eq(fixture.heap->counters.black_bytes, 0);
    assist_refund(mutator, 4000);
    ck_assert_uint_eq(counters_live(counters), 6000);
    ck_assert_uint_eq(fixture.heap->counters.black_bytes, 0);
    mutator->assist_debt = 1000; /* nothing is done for it */
    assist_pay(mutator);
    ck_assert_int_eq(mutator->assist_debt, 1000);
}
END_TEST

/* From its answer to settle to that to release it allocates black; it owes while its barrier is
 * on. */
START_TEST(charges_of_a_cycle)
{
    static const struct {
        enum cycle_phase phase;
        bool black;
        bool owes;
    } when[] = {
        {CYCLE_ARM, false, false}, {CYCLE_SETTLE, true, true},  {CYCLE_ROOTS, true, true},
        {CYCLE_FLUSH, true, true}, {CYCLE_DISARM, true, false}, {CYCLE_RELEASE, false, false},
    };
    fixture_step_to(when[_i].phase);
    fixture_answer_all();
    uint64_t live = counters_live(counters);
    mark->expected = 100000;
    assist_charge(mutator, 10000);
    ck_assert_uint_eq(counters_live(counters), live + 10000);
    ck_assert_uint_eq(fixture.heap->counters.black_bytes, when[_i].black ? 10000 : 0);
    ck_assert_int_eq(mutator->assist_debt > 0, when[_i].owes);
    ck_assert_int_eq(fixture.mutators[1]->assist_debt, 0);
    assist_refund(mutator, 4000);
    ck_assert_uint_eq(counters_live(counters), live + 6000);
    ck_assert_uint_eq(fixture.heap->counters.black_bytes, when[_i].black ? 6000 : 0);
}
END_TEST

/* A new cycle forgets what the last one has left of debts. */
START_TEST(debts_end_with_the_cycle)
{
    fixture_step_to(CYCLE_FLUSH);
    mutator->assist_debt = 1000000;
    fixture_step_to(CYCLE_DISARM);
    fixture_answer_all();
    ck_assert_int_eq(mutator->assist_debt, 0);
}
END_TEST

/* ---- The ratio ------------------------------------------------------------------------------- */

#define ANY_GOAL (40 * MIB)

static const struct {
    uint64_t expected;
    uint64_t done;
    uint64_t goal;
    uint64_t live; /* with what is charged */
    double left;   /* to scan */
    double room;   /* to the goal */
} ratios[] = {
    {10 * MIB, 0, ANY_GOAL, 30 * MIB, 10, 10},
    {10 * MIB, 4 * MIB, ANY_GOAL, 30 * MIB, 6, 10},
    {10 * MIB, 4 * MIB, ANY_GOAL, 20 * MIB, 6, 20},
    {10 * MIB, 95 * MIB / 10, ANY_GOAL, 30 * MIB, 1, 10}, /* a tenth at the least */
    {10 * MIB, 10 * MIB, ANY_GOAL, 30 * MIB, 1, 10},
    {10 * MIB, 90 * MIB, ANY_GOAL, 30 * MIB, 1, 10}, /* the guess was too low */
    {10 * MIB, 0, ANY_GOAL, 40 * MIB, 10, 4},        /* the goal is passed: a tenth more */
    {10 * MIB, 0, ANY_GOAL, 42 * MIB, 10, 2},
    {10 * MIB, 0, ANY_GOAL, 44 * MIB, 10, 40.0 / 64 + 1.0 / 128}, /* never more than that */
    {10 * MIB, 0, ANY_GOAL, 400 * MIB, 10, 40.0 / 64 + 1.0 / 128},
    {10 * MIB, 0, ANY_GOAL, 40 * MIB - 1, 10, 40.0 / 64 + 1.0 / 128},
    {0, 0, ANY_GOAL, 30 * MIB, 0, 10},
    {0, 0, 0, 30 * MIB, 0, 1},
};

START_TEST(ratio)
{
    const uint64_t bytes = 100000;
    fixture_step_to(CYCLE_ROOTS);
    mark->expected = ratios[_i].expected;
    mark->scanned_bytes = ratios[_i].done;
    counters->goal_bytes = ratios[_i].goal;
    counters->live_bytes = ratios[_i].live - bytes;
    assist_charge(mutator, bytes);
    double want = (double)bytes * ratios[_i].left / ratios[_i].room;
    ck_assert_double_eq_tol((double)mutator->assist_debt, want, 2 + want / 1e6);
}
END_TEST

START_TEST(without_goal)
{
    fixture_step_to(CYCLE_ROOTS);
    mark->expected = 100 * MIB;
    counters->goal_bytes = UINT64_MAX; /* GOGC=off */
    assist_charge(mutator, MIB);
    ck_assert_int_eq(mutator->assist_debt, 0);
    mark->expected = UINT64_MAX;
    counters->live_bytes = UINT64_MAX - MIB; /* no figure makes it negative */
    assist_charge(mutator, MIB / 2);
    ck_assert_int_ge(mutator->assist_debt, 0);
}
END_TEST

/* What there will be to scan: what is live at first, later what the last cycle has scanned, but
 * never more than is live. */
START_TEST(guesses)
{
    counters->live_bytes = 5000;
    assist_begin(fixture.heap);
    ck_assert_uint_eq(mark->expected, 5000);
    fixture.heap->cycle.last.number = 1;
    fixture.heap->cycle.last.scanned_bytes = 3000;
    assist_begin(fixture.heap);
    ck_assert_uint_eq(mark->expected, 3000);
    fixture.heap->cycle.last.scanned_bytes = 7000;
    assist_begin(fixture.heap);
    ck_assert_uint_eq(mark->expected, 5000);
}
END_TEST

/* ---- Paying ---------------------------------------------------------------------------------- */

static uint64_t assists(void)
{
    return stall_count(&fixture.heap->stalls.causes[STALL_ASSIST].wall);
}

/* What marker threads have done is taken first. */
START_TEST(credit)
{
    (void)make_chain(100);
    fixture_step_to(CYCLE_MARK);
    mark->credit = 10000;
    mutator->assist_debt = 4000;
    assist_pay(mutator);
    ck_assert_int_eq(mutator->assist_debt, 0);
    ck_assert_int_eq(mark->credit, 6000);
    ck_assert_uint_eq(mark->scanned_bytes, 0);
    ck_assert(!mutator->made_grey);
    ck_assert_uint_eq(assists(), 0);
    mutator->assist_debt = 6100; /* what is lacking is scanned, and a little ahead */
    assist_pay(mutator);
    ck_assert_int_eq(mark->credit, 0);
    ck_assert_uint_ge(mark->scanned_bytes, ASSIST_STEP_MIN);
    ck_assert_uint_lt(mark->scanned_bytes, ASSIST_STEP_MIN + 64);
    ck_assert_int_eq(mutator->assist_debt, 100 - (int64_t)mark->scanned_bytes);
    ck_assert(mutator->made_grey); /* [assist.2] */
    ck_assert_uint_eq(assists(), 1);
    mark->credit = -500; /* is none */
    mutator->assist_debt = 10;
    assist_pay(mutator);
    ck_assert_int_eq(mark->credit, -500);
    ck_assert_uint_eq(assists(), 2);
}
END_TEST

/* One assist is short: a quarter of the debt, within limits; what is left is paid at the next. */
START_TEST(steps)
{
    static const int64_t debts[] = {1,      ASSIST_STEP_MIN,         4 * ASSIST_STEP_MIN,
                                    100000, 4 * ASSIST_STEP_MAX - 4, 10 * ASSIST_STEP_MAX};
    (void)make_chain(30000);
    fixture_step_to(CYCLE_MARK);
    int64_t debt = debts[_i];
    uint64_t paid = 0;
    mutator->assist_debt = debt;
    for (unsigned i = 1; mutator->assist_debt > 0; i++) {
        int64_t want = mutator->assist_debt / 4;
        want = want > ASSIST_STEP_MAX ? ASSIST_STEP_MAX : want;
        want = want < ASSIST_STEP_MIN ? ASSIST_STEP_MIN : want;
        assist_pay(mutator);
        uint64_t step = mark->scanned_bytes - paid;
        ck_assert_uint_ge(step, (uint64_t)want);
        ck_assert_uint_lt(step, (uint64_t)want + 64);
        paid += step;
        ck_assert_int_eq(mutator->assist_debt, debt - (int64_t)paid);
        ck_assert_uint_eq(assists(), i);
    }
    ck_assert(mark_has_work(fixture.heap)); /* it has kept nothing */
    ck_assert(mark_stack_is_empty(&mutator->marker.stack));
}
END_TEST

/* [assist.1]: no work, no debt. */
START_TEST(no_work)
{
    fixture_step_to(CYCLE_MARK);
    mutator->assist_debt = 100000;
    assist_pay(mutator);
    ck_assert_int_eq(mutator->assist_debt, 0);
    ck_assert(!mutator->made_grey);
    ck_assert_uint_eq(mark->scanned_bytes, 0);
}
END_TEST

/* [barrier.6]: before all stacks are black nothing is scanned, and the debt stays. */
START_TEST(too_early)
{
    static const enum cycle_phase phases[] = {CYCLE_ARM, CYCLE_SETTLE, CYCLE_ROOTS};
    (void)make_chain(100);
    fixture_step_to(phases[_i]);
    fixture_answer_all();
    mutator->assist_debt = 1000;
    mark->credit = 1000;
    assist_pay(mutator);
    ck_assert_int_eq(mutator->assist_debt, 1000);
    ck_assert_int_eq(mark->credit, 1000);
    ck_assert_uint_eq(mark->scanned_bytes, 0);
}
END_TEST

/* Assists alone can mark all; the rounds then find that grey was made, and in the end that none
 * was. */
START_TEST(assists_mark_all)
{
    enum {
        OBJECTS = 5000
    };
    const char *last = make_chain(OBJECTS);
    fake_port_set_tick_ns(10);
    fixture_step_to(CYCLE_MARK);
    while (mark_has_work(fixture.heap)) {
        mutator->assist_debt = ASSIST_STEP_MIN;
        assist_pay(mutator);
    }
    ck_assert(fixture_is_marked(last));
    ck_assert_uint_eq(mark->scanned_bytes, 64 * OBJECTS);
    ck_assert_uint_gt(mark->assist_cpu_ns, 0);
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(fixture.heap->cycle.now.rounds, 3); /* the first one was told of grey */
    fixture_step_to(CYCLE_RELEASE);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, OBJECTS);
    ck_assert_uint_gt(fixture.heap->cycle.now.assist_cpu_ns, 0);
    ck_assert_uint_ge(fixture.heap->cycle.now.mark_cpu_ns, fixture.heap->cycle.now.assist_cpu_ns);
}
END_TEST

/* The marker's work is the mutators' credit. */
START_TEST(markers_give_credit)
{
    (void)make_chain(1000);
    fixture_step_to(CYCLE_MARK);
    (void)cycle_advance(mutator, 0);
    ck_assert_int_eq(mark->credit, 0);
    cycle_run(mutator, CYCLE_FORCED);
    ck_assert_int_eq(mark->credit, 64 * 1000); /* of the second one, all by the marker */
}
END_TEST

/* A mutator that allocates as fast as it can ends at the goal, but for a little: its assists mark
 * the heap in time, with nobody else to do it. */
START_TEST(goal_is_kept)
{
    enum {
        OBJECTS = 100000 /* 6.1 MiB */
    };
    (void)make_chain(OBJECTS);
    fixture_collect();
    uint64_t goal = counters->goal_bytes;
    while (!cycle_is_due(fixture.heap)) {
        (void)fixture_new(type);
    }
    fixture_step_to(CYCLE_MARK);
    while (mark_has_work(fixture.heap)) {
        (void)fixture_new(type);
    }
    ck_assert_uint_le(counters_live(counters), goal + goal / 100);
    ck_assert_uint_ge(counters_live(counters), goal - (goal - OBJECTS * 64) / 3); /* nor too
                                                                                     early */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assist");
    TCase *cases = tcase_create("assist");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, charges_while_no_cycle_marks);
    tcase_add_loop_test(cases, charges_of_a_cycle, 0, 6);
    tcase_add_test(cases, debts_end_with_the_cycle);
    tcase_add_loop_test(cases, ratio, 0, (int)ARRAY_LENGTH(ratios));
    tcase_add_test(cases, without_goal);
    tcase_add_test(cases, guesses);
    tcase_add_test(cases, credit);
    tcase_add_loop_test(cases, steps, 0, 6);
    tcase_add_test(cases, no_work);
    tcase_add_loop_test(cases, too_early, 0, 3);
    tcase_add_test(cases, assists_mark_all);
    tcase_add_test(cases, markers_give_credit);
    tcase_add_test(cases, goal_is_kept);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
