/* thread_test.c -- threads of a host that are cancelled, and what the collector leaves alone. */
#include <check.h>
#include <pthread.h>
#include <trillium/debug.h>
#include <trillium/trillium.h>

#include "gc/port.h"
#include "runtime/handshake.h"
#include "tests/unit/unit.h"

/* Is cancelled in the midst of the log, if that were possible. */
static void cancellable_log(const char *line, void *lines)
{
    (void)line;
    fetch_add_relaxed((uint32_t *)lines, 1U);
    pthread_testcancel();
}

static tri_heap *heap_new(uint32_t *lines)
{
    tri_heap *heap;
    tri_heap_options options;
    tri_heap_options_init(&options);
    options.trace = 1;
    options.log = cancellable_log;
    options.log_argument = lines;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_OK);
    return heap;
}

struct cancelled {
    tri_heap *heap;
    tri_mutator *mutator;
    uint32_t began;   /* atomic: it is inside a blocking region */
    uint32_t may_end; /* atomic */
    uint32_t steps;   /* atomic: calls that came back */
};

/* Every call here comes back, although the thread was cancelled before. */
static void *work_after_cancel(void *argument)
{
    struct cancelled *cancelled = argument;
    if (tri_mutator_attach(cancelled->heap, &cancelled->mutator) != TRI_OK ||
        pthread_cancel(pthread_self()) != 0) {
        return NULL;
    }
    tri_blocking_begin(cancelled->mutator);
    store_release(&cancelled->began, 1U); /* pairs with the load in the test */
    while (load_relaxed(&cancelled->may_end) == 0) {
        port_yield();
    }
    tri_blocking_end(cancelled->mutator);
    fetch_add_relaxed(&cancelled->steps, 1U);
    tri_collect(cancelled->mutator);
    fetch_add_relaxed(&cancelled->steps, 1U);
    tri_mutator_detach(cancelled->mutator);
    fetch_add_relaxed(&cancelled->steps, 1U);
    pthread_testcancel();
    return NULL;
}

/* [thread.3] */
START_TEST(no_cancellation_inside)
{
    uint32_t lines = 0;
    struct cancelled cancelled = {.heap = heap_new(&lines)};
    struct handshake_state *handshake = &process_heap_of(cancelled.heap)->handshake;
    tri_mutator *mutator;
    ck_assert_int_eq(tri_mutator_attach(cancelled.heap, &mutator), TRI_OK);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, work_after_cancel, &cancelled), 0);
    while (load_acquire(&cancelled.began) == 0) { /* pairs with the store in work_after_cancel */
        port_yield();
    }
    tri_debug_hold(mutator);
    store_relaxed(&cancelled.may_end, 1U);
    for (bool sleeps = false; !sleeps; port_yield()) { /* in handshake_unblock */
        lock_acquire(&handshake->lock);
        sleeps = process_mutator_of(cancelled.mutator)->waiting;
        lock_release(&handshake->lock);
    }
    tri_debug_release(mutator);
    void *result = NULL;
    tri_blocking_begin(mutator);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    tri_blocking_end(mutator);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_uint_eq(load_relaxed(&cancelled.steps), 3);
    ck_assert_uint_eq(lines, 1);
    tri_collect(mutator); /* no lock was left held */
    tri_mutator_detach(mutator);
    tri_heap_destroy(cancelled.heap);
}
END_TEST

static void *destroy_after_cancel(void *argument)
{
    struct cancelled *cancelled = argument;
    if (pthread_cancel(pthread_self()) == 0) {
        tri_heap_destroy(cancelled->heap);
        fetch_add_relaxed(&cancelled->steps, 1U);
        pthread_testcancel();
    }
    return NULL;
}

/* [thread.3]: it joins threads. */
START_TEST(no_cancellation_while_a_heap_is_destroyed)
{
    uint32_t lines = 0;
    struct cancelled cancelled = {.heap = heap_new(&lines)};
    tri_mutator *mutator;
    ck_assert_int_eq(tri_mutator_attach(cancelled.heap, &mutator), TRI_OK);
    tri_type_desc desc = TRI_TYPE_DESC("cell", uint64_t[2]);
    tri_type *type;
    ck_assert_int_eq(tri_type_define(cancelled.heap, &desc, &type), TRI_OK);
    ck_assert_ptr_nonnull(tri_alloc(mutator, type)); /* something to sweep, so that a thread is */
    tri_collect(mutator);
    tri_mutator_detach(mutator);
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, destroy_after_cancel, &cancelled), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_uint_eq(load_relaxed(&cancelled.steps), 1);
}
END_TEST

/* A wait that nobody ends ends by the clock of port_now_ns, and sleeps until then. */
START_TEST(wait_ends_by_the_clock)
{
    port_mutex mutex;
    port_cond cond;
    unsigned waits = 0;
    port_mutex_init(&mutex);
    port_cond_init(&cond);
    port_mutex_lock(&mutex);
    port_cond_wait_for(&cond, &mutex, 0); /* is over */
    uint64_t deadline_ns = port_now_ns() + 20000000;
    while (port_now_ns() < deadline_ns) {
        port_cond_wait_for(&cond, &mutex, 20000000);
        waits++;
    }
    ck_assert_uint_ge(waits, 1);
    ck_assert_uint_lt(waits, 100); /* a wait may end without cause, but is no spinning */
    port_mutex_unlock(&mutex);
    port_cond_destroy(&cond);
    port_mutex_destroy(&mutex);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *cancelled = tcase_create("cancelled");
    tcase_add_test(cancelled, no_cancellation_inside);
    tcase_add_test(cancelled, no_cancellation_while_a_heap_is_destroyed);
    tcase_add_test(cancelled, wait_ends_by_the_clock);
    suite_add_tcase(suite, cancelled);
    return unit_run(suite);
}
