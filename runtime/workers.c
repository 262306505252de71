/* workers.c -- threads that mark and sweep.
 *
 * Owns:       struct workers_state.
 * Invariants:
 *   [workers.1] port_run_parallel MUST NOT return before each thread that took part has ended its
 *               part; otherwise a marker works on while mutators run.
 *   [workers.2] A wake-up MUST NOT be lost between a look for work and the sleep; otherwise spans
 *               stay unswept until somebody needs them.
 * Locks:      MARK for markers, SWEEP for the sweeper; neither is held while they work.
 * Callers:    cycle through port.h; destruction of the heap.
 */
#include "runtime/workers.h"

#include "gc/assert.h"
#include "gc/port.h"
#include "gc/sweep.h"

void workers_init(struct workers_state *workers)
{
    lock_init(&workers->lock, LOCK_MARK);
    condition_init(&workers->changed);
    lock_init(&workers->sweep_lock, LOCK_SWEEP);
    condition_init(&workers->sweep_changed);
}

/* Wait for a job after number last in which index has a part. False: stop. MARK held. */
static bool wait_for_job(struct workers_state *workers, unsigned index, uint64_t last)
    LOCK_REQUIRES(workers->lock)
{
    while (!workers->stopping && (workers->job == last || index >= workers->job_count)) {
        if (workers->job != last) {
            last = workers->job; /* a job without a part for this thread */
        }
        condition_wait(&workers->changed, &workers->lock);
    }
    return !workers->stopping;
}

static void *marker_thread(void *argument)
{
    const struct worker_start *start = argument;
    struct workers_state *workers = &start->heap->workers;
    uint64_t last = 0;
    lock_acquire(&workers->lock);
    while (wait_for_job(workers, start->index, last)) {
        last = workers->job;
        lock_release(&workers->lock);
        workers->job_function(workers->job_argument, start->index);
        lock_acquire(&workers->lock);
        workers->job_running--;
        condition_broadcast(&workers->changed);
    }
    lock_release(&workers->lock);
    return NULL;
}

/* Have count - 1 threads if the system lets us; they are numbered from 1. */
static void start_threads(struct process_heap *heap, unsigned count)
{
    struct workers_state *workers = &heap->workers;
    while (workers->thread_count + 1 < count) {
        struct worker_start *start = &workers->starts[workers->thread_count];
        *start = (struct worker_start){heap, workers->thread_count + 1};
        if (!thread_start(&workers->threads[workers->thread_count], marker_thread, start,
                          "trillium mark")) {
            return;
        }
        workers->thread_count++;
    }
}

unsigned port_run_parallel(struct tri_heap *heap, unsigned count,
                           void (*function)(void *argument, unsigned index), void *argument)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    start_threads(process, count < MARKERS_MAX ? count : MARKERS_MAX);
    unsigned called = workers->thread_count + 1 < count ? workers->thread_count + 1 : count;
    lock_acquire(&workers->lock);
    workers->job_function = function;
    workers->job_argument = argument;
    workers->job_count = called;
    workers->job_running = called - 1;
    workers->job++;
    condition_broadcast(&workers->changed);
    lock_release(&workers->lock);
    function(argument, 0);
    lock_acquire(&workers->lock);
    while (workers->job_running > 0) { /* [workers.1] */
        condition_wait(&workers->changed, &workers->lock);
    }
    lock_release(&workers->lock);
    return called;
}

static void *sweeper_thread(void *argument)
{
    struct process_heap *heap = argument;
    struct workers_state *workers = &heap->workers;
    lock_acquire(&workers->sweep_lock);
    while (!workers->sweep_stopping) {
        if (!workers->sweep_wanted) { /* [workers.2]: tested with the lock held */
            condition_wait(&workers->sweep_changed, &workers->sweep_lock);
            continue;
        }
        workers->sweep_wanted = false;
        lock_release(&workers->sweep_lock);
        while (sweep_some(&heap->heap, SWEEP_BATCH_SPANS)) {
            port_yield();
        }
        lock_acquire(&workers->sweep_lock);
    }
    lock_release(&workers->sweep_lock);
    return NULL;
}

void port_wake_sweeper(struct tri_heap *heap)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    if (!heap->options.background_sweep || sweep_is_done(heap)) {
        return;
    }
    lock_acquire(&workers->sweep_lock);
    if (!workers->sweeper_started) {
        /* Where the system refuses, allocation and the next cycle sweep alone. */
        workers->sweeper_started =
            thread_start(&workers->sweeper, sweeper_thread, process, "trillium sweep");
    }
    workers->sweep_wanted = true;
    condition_broadcast(&workers->sweep_changed);
    lock_release(&workers->sweep_lock);
}

void workers_stop(struct process_heap *heap)
{
    struct workers_state *workers = &heap->workers;
    int before = thread_cancel_disable(); /* [thread.3] */
    lock_acquire(&workers->lock);
    workers->stopping = true;
    condition_broadcast(&workers->changed);
    lock_release(&workers->lock);
    for (unsigned i = 0; i < workers->thread_count; i++) {
        (void)pthread_join(workers->threads[i], NULL);
    }
    lock_acquire(&workers->sweep_lock);
    workers->sweep_stopping = true;
    condition_broadcast(&workers->sweep_changed);
    lock_release(&workers->sweep_lock);
    if (workers->sweeper_started) {
        (void)pthread_join(workers->sweeper, NULL);
    }
    thread_cancel_restore(before);
    condition_destroy(&workers->sweep_changed);
    lock_destroy(&workers->sweep_lock);
    condition_destroy(&workers->changed);
    lock_destroy(&workers->lock);
}
