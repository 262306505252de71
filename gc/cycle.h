/* cycle.h -- one collection from begin to end. */
#ifndef GC_CYCLE_H
#define GC_CYCLE_H

#include "gc/heap_state.h"

enum cycle_reason {
    CYCLE_TRIGGERED, /* heap_live has reached the trigger; nothing is done where another thread's
                        cycle has lowered it meanwhile */
    CYCLE_FORCED,    /* somebody asked: tri_collect, memory is exhausted, gcstress */
};

void cycle_state_init(struct tri_heap *heap);
void cycle_state_destroy(struct tri_heap *heap);

/* Run a cycle on the calling thread, which mutator is bound to; waits for one that already runs.
 * Marking is complete afterwards, sweeping has begun. A safepoint. */
void cycle_run(struct tri_mutator *mutator, enum cycle_reason reason);

/* Compute the goal anew from what is live and from GOGC and MEMLIMIT. Takes GOAL, under it PAGES
 * for a moment. Any thread. */
void cycle_commit_goal(struct tri_heap *heap);

/* Flush the mutator's cache and account for it. By its owner when it detaches or parks, by the
 * collector during a hold. */
void cycle_flush_mutator(struct tri_mutator *mutator);

static inline bool cycle_is_due(const struct tri_heap *heap)
{
    return load_relaxed(&heap->counters.live_bytes) >= load_relaxed(&heap->counters.trigger_bytes);
}

#endif
