/* fork.c -- a child of a process with many threads goes on with its heaps.
 *
 * Owns:       whether a heap is to outlive a fork.
 * Idea:       the child has one thread, and a copy of all memory as it was when some other thread
 *             may have been in the middle of anything. So fork() is made at a moment when nobody
 *             is: all mutators are held, between two steps of a cycle, no span is being swept, no
 *             lock is taken. The child drops the mutators of threads that it does not have, and
 *             goes on with the cycle that was under way, on threads of its own when they are
 *             needed. A child that only calls exec needs none of this: TRI_FORK_EXEC, or
 *             posix_spawn.
 * Invariants:
 *   [fork.1] The forking thread MUST have its own mutators blocked; otherwise it waits for itself.
 *            See [heap_list.2].
 *   [fork.2] All of a heap's locks MUST be held by the forking thread; otherwise the child finds
 *            one taken for ever, and what it guards half changed.
 *   [fork.3] No thread MUST be sweeping; otherwise the child lacks the span that it had in hand.
 *   [fork.4] What was known about threads MUST be forgotten in the child; otherwise it waits for
 *            one that is not there.
 * Locks:      that of the list of heaps, and under it all of each heap; outside the order of
 *             LOCK_RANKS, since the locks of all heaps are taken.
 * Callers:    the system, in fork(); creation of heaps.
 */
#include "runtime/fork.h"

#include <pthread.h>

#include "gc/assert.h"
#include "gc/cycle.h"
#include "gc/port.h"
#include "gc/sweep.h"
#include "runtime/finalizers.h"
#include "runtime/heap_list.h"
#include "runtime/idle.h"
#include "runtime/mutator.h"
#include "runtime/scavenger.h"
#include "runtime/workers.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool handlers_are_there; /* written once */

/* ---- One heap -------------------------------------------------------------------------------- */

/* All locks of the heap but CYCLE, in the order of LOCK_RANKS. */
#define HEAP_LOCKS 14

static void list_locks(struct process_heap *heap, struct lock *locks[HEAP_LOCKS])
{
    struct lock *all[HEAP_LOCKS] = {
        &heap->heap.weak_hooks.lock, &heap->handshake.lock,
        &heap->roots.lock,           &heap->heap.pools.lock,
        &heap->heap.regions.lock,    &heap->heap.types.lock,
        &heap->heap.finalizers.lock, &heap->workers.lock,
        &heap->workers.sweep_lock,   &heap->container.lock,
        &heap->heap.cycle.goal_lock, &heap->heap.page_heap.pages.lock,
        &heap->heap.meta.lock,       &heap->log_lock,
    };
    for (size_t i = 0; i < HEAP_LOCKS; i++) {
        locks[i] = all[i];
    }
}

static void freeze(struct process_heap *heap)
{
    struct lock *locks[HEAP_LOCKS];
    list_locks(heap, locks);
    cycle_pause(&heap->heap);
    heap->sweep_was_open = sweep_pause(&heap->heap); /* [fork.3] */
    port_hold_begin(&heap->heap);
    page_heap_pause_scavenging(&heap->heap.page_heap); /* [page_heap.9] */
    for (size_t i = 0; i < HEAP_LOCKS; i++) {
        port_mutex_lock(&locks[i]->mutex); /* [fork.2] */
    }
}

static void unlock(struct process_heap *heap)
{
    struct lock *locks[HEAP_LOCKS];
    list_locks(heap, locks);
    for (size_t i = HEAP_LOCKS; i-- > 0;) {
        port_mutex_unlock(&locks[i]->mutex);
    }
}

static void thaw(struct process_heap *heap)
{
    page_heap_resume_scavenging(&heap->heap.page_heap);
    port_hold_end(&heap->heap);
    if (heap->sweep_was_open) {
        sweep_resume(&heap->heap);
    }
    cycle_resume(&heap->heap);
}

/* Drop the mutators whose threads the child does not have; those that are parked have none and
 * stay. */
static void drop_strangers(struct process_heap *heap)
{
    struct process_mutator *next;
    for (struct process_mutator *m = heap->handshake.mutators; m != NULL; m = next) {
        uintptr_t thread = load_relaxed(&m->thread);
        next = m->next;
        if (thread != 0 && thread != port_thread_id()) {
            mutator_forget(m);
        }
    }
}

/* [fork.4] */
static void forget_threads(struct process_heap *heap)
{
    condition_init(&heap->handshake.changed);
    heap->handshake.attaching = 0;
    workers_forget(&heap->workers);
    scavenger_forget(&heap->scavenger);
    idle_init(heap);
    finalizers_forget(&heap->finalizers);
    cycle_forget_threads(&heap->heap);
}

/* ---- The process ----------------------------------------------------------------------------- */

/* Call function for each heap from first on that is to outlive the fork. The list is locked. */
static void each_heap(struct process_heap *first, void (*function)(struct process_heap *heap))
{
    for (struct process_heap *h = first; h != NULL; h = h->next_heap) {
        if (h->outlives_fork) {
            function(h);
        }
    }
}

static void before_fork(void)
{
    each_heap(heap_list_lock(), freeze); /* [fork.1] */
}

static void go_on_in_parent(struct process_heap *heap)
{
    unlock(heap);
    thaw(heap);
    port_wake_sweeper(&heap->heap);
    port_wake_scavenger(&heap->heap);
}

static void go_on_in_child(struct process_heap *heap)
{
    unlock(heap);
    forget_threads(heap);
    drop_strangers(heap);
    thaw(heap);
}

static void after_fork_in_parent(void)
{
    each_heap(heap_list_first(), go_on_in_parent);
    heap_list_unlock();
}

static void after_fork_in_child(void)
{
    each_heap(heap_list_first(), go_on_in_child);
    heap_list_unlock();
}

static void install_handlers(void)
{
    handlers_are_there =
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

bool fork_register(struct process_heap *heap)
{
    heap->outlives_fork = pthread_once(&once, install_handlers) == 0 && handlers_are_there;
    return heap->outlives_fork;
}
