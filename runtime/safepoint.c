/* safepoint.c -- safepoints and blocking regions of a mutator.
 *
 * Owns:       nothing: the states are handshake.c's.
 * Invariants:
 *   [safepoint.1] A mutator's stack MUST be published before it becomes blocked; otherwise the
 *                 collector scans where it was once.
 * Locks:      HANDSHAKE inside handshake.c, SWEEP inside workers.c.
 * Callers:    the mutator's thread: the public entry points, alloc and cycle through port.h.
 */
#include "runtime/safepoint.h"

#include "gc/answer.h"
#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/port.h"
#include "runtime/idle.h"
#include "runtime/stack_scan.h"
#include "runtime/workers.h"

/* Entry_frame as for safepoint_block. */
static void publish(struct process_mutator *mutator, const void *entry_frame)
{
    if (mutator->scan_c_stack) {
        stack_scan_publish(&mutator->stack, entry_frame); /* [safepoint.1] */
    }
}

/* acquire: pairs with the exchange in ask of handshake.c, so that the kind is read. */
static bool is_asked(const struct process_mutator *mutator, uint32_t poll)
{
    return (load_acquire(&mutator->mutator.head.poll) & poll) != 0;
}

/* Another region, and whether the mutator keeps something meanwhile. */
static bool begin_region(struct process_mutator *mutator)
{
    bool keeps = answer_keeps(&mutator->mutator);
    uint32_t next = (load_relaxed(&mutator->region) | REGION_KEEPS) + 1;
    store_relaxed(&mutator->region, next + (keeps ? REGION_KEEPS : 0));
    return keeps;
}

void safepoint_block(struct process_mutator *mutator, const void *entry_frame)
{
    struct process_heap *heap = process_heap_of(mutator->mutator.heap);
    publish(mutator, entry_frame);
    if (is_asked(mutator, POLL_HANDSHAKE)) {
        handshake_answer(mutator);
    }
    barrier_before_block(&mutator->mutator);
    bool keeps = begin_region(mutator);
    handshake_block(mutator);
    if (keeps && idle_is_unwatched(heap)) {
        workers_watch_idle(heap);
    }
}

TRI_NOINLINE void port_blocking_begin(struct tri_mutator *mutator) /* [stack_scan.1] */
{
    safepoint_block(process_mutator_of(mutator), FRAME_ADDRESS());
}

void port_blocking_end(struct tri_mutator *mutator)
{
    handshake_unblock(process_mutator_of(mutator));
}

/* Something is wanted of the mutator. */
TRI_NOINLINE static void respond(struct tri_mutator *mutator) /* [stack_scan.1] */
{
    struct process_mutator *process = process_mutator_of(mutator);
    if (is_asked(process, POLL_HANDSHAKE)) {
        publish(process, FRAME_ADDRESS());
        handshake_answer(process);
    }
    if (is_asked(process, POLL_HOLD)) {
        port_blocking_begin(mutator);
        port_blocking_end(mutator);
    }
}

void port_safepoint(struct tri_mutator *mutator)
{
    /* Relaxed: whoever asked waits until this is seen. */
    if (TRI_UNLIKELY(load_relaxed(&mutator->head.poll) != 0)) {
        respond(mutator);
    }
}
