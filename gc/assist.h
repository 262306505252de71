/* assist.h -- allocation pays for itself: what is charged to the heap, and the marking that a
 * mutator owes for it while a cycle marks.
 */
#ifndef GC_ASSIST_H
#define GC_ASSIST_H

#include "gc/heap_state.h"

/* The mutator takes bytes of free memory from the heap, of which scannable ones may hold
 * references: charge them, and what is owed for them, at once. Owner only. */
void assist_charge(struct tri_mutator *mutator, size_t bytes, size_t scannable);

/* As assist_charge, for a region, whose memory lives until that is freed. */
void assist_charge_region(struct tri_mutator *mutator, size_t bytes, size_t scannable);

/* Take over what the mutator's cache has handed out since the last call: it is owed for at once,
 * and charged when it has come to a few KiB. Owner only, after each slow path. */
void assist_settle(struct tri_mutator *mutator);

/* As assist_settle, and charge all of it; then take back unused bytes that the cache had handed out
 * and has closed. Owner, or whoever acts for it. */
void assist_close(struct tri_mutator *mutator, size_t unused);

/* Remember how much is live in the heap's spans: when the mutator attaches. */
void assist_look(struct tri_mutator *mutator);

/* The mutator detaches, and all that it has allocated is charged: it allocates beside nobody. */
void assist_leave(struct tri_mutator *mutator);

/* Mark for what the mutator owes, a little at a time; bytes are about to be allocated. And say how
 * much the cache may hand out until the next slow path. Owner only, at an allocation's slow
 * path. */
void assist_pay(struct tri_mutator *mutator, size_t bytes);

/* Scan about so many bytes, whatever is owed; what is scanned counts as paid ahead. False where
 * there is nothing to take. Owner only, while assist_is_marking and its barrier is on. */
bool assist_scan(struct tri_mutator *mutator, size_t bytes);

/* Compute the rate from how far the cycle has come. GOAL held. */
void assist_compute_rate(struct tri_heap *heap);

/* Compute the rate anew from how far the cycle has come. Any thread; does nothing where another one
 * is at it. */
void assist_revise(struct tri_heap *heap);

/* All stacks are black, and marking has not ended. Nothing is scanned before; see [barrier.6]. */
static inline bool assist_is_marking(const struct tri_heap *heap)
{
    uint32_t phase = load_relaxed(&heap->cycle.phase);
    return phase == CYCLE_MARK || phase == CYCLE_FLUSH;
}

#endif
