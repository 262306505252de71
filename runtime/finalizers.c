/* finalizers.c -- running what waits.
 *
 * Owns:       struct finalizers_thread.
 * Idea:       a call is taken from the queue, and its object put into a frame of the mutator's, in
 *             one; then the host's function is called as if the host had called it. The thread of
 *             the library's own does the same, with a mutator that it has only while there is
 *             something to run.
 * Invariants:
 *   [finalizers.1] The object of a call MUST be among the mutator's roots until the call returns;
 *                  otherwise a cycle meanwhile frees it.
 *   [finalizers.2] No lock MUST be held during a call; otherwise the host, which may do anything
 *                  then, waits for itself.
 *   [finalizers.3] A wake-up MUST NOT be lost between a look at the queue and the sleep; otherwise
 *                  what waits is not run until the next cycle finds more.
 * Locks:      SWEEP for the thread's sleep; FINALIZER inside finalizer_take.
 * Callers:    tri_finalizers_run; weak by way of port.h; creation and end of a heap, fork.
 */
#include "runtime/finalizers.h"

#include <trillium/roots.h>

#include "gc/finalizer.h"
#include "gc/port.h"
#include "runtime/mutator.h"

/* Make one call, with no lock held [finalizers.2]. False where none waits. */
static bool run_one(tri_mutator *mutator)
{
    TRI_FRAME(mutator, 1); /* [finalizers.1] */
    struct finalizer_call call;
    if (!finalizer_take(mutator, &call, &TRI_LOCAL(0))) {
        return false;
    }
    if (call.finalizer != NULL) {
        call.finalizer(mutator, call.reference, call.argument);
    } else {
        call.cleanup(mutator, call.argument);
    }
    return true;
}

size_t finalizers_run(tri_mutator *mutator, size_t budget)
{
    size_t count = 0;
    port_safepoint(mutator);
    while (count < budget && run_one(mutator)) {
        count++;
        port_safepoint(mutator);
    }
    return count;
}

/* ---- The thread ------------------------------------------------------------------------------ */

void finalizers_init(struct finalizers_thread *finalizers)
{
    condition_init(&finalizers->changed);
}

void finalizers_destroy(struct finalizers_thread *finalizers)
{
    condition_destroy(&finalizers->changed);
}

void finalizers_forget(struct finalizers_thread *finalizers)
{
    condition_init(&finalizers->changed);
    finalizers->started = false;
    finalizers->wanted = false;
}

/* Run all that waits, with a mutator of the thread's own. False where that is not to be had. */
static bool run_all(struct process_heap *heap)
{
    struct process_mutator *mutator;
    if (mutator_attach(heap, &mutator) != TRI_OK) {
        return false;
    }
    while (load_relaxed(&heap->finalizers.stopping) == 0 &&
           finalizers_run(&mutator->mutator, 1) > 0) {
    }
    mutator_detach(mutator);
    return true;
}

static void *finalizers_thread(void *argument)
{
    struct process_heap *heap = argument;
    struct finalizers_thread *finalizers = &heap->finalizers;
    lock_acquire(&heap->workers.sweep_lock);
    while (load_relaxed(&finalizers->stopping) == 0) {
        if (!finalizers->wanted) { /* [finalizers.3]: tested with the lock held */
            condition_wait(&finalizers->changed, &heap->workers.sweep_lock);
            continue;
        }
        finalizers->wanted = false;
        lock_release(&heap->workers.sweep_lock);
        if (!run_all(heap) && !finalizers->told) {
            finalizers->told = true;
            port_log(&heap->heap,
                     "trillium: finalizer_thread: no mutator is to be had for it; what "
                     "waits is left to tri_finalizers_run");
        }
        lock_acquire(&heap->workers.sweep_lock);
    }
    lock_release(&heap->workers.sweep_lock);
    return NULL;
}

void port_wake_finalizers(struct tri_heap *heap)
{
    struct process_heap *process = process_heap_of(heap);
    struct finalizers_thread *finalizers = &process->finalizers;
    if (!heap->options.finalizer_thread || heap->options.markers == 0) {
        return;
    }
    lock_acquire(&process->workers.sweep_lock);
    if (!finalizers->started && load_relaxed(&finalizers->stopping) == 0) {
        /* Where the system refuses, the next cycle tries again. */
        finalizers->started =
            thread_start(&finalizers->thread, finalizers_thread, process, "trillium final");
    }
    finalizers->wanted = true;
    condition_broadcast(&finalizers->changed);
    lock_release(&process->workers.sweep_lock);
}

void finalizers_stop(struct process_heap *heap)
{
    struct finalizers_thread *finalizers = &heap->finalizers;
    lock_acquire(&heap->workers.sweep_lock);
    store_relaxed(&finalizers->stopping, 1U);
    condition_broadcast(&finalizers->changed);
    bool started = finalizers->started;
    finalizers->started = false;
    lock_release(&heap->workers.sweep_lock);
    if (started) {
        (void)pthread_join(finalizers->thread, NULL);
    }
}
