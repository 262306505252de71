/* cycle.h -- one collection from begin to end. */
#ifndef GC_CYCLE_H
#define GC_CYCLE_H

#include "gc/heap_state.h"

enum cycle_reason {
    CYCLE_TRIGGERED, /* heap_live has reached the trigger; nothing is done where it has not */
    CYCLE_FORCED,    /* somebody asked: tri_collect, memory is exhausted, gcstress */
    CYCLE_PERIODIC,  /* none has ended for period_s seconds; nothing is done where one has. It is
                        in no hurry: one marker marks, and only its share of the time */
};

void cycle_state_init(struct tri_heap *heap);
void cycle_state_destroy(struct tri_heap *heap);

/* Run a whole cycle on the calling thread, which mutator is bound to: one that begins after the
 * call where it is forced. Sweeping has begun afterwards. The mutator is blocked meanwhile; a
 * safepoint. */
void cycle_run(struct tri_mutator *mutator, enum cycle_reason reason);

/* As cycle_run, for a thread without a mutator in the heap, or whose mutator is blocked. Returns
 * early where cycle_abandon is called. */
void cycle_collect(struct tri_heap *heap, enum cycle_reason reason);

/* The heap is about to end: whoever drives a cycle shall leave it. */
void cycle_abandon(struct tri_heap *heap);

/* At the slow path of an allocation of bytes: see to it that a cycle begins where one is due; take
 * it on a little where mutators drive it. A safepoint. */
void cycle_poll(struct tri_mutator *mutator, size_t bytes);

/* At the slow path of an allocation of bytes: where the heap is past its goal, because assists
 * found nothing to do or the cycle has not got that far, sleep for moments, so that the collector
 * gets on; with a memory limit, help it to the cycle's end. A safepoint. */
void cycle_brake(struct tri_mutator *mutator, size_t bytes);

/* Wait until mutator's barrier is off, where marking has ended: the weak phase is over then. A
 * safepoint. */
void cycle_await_disarm(struct tri_mutator *mutator);

/* Take the cycle on by about budget bytes of scanning, and begin one where one is due. A safepoint.
 * True while a cycle is under way. */
bool cycle_advance(struct tri_mutator *mutator, size_t budget);

/* Sweep all that is unswept, if no cycle is under way: a new one has done that itself. A
 * safepoint. */
void cycle_sweep(struct tri_mutator *mutator);

/* Acquire CYCLE at a time when no cycle is under way. The calling thread has no running mutator in
 * the heap. */
void cycle_lock_idle(struct tri_heap *heap);

/* Take CYCLE between two steps, whoever drives, and keep others from it, until cycle_resume. For
 * fork(): the lock is taken and released outside the order of ranks. */
void cycle_pause(struct tri_heap *heap);
void cycle_resume(struct tri_heap *heap);

/* This is the child of a fork: nobody else drives a cycle, or pauses it. CYCLE held. */
void cycle_forget_threads(struct tri_heap *heap);

/* From a thread that need not have a mutator: see to it that a cycle begins where one is due, if
 * the heap has threads; else the next slow path of an allocation does. */
void cycle_wake(struct tri_heap *heap);

/* When the next cycle of CYCLE_PERIODIC is due, on the clock of port_now_ns; UINT64_MAX: never. */
uint64_t cycle_period_end_ns(const struct tri_heap *heap);

/* Set MEMLIMIT for good, and return the old one: it follows the container's no longer. Takes GOAL,
 * as cycle_commit_goal does. Any thread. */
int64_t cycle_set_memory_limit(struct tri_heap *heap, int64_t bytes);

/* The container's memory limit is bytes, TRI_MEMORY_LIMIT_OFF where it has none: set MEMLIMIT to
 * its percentage. False where it was that already, or does not follow any more. Locks, threads: as
 * above. */
bool cycle_follow_memory_limit(struct tri_heap *heap, int64_t bytes);

/* Compute the goal anew from what is live and from GOGC and MEMLIMIT. Takes GOAL, under it PAGES
 * for a moment. Any thread. */
void cycle_commit_goal(struct tri_heap *heap);

/* Where there is a memory limit: tell the CPU limiter what processor time has been used, and
 * compute trigger and goal from the memory that is mapped by now. At allocation's slow path; does
 * nothing where another thread is at it. */
void cycle_watch_memory(struct tri_heap *heap);

static inline bool cycle_is_due(const struct tri_heap *heap)
{
    return counters_live(&heap->counters) >= load_relaxed(&heap->counters.trigger_bytes);
}

static inline enum cycle_phase cycle_phase(const struct tri_heap *heap)
{
    return (enum cycle_phase)load_relaxed(&heap->cycle.phase);
}

#endif
