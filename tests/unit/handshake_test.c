/* handshake_test.c -- holds, one directly after the other, and threads that wait for their end. */
#include <check.h>
#include <pthread.h>
#include <trillium/debug.h>
#include <trillium/trillium.h>

#include "gc/port.h"
#include "runtime/handshake.h"
#include "tests/unit/unit.h"

static tri_heap *heap;
static tri_mutator *collector;

static void setup(void)
{
    ck_assert_int_eq(tri_heap_create(&heap, NULL), TRI_OK);
    ck_assert_int_eq(tri_mutator_attach(heap, &collector), TRI_OK);
}

static void teardown(void)
{
    tri_mutator_detach(collector);
    tri_heap_destroy(heap);
}

/* A thread that attaches and then, as often as it was told, runs between two blocking regions. */
struct runner {
    pthread_t thread;
    struct process_mutator *mutator;
    uint32_t attached; /* atomic */
    uint32_t rounds;   /* atomic: regions that it may end */
    uint32_t ran;      /* atomic: regions that it has ended */
};

static void *run_rounds(void *argument)
{
    struct runner *runner = argument;
    tri_mutator *mutator;
    if (tri_mutator_attach(heap, &mutator) != TRI_OK) {
        return NULL;
    }
    runner->mutator = process_mutator_of(mutator);
    tri_blocking_begin(mutator);
    store_release(&runner->attached, 1U); /* pairs with the load in runner_start */
    for (uint32_t round = 0;; round++) {
        while (load_relaxed(&runner->rounds) == round) {
            port_yield();
        }
        tri_blocking_end(mutator);
        if (load_relaxed(&runner->rounds) == UINT32_MAX) {
            break;
        }
        fetch_add_relaxed(&runner->ran, 1U);
        tri_blocking_begin(mutator);
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static void runner_start(struct runner *runner)
{
    *runner = (struct runner){.ran = 0};
    ck_assert_int_eq(pthread_create(&runner->thread, NULL, run_rounds, runner), 0);
}

static void runner_wait_attached(struct runner *runner)
{
    while (load_acquire(&runner->attached) == 0) { /* pairs with the store in run_rounds */
        port_yield();
    }
}

static void runner_end(struct runner *runner)
{
    store_relaxed(&runner->rounds, UINT32_MAX);
    ck_assert_int_eq(pthread_join(runner->thread, NULL), 0);
}

/* Until *number, which HANDSHAKE guards, is wanted. */
static void await(const size_t *number, size_t wanted)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    for (bool there = false; !there; port_yield()) {
        lock_acquire(&handshake->lock);
        there = *number == wanted;
        lock_release(&handshake->lock);
    }
}

static void await_waiting(struct runner *runner)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    for (bool there = false; !there; port_yield()) {
        lock_acquire(&handshake->lock);
        there = runner->mutator->waiting;
        lock_release(&handshake->lock);
    }
}

static void *attach_and_park(void *argument)
{
    tri_mutator **mutator = argument;
    if (tri_mutator_attach(heap, mutator) == TRI_OK) {
        tri_mutator_park(*mutator);
    }
    return NULL;
}

/* [handshake.6] A parked mutator stands for one whose thread sleeps. */
START_TEST(mutator_with_a_waiting_thread_is_let_go_running)
{
    pthread_t thread;
    tri_mutator *parked = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, attach_and_park, &parked), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(parked);
    struct process_mutator *process = process_mutator_of(parked);
    for (unsigned waiting = 0; waiting < 2; waiting++) {
        tri_debug_hold(collector);
        process->waiting = waiting != 0;
        tri_debug_release(collector);
        ck_assert_int_eq(handshake_is_running(process), waiting != 0);
    }
    process->waiting = false;
    handshake_block(process);
    tri_mutator_detach(parked);
}
END_TEST

/* [handshake.6] */
START_TEST(thread_that_waits_runs_before_the_next_hold)
{
    struct runner runner;
    runner_start(&runner);
    runner_wait_attached(&runner);
    tri_debug_hold(collector);
    for (uint32_t round = 1; round <= 200; round++) {
        store_relaxed(&runner.rounds, round);
        await_waiting(&runner);
        tri_debug_release(collector);
        tri_debug_hold(collector);
        ck_assert_uint_eq(load_relaxed(&runner.ran), round);
    }
    tri_debug_release(collector);
    runner_end(&runner);
}
END_TEST

/* [handshake.6] */
START_TEST(thread_that_attaches_does_so_before_the_next_hold)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    for (unsigned round = 0; round < 50; round++) {
        struct runner runners[3];
        tri_debug_hold(collector);
        for (size_t i = 0; i < ARRAY_LENGTH(runners); i++) {
            runner_start(&runners[i]);
        }
        await(&handshake->attaching, ARRAY_LENGTH(runners));
        tri_debug_release(collector);
        tri_debug_hold(collector);
        ck_assert_uint_eq(handshake->mutator_count, 1 + ARRAY_LENGTH(runners));
        tri_debug_release(collector);
        for (size_t i = 0; i < ARRAY_LENGTH(runners); i++) {
            runner_end(&runners[i]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *holds = tcase_create("holds");
    tcase_add_checked_fixture(holds, setup, teardown);
    tcase_add_test(holds, mutator_with_a_waiting_thread_is_let_go_running);
    tcase_add_test(holds, thread_that_waits_runs_before_the_next_hold);
    tcase_add_test(holds, thread_that_attaches_does_so_before_the_next_hold);
    suite_add_tcase(suite, holds);
    return unit_run(suite);
}
