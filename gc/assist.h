/* assist.h -- allocation pays for itself: what is charged to the heap, and the marking that a
 * mutator owes for it while a cycle marks.
 */
#ifndef GC_ASSIST_H
#define GC_ASSIST_H

#include "gc/heap_state.h"

/* A cycle is about to mark: guess how much there will be to scan. CYCLE held. */
void assist_begin(struct tri_heap *heap);

/* The mutator takes bytes of free memory from the heap. Owner only. */
void assist_charge(struct tri_mutator *mutator, size_t bytes);

/* It gives back bytes that it was charged for. Owner, or whoever acts for it. */
void assist_refund(struct tri_mutator *mutator, size_t bytes);

/* Mark for what the mutator owes, within ASSIST_STEP_MAX. Does nothing while no cycle marks. Owner
 * only, at an allocation's slow path. */
void assist_pay(struct tri_mutator *mutator);

#endif
