/* assist_test.c -- what allocation owes for itself while a cycle marks, and how it pays. */
#include "gc/assist.h"

#include "gc/answer.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/mark.h"
#include "gc/shade.h"
#include "gc/sweep.h"
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
    assist_charge(mutator, 10000, 3000);
    ck_assert_uint_eq(counters_live(counters), 10000);
    ck_assert_uint_eq(counters->scannable_bytes, 3000);
    ck_assert_int_eq(mutator->assist_debt, 0);
    ck_assert_uint_eq(counters->black_bytes, 0);
    assist_close(mutator, 4000);
    ck_assert_uint_eq(counters_live(counters), 6000);
    ck_assert_uint_eq(counters->black_bytes, 0);
    mutator->assist_debt = 1000; /* nothing is done for it */
    assist_pay(mutator, 0);
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
    uint64_t scannable = counters->scannable_bytes;
    assist_charge(mutator, 10000, 10000);
    ck_assert_uint_eq(counters_live(counters), live + 10000);
    ck_assert_uint_eq(counters->black_bytes, when[_i].black ? 10000 : 0);
    ck_assert_uint_eq(counters->scannable_bytes, scannable + (when[_i].black ? 0 : 10000));
    mark->work_per_kib = 512;
    mutator->assist_debt = 0;
    assist_charge(mutator, 0, 0);
    mark->work_per_kib = 512; /* the charge has computed it anew */
    mutator->cache.handed = 10000;
    assist_settle(mutator);
    ck_assert_int_eq(mutator->assist_debt, when[_i].owes ? 5000 : 0);
    ck_assert_int_eq(fixture.mutators[1]->assist_debt, 0);
    assist_close(mutator, 4000);
    ck_assert_uint_eq(counters_live(counters), live + 16000);
    ck_assert_uint_eq(counters->black_bytes, when[_i].black ? 16000 : 0);
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

/* [assist.3] What the cache hands out is owed for at once, and charged when it has come to
 * charge_bytes; the rest when the cache is given back. */
START_TEST(settles)
{
    counters->charge_bytes = 1000;
    mutator->cache.handed = 600;
    mutator->cache.handed_scannable = 100;
    assist_settle(mutator);
    ck_assert_uint_eq(mutator->cache.handed, 0);
    ck_assert_uint_eq(counters_live(counters), 0);
    mutator->cache.handed = 500;
    assist_settle(mutator);
    ck_assert_uint_eq(counters_live(counters), 1100);
    ck_assert_uint_eq(counters->scannable_bytes, 100);
    mutator->cache.handed = 300;
    assist_close(mutator, 100);
    ck_assert_uint_eq(counters_live(counters), 1300);
    assist_close(mutator, 0);
    ck_assert_uint_eq(counters_live(counters), 1300);
}
END_TEST

/* In a small heap the pacer hears of every few hundred bytes, and no cursor is given more. */
START_TEST(small_heaps_are_charged_often)
{
    static const struct {
        size_t minimum;
        uint64_t charge;
        size_t window;
    } heaps[] = {
        {16 * KIB, 256, 256}, {256 * KIB, 1024, 1024}, {4 * MIB, 16384, 0}, {GIB, 32768, 0}};
    fixture.heap->options.heap_minimum = heaps[_i].minimum;
    fixture.heap->cycle.pacer.heap_minimum = heaps[_i].minimum;
    cycle_commit_goal(fixture.heap);
    ck_assert_uint_eq(counters->charge_bytes, heaps[_i].charge);
    assist_pay(mutator, 64);
    ck_assert_uint_eq(mutator->cache.window, heaps[_i].window);
    for (uint64_t bytes = 0; bytes < 20 * PAGE_BYTES; bytes += 64) {
        (void)tri_alloc(mutator, type);
        uint64_t lag = bytes + 64 - size_min(counters_live(counters), bytes + 64);
        ck_assert_uint_le(lag, heaps[_i].charge);
    }
}
END_TEST

/* What all have not charged yet together is little; but each may charge 8 KiB at a time. */
START_TEST(many_mutators_charge_more_often)
{
    static const struct {
        uint32_t attached;
        uint64_t charge;
    } cases[] = {{1, 32768}, {4, 32768}, {8, 16384}, {1000, 8192}};
    fixture.heap->cycle.pacer.heap_minimum = 16 * MIB;
    uint32_t attached = fixture.heap->attached;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        fixture.heap->attached = cases[i].attached;
        cycle_commit_goal(fixture.heap);
        ck_assert_uint_eq(counters->charge_bytes, cases[i].charge);
    }
    fixture.heap->attached = attached;
}
END_TEST

/* ---- The rate -------------------------------------------------------------------------------- */

static const struct {
    uint64_t last;
    uint64_t done;
    uint64_t goal;
    uint64_t live;
    uint64_t per_kib;
} rates[] = {
    {10 * MIB, 0, 40 * MIB, 30 * MIB, 1024},
    {10 * MIB, 4 * MIB, 40 * MIB, 30 * MIB, 614},
    {10 * MIB, 4 * MIB, 40 * MIB, 20 * MIB, 307},
    {10 * MIB, 10 * MIB - 1000, 40 * MIB, 40 * MIB - 1000, 1024},
    {10 * MIB, 0, PACER_OFF, 30 * MIB, 0},             /* GOGC=off */
    {GIB, 0, 40 * MIB, 40 * MIB - 1, ASSIST_RATE_MAX}, /* no room left */
};

START_TEST(rate)
{
    fixture_step_to(CYCLE_ROOTS);
    fixture.heap->cycle.pacer.last = (struct pacer_work){rates[_i].last, 0, 0};
    mark->scanned_bytes = rates[_i].done;
    mark->stack_bytes = 0;
    mark->global_bytes = 0;
    counters->goal_bytes = rates[_i].goal;
    counters->live_bytes = rates[_i].live;
    counters->black_bytes = 0;
    assist_revise(fixture.heap);
    ck_assert_uint_eq(mark->work_per_kib, rates[_i].per_kib);
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
    assist_pay(mutator, 0);
    ck_assert_int_eq(mutator->assist_debt, 0);
    ck_assert_int_eq(mark->credit, 6000);
    ck_assert_uint_eq(mark->scanned_bytes, 0);
    ck_assert(!mutator->made_grey);
    ck_assert_uint_eq(assists(), 0);
    mutator->assist_debt = 6100; /* what is lacking is scanned */
    assist_pay(mutator, 0);
    ck_assert_int_eq(mark->credit, 0);
    ck_assert_int_eq(mutator->assist_debt, 100 - 128);
    ck_assert_uint_eq(mutator->marker.scanned_bytes, 128);
    ck_assert(mutator->made_grey); /* [assist.2] */
    ck_assert_uint_eq(assists(), 1);
    mark->credit = -500; /* is none */
    mutator->assist_debt = 10;
    assist_pay(mutator, 0);
    ck_assert_int_eq(mark->credit, -500);
    ck_assert_uint_eq(assists(), 2);
}
END_TEST

/* One assist is short, and what is left of a large debt is paid at the next ones. */
START_TEST(steps)
{
    static const struct {
        int64_t debt;
        size_t bytes; /* about to be allocated */
        uint64_t step;
    } steps[] = {
        {1, 0, 1},
        {2000, 0, 2000},
        {2000, MIB, 2000},
        {ASSIST_QUANTUM_BYTES, 0, ASSIST_QUANTUM_BYTES},
        {10000, 0, ASSIST_QUANTUM_BYTES},
        {ASSIST_STEP_PART * 5000, 0, 5000},
        {10 * MIB, 0, ASSIST_STEP_MAX_BYTES},
        {10 * MIB, 100 * KIB, ASSIST_STEP_MAX_BYTES + 100 * KIB},
    };
    (void)make_chain(30000);
    fixture_step_to(CYCLE_MARK);
    mutator->assist_debt = steps[_i].debt;
    assist_pay(mutator, steps[_i].bytes);
    uint64_t done = mark->scanned_bytes + mutator->marker.scanned_bytes;
    ck_assert_uint_ge(done, steps[_i].step);
    ck_assert_uint_lt(done, steps[_i].step + 64);
    ck_assert_int_eq(mutator->assist_debt, steps[_i].debt - (int64_t)done);
    ck_assert_uint_eq(assists(), 1);
}
END_TEST

/* So much is handed out until the next slow path as a small step pays for; more, where others have
 * paid; but a slot always. */
START_TEST(windows)
{
    static const struct {
        uint64_t rate;
        bool in_debt;
        size_t window;
    } windows[] = {
        {0, true, ASSIST_QUANTUM_BYTES * KIB},  {1023, true, ASSIST_QUANTUM_BYTES},
        {4095, true, ASSIST_QUANTUM_BYTES / 4}, {ASSIST_RATE_MAX, true, SLOT_BYTES_MIN},
        {4095, false, RUN_ZERO_BYTES},
    };
    (void)make_chain(30000);
    fixture_step_to(CYCLE_MARK);
    mark->work_per_kib = windows[_i].rate;
    mutator->assist_debt = windows[_i].in_debt ? 100000 : 0;
    assist_pay(mutator, 0);
    ck_assert_uint_eq(mutator->cache.window, windows[_i].window);
    tri_type *large = fixture_type(200, TRI_LAYOUT_LEAF);
    fixture_promote(large);
    ck_assert_ptr_nonnull(tri_alloc(mutator, large));
}
END_TEST

/* Let there be a segment more for markers to take. */
static void share_one_more(tri_ref object)
{
    struct mark_stack stack;
    mark_stack_init(&stack, &mark->segments);
    ck_assert(mark_stack_push(&stack, (uintptr_t)object));
    mark_stack_publish(&stack, &mark->pool);
}

/* [answer.6]: what an assist keeps for the next one is given up in the next answer, and
 * reported. */
START_TEST(gives_up_what_it_keeps)
{
    const char *last = make_chain(1000);
    char *other = fixture_new(type);
    fixture_keep(other);
    fixture_step_to(CYCLE_MARK);
    ck_assert(mark_queue_steal(&mutator->marker.queue, &mark->queue));
    share_one_more(other);
    mutator->assist_debt = 100;
    assist_pay(mutator, 0);
    ck_assert(marker_has_grey(&mutator->marker));
    fixture.heap->cycle.round_grey = 0;
    answer_handshake(mutator, HANDSHAKE_FLUSH, true);
    ck_assert(!marker_has_grey(&mutator->marker));
    ck_assert(mark_has_work(fixture.heap));
    ck_assert_uint_eq(fixture.heap->cycle.round_grey, 1);
    fixture_step_to(CYCLE_DISARM);
    ck_assert(fixture_is_marked(last));
}
END_TEST

/* Where nobody else would find work, nothing is kept. */
START_TEST(keeps_nothing_from_the_markers)
{
    const char *last = make_chain(1000);
    fixture_step_to(CYCLE_MARK);
    mutator->assist_debt = 100;
    assist_pay(mutator, 0);
    ck_assert(!marker_has_grey(&mutator->marker));
    ck_assert(mark_has_work(fixture.heap));
    ck_assert(mutator->made_grey);
    fixture_step_to(CYCLE_DISARM);
    ck_assert(fixture_is_marked(last));
}
END_TEST

/* A piece of garbage that a candidate leads to after marking has ended stays what it is. */
START_TEST(makes_no_garbage_grey)
{
    char *garbage = fixture_new(type);
    char *next = fixture_new(type);
    fixture_link(garbage, 0, next);
    fixture_step_to(CYCLE_MARK);
    fixture.late[0] = true;
    while (cycle_phase(fixture.heap) != CYCLE_DISARM) {
        (void)cycle_advance(mutator, SIZE_MAX);
        if (cycle_phase(fixture.heap) == CYCLE_FLUSH) {
            fixture_answer(0);
        }
    }
    mark_refresh(fixture.heap, &mutator->marker);
    shade(&mutator->marker, (uintptr_t)garbage);
    ck_assert(!fixture_is_marked(garbage));
    fixture_answer(0);
    ck_assert(!mark_has_work(fixture.heap));
    fixture.late[0] = false;
    while (cycle_advance(mutator, SIZE_MAX)) {
    }
    sweep_finish(fixture.heap);
    ck_assert(!fixture_is_allocated(garbage));
    ck_assert(!fixture_is_allocated(next));
}
END_TEST

/* [assist.4] */
START_TEST(limited)
{
    (void)make_chain(100);
    fixture_step_to(CYCLE_MARK);
    fixture.heap->cycle.limited = 1;
    mutator->assist_debt = 1000;
    assist_pay(mutator, 0);
    ck_assert_int_eq(mutator->assist_debt, 0);
    ck_assert_uint_eq(mark->scanned_bytes + mutator->marker.scanned_bytes, 0);
    fixture.heap->cycle.limited = 0;
}
END_TEST

/* [assist.1]: no work, no debt. */
START_TEST(no_work)
{
    fixture_step_to(CYCLE_MARK);
    mutator->assist_debt = 100000;
    assist_pay(mutator, 0);
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
    assist_pay(mutator, 0);
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
    while (!fixture_is_marked(last) || marker_has_grey(&mutator->marker)) {
        mutator->assist_debt = ASSIST_QUANTUM_BYTES;
        assist_pay(mutator, 0);
    }
    ck_assert_uint_eq(mark->scanned_bytes + mutator->marker.scanned_bytes, 64 * OBJECTS);
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
    while (mark_has_work(fixture.heap) || marker_has_grey(&mutator->marker)) {
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
    tcase_add_test(cases, settles);
    tcase_add_loop_test(cases, small_heaps_are_charged_often, 0, 4);
    tcase_add_test(cases, many_mutators_charge_more_often);
    tcase_add_loop_test(cases, rate, 0, (int)ARRAY_LENGTH(rates));
    tcase_add_test(cases, credit);
    tcase_add_loop_test(cases, steps, 0, 8);
    tcase_add_loop_test(cases, windows, 0, 5);
    tcase_add_test(cases, gives_up_what_it_keeps);
    tcase_add_test(cases, keeps_nothing_from_the_markers);
    tcase_add_test(cases, makes_no_garbage_grey);
    tcase_add_test(cases, limited);
    tcase_add_test(cases, no_work);
    tcase_add_loop_test(cases, too_early, 0, 3);
    tcase_add_test(cases, assists_mark_all);
    tcase_add_test(cases, markers_give_credit);
    tcase_add_test(cases, goal_is_kept);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
