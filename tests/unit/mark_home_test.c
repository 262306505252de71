/* mark_home_test.c -- what is grey goes to the mutator that has allocated it, and does not wait
 * there for ever. */
#include "gc/mark_home.h"

#include "gc/cycle.h"
#include "gc/mark.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define MUTATORS 3

static struct mark_state *mark;
static tri_type *small;
static tri_type *large;

static void create(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.markers = TRI_MARKERS_AUTO;
    fixture_begin(&options, MUTATORS);
    mark = &fixture.heap->mark;
    small = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(small);
    large = fixture_type(100000, TRI_LAYOUT_ALL_WORDS);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* Mutators drive a cycle that marks, as far as a marker sees. */
static void pretend_to_mark(void)
{
    fixture.heap->cycle.by_mutators = 1;
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        mark_refresh(fixture.heap, &fixture.mutators[i]->marker);
    }
}

static struct marker *marker_number(unsigned index)
{
    return &fixture.mutators[index]->marker;
}

static void scan_all(struct marker *marker)
{
    marker_exhaust(marker);
    (void)mark_publish(fixture.heap, marker);
}

/* All that anybody has, as when a thread drives. */
static void take_it_all(void)
{
    fixture.heap->cycle.by_mutators = 0;
    while (mark_some(fixture.heap, &mark->markers[0], SIZE_MAX / 4) > 0) {
    }
    EXPECT(!mark_has_work(fixture.heap));
    fixture_unmark();
}

/* ---- Where it goes --------------------------------------------------------------------------- */

/* Of a span as a whole, and of an object that is queued singly. */
START_TEST(sent_home)
{
    const char *object = tri_alloc(fixture.mutators[1], _i == 0 ? small : large);
    ck_assert_uint_eq(fixture_span(object)->home, marker_number(1)->home);
    pretend_to_mark();
    mark_home_arrive(fixture.mutators[1]);
    struct marker *finder = marker_number(0);
    shade(finder, (uintptr_t)object);
    ck_assert(fixture_is_marked(object));
    ck_assert(!marker_has_grey(finder));
    ck_assert(!mark_home_has_work(mark)); /* not before it is delivered */
    ck_assert(mark_publish(fixture.heap, finder));
    ck_assert(mark_home_has_work(mark) && mark_has_work(fixture.heap)); /* [mark_home.3] */
    ck_assert(!mark_home_take(mark, finder) && !mark_home_take(mark, marker_number(2)));
    ck_assert(mark_home_take(mark, marker_number(1)));
    ck_assert(marker_has_grey(marker_number(1)));
    scan_all(marker_number(1));
    ck_assert(!mark_has_work(fixture.heap));
    take_it_all();
}
END_TEST

/* What is nobody's, its finder's own, or of one who is not there, stays; as does everything where a
 * thread drives the cycle, or there is but one mutator. */
START_TEST(not_sent)
{
    static const struct {
        unsigned allocates;
        bool is_there;
        bool is_here; /* in this cycle, not an earlier one */
        bool self_driven;
    } cases[] = {{0, true, true, true},
                 {1, false, true, true},
                 {1, true, false, true},
                 {1, true, true, false}};
    const char *object = tri_alloc(fixture.mutators[cases[_i].allocates], small);
    pretend_to_mark();
    if (!cases[_i].self_driven) {
        fixture.heap->cycle.drivers = 1;
        mark_refresh(fixture.heap, marker_number(0));
    }
    if (cases[_i].is_there) {
        mark_home_arrive(fixture.mutators[cases[_i].allocates]);
    }
    fixture.heap->cycle.count += cases[_i].is_here ? 0 : 1;
    shade(marker_number(0), (uintptr_t)object);
    ck_assert(marker_has_grey(marker_number(0)));
    scan_all(marker_number(0));
    ck_assert(!mark_has_work(fixture.heap));
    fixture.heap->cycle.drivers = 0;
    take_it_all();
}
END_TEST

START_TEST(one_mutator)
{
    fixture_detach();
    fixture_detach();
    pretend_to_mark();
    ck_assert(!marker_number(0)->sends);
    fixture_attach();
    mark_refresh(fixture.heap, marker_number(0));
    ck_assert(marker_number(0)->sends);
    fixture_attach();
    fixture.heap->cycle.by_mutators = 0;
}
END_TEST

/* Without memory to send it in it stays. */
START_TEST(no_memory)
{
    const char *object = tri_alloc(fixture.mutators[1], small);
    pretend_to_mark();
    mark_home_arrive(fixture.mutators[1]);
    fixture_starve(0);
    shade(marker_number(0), (uintptr_t)object);
    fixture_feed();
    ck_assert(fixture_is_marked(object));
    ck_assert(load_relaxed(&mark->overflow) != 0); /* nor to queue it */
    store_relaxed(&mark->overflow, 0U);
    take_it_all();
}
END_TEST

/* ---- How long it waits ----------------------------------------------------------------------- */

/* [mark_home.2]: for so many looks of those who drive the cycle; a thread that does takes it at
 * once. */
START_TEST(waits_for_a_while)
{
    bool thread = _i == 1;
    const char *object = tri_alloc(fixture.mutators[1], small);
    pretend_to_mark();
    mark_home_arrive(fixture.mutators[1]);
    store_relaxed(&mark->waits, 0U);
    ck_assert(!mark_home_waits(mark, 0)); /* for nothing */
    shade(marker_number(0), (uintptr_t)object);
    (void)mark_publish(fixture.heap, marker_number(0));
    struct marker *thief = marker_number(2);
    if (thread) {
        fixture.heap->cycle.drivers = 1;
    } else {
        for (unsigned i = 0; i < HOME_WAITS; i++) {
            ck_assert(!mark_home_take_any(mark, thief));
            ck_assert(mark_home_waits(mark, 0));
        }
        ck_assert(!mark_home_waits(mark, 0));
    }
    ck_assert(mark_home_take_any(mark, thief));
    fixture.heap->cycle.drivers = 0;
    scan_all(thief);
    take_it_all();
}
END_TEST

/* Who would allocate more before its next step waits fewer times. */
START_TEST(waits_less_for_more)
{
    const char *object = tri_alloc(fixture.mutators[1], small);
    pretend_to_mark();
    mark_home_arrive(fixture.mutators[1]);
    shade(marker_number(0), (uintptr_t)object);
    (void)mark_publish(fixture.heap, marker_number(0));
    ck_assert(mark_home_waits(mark, STEP_SCAN_BYTES * HOME_WAITS));
    ck_assert(!mark_home_waits(mark, 0));
    take_it_all();
}
END_TEST

/* [mark_home.2]: once others may take it, nothing is sent any more; else it would come back. */
START_TEST(not_sent_back)
{
    const char *object = tri_alloc(fixture.mutators[1], small);
    pretend_to_mark();
    mark_home_arrive(fixture.mutators[1]);
    mark_home_wait(mark, HOME_WAITS);
    mark_refresh(fixture.heap, marker_number(0));
    ck_assert(!marker_number(0)->sends);
    shade(marker_number(0), (uintptr_t)object);
    ck_assert(marker_has_grey(marker_number(0)));
    scan_all(marker_number(0));
    take_it_all();
}
END_TEST

/* Somebody who holds the heap ends the cycle, though mutators drive it and he is none of the
 * threads that do. It hung before. */
START_TEST(drained_by_a_hold)
{
    char *object = tri_alloc(fixture.mutators[0], small);
    uintptr_t stack[1] = {(uintptr_t)object};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    fixture.collector = COLLECTOR_LATER;
    fixture_step_to(CYCLE_MARK);
    ck_assert(heap_is_self_driven(fixture.heap));
    char *other = tri_alloc(fixture.mutators[1], small); /* black */
    ck_assert(fixture_is_marked(other));
    mark_home_arrive(fixture.mutators[0]);
    mark_home_arrive(fixture.mutators[1]);
    struct grey_work *home = &mark->homes[marker_number(0)->home - 1].grey;
    struct mark_stack work;
    mark_stack_init(&work, &mark->segments);
    ck_assert(mark_stack_push(&work, (uintptr_t)object));
    mark_stack_publish(&work, &home->stack);
    mark_stack_destroy(&work);
    port_blocking_begin(fixture.mutators[0]);
    cycle_lock_idle(fixture.heap);
    lock_release(&fixture.heap->cycle.lock);
    port_blocking_end(fixture.mutators[0]);
    ck_assert_int_eq(cycle_phase(fixture.heap), CYCLE_IDLE);
    ck_assert(!mark_has_work(fixture.heap));
}
END_TEST

/* A list whose nodes two mutators have made in turn: it is not passed from one to the other for
 * ever, whether the other one comes to its slow paths or does not. */
START_TEST(chain_across_homes)
{
    enum {
        LENGTH = 20000
    };
    fixture.collector = COLLECTOR_LATER;
    char *list = NULL;
    for (unsigned i = 0; i < LENGTH; i++) {
        char *node = tri_alloc(fixture.mutators[i % 2], small);
        fixture_link(node, 1, list);
        list = node;
    }
    uintptr_t stack[1] = {(uintptr_t)list};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    fixture.late[1] = true;
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    unsigned polls = 0;
    do {
        cycle_poll(fixture.mutators[0], 0);
        store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_MAX);
        if (_i == 1) {
            cycle_poll(fixture.mutators[1], 0);
        }
        fixture_answer(1);
        /* LENGTH * 64 bytes in steps of STEP_SCAN_BYTES, and what waiting takes */
        ck_assert_uint_lt(++polls, 3 * HOME_WAITS + 100);
    } while (cycle_phase(fixture.heap) != CYCLE_IDLE);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, LENGTH);
    fixture_verify();
}
END_TEST

/* A mutator alone beside one that is blocked takes no more steps than without it: what is at its
 * home it takes in the step itself. */
START_TEST(step_by_who_is_at_home)
{
    fixture.collector = COLLECTOR_LATER;
    char *list = NULL;
    for (unsigned i = 0; i < 100; i++) {
        char *node = tri_alloc(fixture.mutators[0], small);
        fixture_link(node, 1, list);
        list = node;
    }
    uintptr_t stack[1] = {(uintptr_t)list};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    unsigned polls = 0;
    do {
        cycle_poll(fixture.mutators[0], 0);
        store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_MAX);
        polls++;
    } while (cycle_phase(fixture.heap) != CYCLE_IDLE);
    ck_assert_uint_le(polls, 3);
    ck_assert_uint_eq(load_relaxed(&mark->waits), 0);
}
END_TEST

/* A whole cycle in which one mutator answers, and allocates no more: the other one ends it, and
 * what the first one holds lives. */
START_TEST(cycle_with_an_idle_one)
{
    enum {
        LENGTH = 20000
    };
    fixture.heap->options.verify = true;
    fixture.collector = COLLECTOR_LATER;
    char *list = NULL;
    for (unsigned i = 0; i < LENGTH; i++) {
        char *node = tri_alloc(fixture.mutators[1], small);
        fixture_link(node, 1, list);
        list = node;
    }
    uintptr_t stack[1] = {(uintptr_t)list};
    fixture.stacks[0] = (struct fixture_stack){stack, 1}; /* the other one's root leads to it */
    fixture.late[1] = true;
    uint64_t count = fixture.heap->cycle.count;
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    unsigned polls = 0;
    bool waited = false;
    while (fixture.heap->cycle.count == count) {
        cycle_poll(fixture.mutators[0], 0);
        store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_MAX);
        fixture_answer(1);
        waited |= load_relaxed(&mark->waits) > 0;
        ck_assert_uint_lt(++polls, 2000);
    }
    ck_assert(waited);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, LENGTH);
    fixture_verify();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mark_home");
    TCase *cases = tcase_create("mark_home");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, sent_home, 0, 2);
    tcase_add_loop_test(cases, not_sent, 0, 4);
    tcase_add_test(cases, one_mutator);
    tcase_add_test(cases, no_memory);
    tcase_add_loop_test(cases, waits_for_a_while, 0, 2);
    tcase_add_test(cases, waits_less_for_more);
    tcase_add_test(cases, not_sent_back);
    tcase_add_test(cases, drained_by_a_hold);
    tcase_add_loop_test(cases, chain_across_homes, 0, 2);
    tcase_add_test(cases, step_by_who_is_at_home);
    tcase_add_test(cases, cycle_with_an_idle_one);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
