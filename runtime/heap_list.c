/* heap_list.c -- the heaps of the process, and what is done for them when it ends.
 *
 * Owns:       the list of heaps. It is the one thing beside the key of thread.c that belongs to the
 *             process and not to a heap: neither fork() nor exit() is told which heaps there are.
 * Idea:       the system takes the memory of a process apart on the thread that is the last to end.
 *             If that is a marker at idle priority, and other processes keep all processors busy,
 *             then the process is there for as long as they are: one of 200 MiB was seen to take
 *             half a minute. So, when a process ends by exit(), its markers are raised.
 * Invariants:
 *   [heap_list.1] The end of the process MUST wait for no lock; otherwise a host that calls exit()
 *                 where it holds one, or while another thread has stopped with one, does not end.
 *   [heap_list.2] A thread MUST have its own mutators blocked while it waits for the list, or has
 *                 it; otherwise two threads that fork at a time wait for each other for ever, as do
 *                 one that forks, and holds all mutators, and one that makes or ends another heap.
 * Locks:      its own, outside of LOCK_RANKS; tries it, and MARK under it, at the end.
 * Callers:    creation and destruction of heaps; fork; the system, in exit().
 */
#include "runtime/heap_list.h"

#include <pthread.h>

#include "gc/port.h"
#include "runtime/handshake.h"
#include "runtime/thread.h"
#include "runtime/workers.h"

/* Guarded by its lock. */
static struct {
    pthread_mutex_t lock;
    struct process_heap *first;
} heaps = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Call function for each of the calling thread's mutators. */
static void each_own_mutator(void (*function)(struct process_mutator *mutator))
{
    for (struct thread_binding *b = thread_binding_first(); b != NULL; b = b->next) {
        function(CONTAINER_OF(b, struct process_mutator, binding));
    }
}

static void block_own(struct process_mutator *mutator)
{
    mutator->listing = handshake_is_running(mutator);
    if (mutator->listing) {
        port_blocking_begin(&mutator->mutator);
    }
}

static void unblock_own(struct process_mutator *mutator)
{
    if (mutator->listing) {
        mutator->listing = false;
        port_blocking_end(&mutator->mutator);
    }
}

struct process_heap *heap_list_lock(void)
{
    each_own_mutator(block_own); /* [heap_list.2] */
    (void)pthread_mutex_lock(&heaps.lock);
    return heaps.first;
}

struct process_heap *heap_list_first(void)
{
    return heaps.first;
}

void heap_list_unlock(void)
{
    (void)pthread_mutex_unlock(&heaps.lock);
    each_own_mutator(unblock_own);
}

void heap_list_add(struct process_heap *heap)
{
    heap->next_heap = heap_list_lock();
    heaps.first = heap;
    heap_list_unlock();
}

void heap_list_remove(struct process_heap *heap)
{
    (void)heap_list_lock();
    struct process_heap **link = &heaps.first;
    while (*link != NULL && *link != heap) {
        link = &(*link)->next_heap;
    }
    if (*link != NULL) {
        *link = heap->next_heap;
    }
    heap_list_unlock();
}

AT_EXIT static void raise_all(void)
{
    if (pthread_mutex_trylock(&heaps.lock) != 0) { /* [heap_list.1] */
        return;
    }
    for (struct process_heap *h = heaps.first; h != NULL; h = h->next_heap) {
        workers_raise_to_end(&h->workers);
    }
    (void)pthread_mutex_unlock(&heaps.lock);
}
