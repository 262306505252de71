/* safepoint.c -- safepoints and blocking regions of a mutator.
 *
 * Owns:       nothing: the states are handshake.c's.
 * Invariants:
 *   [safepoint.1] A mutator's stack MUST be published before it becomes blocked; otherwise the
 *                 collector scans where it was once.
 * Locks:      HANDSHAKE inside handshake.c.
 * Callers:    the mutator's thread: the public entry points, alloc and cycle through port.h.
 */
#include "gc/assert.h"
#include "gc/port.h"
#include "runtime/safepoint.h"
#include "runtime/stack_scan.h"

void safepoint_block(struct process_mutator *mutator, const void *entry_frame)
{
    if (mutator->scan_c_stack) {
        stack_scan_publish(&mutator->stack, entry_frame); /* [safepoint.1] */
    }
    handshake_block(mutator);
}

TRI_NOINLINE void port_blocking_begin(struct tri_mutator *mutator) /* [stack_scan.1] */
{
    safepoint_block(process_mutator_of(mutator), FRAME_ADDRESS());
}

void port_blocking_end(struct tri_mutator *mutator)
{
    handshake_unblock(process_mutator_of(mutator));
}

void port_safepoint(struct tri_mutator *mutator)
{
    /* Relaxed: whoever asked waits until this is seen; what orders the rest is the state
     * [handshake.1]. */
    if (TRI_UNLIKELY(load_relaxed(&mutator->head.poll) != 0)) {
        port_blocking_begin(mutator);
        port_blocking_end(mutator);
    }
}
