/* mark.h -- from the roots to everything reachable, on several threads, beside the mutators. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "gc/scan.h"
#include "gc/scan_span.h"

void mark_state_init(struct tri_heap *heap);

/* A marker without work, and its end. */
void marker_init(struct tri_heap *heap, struct marker *marker);
void marker_destroy(struct marker *marker);

/* Prepare marker to shade and scan in heap as it is now. Its stack stays as it is. */
void mark_refresh(struct tri_heap *heap, struct marker *marker);

/* Whether marker itself has grey work. Its thread only. */
static inline bool marker_has_grey(const struct marker *marker)
{
    return !mark_stack_is_empty(&marker->stack) || !mark_queue_is_empty(&marker->queue);
}

/* Scan all that marker, the calling thread's, has or makes grey. */
void marker_exhaust(struct marker *marker);

/* Begin a cycle's marking: no object is grey. alone: one marker, and no mutator runs meanwhile.
 * CYCLE held. */
void mark_begin(struct tri_heap *heap, bool alone);

/* Markers on as many threads as mark_begin chose scan until they find no grey object any more, or
 * mark_interrupt is called. True where none was left. Mutators may have some of their own, and make
 * more. CYCLE held. */
bool mark_drain(struct tri_heap *heap);

/* Let mark_drain, on another thread, return soon; what is grey stays grey for the next one. */
void mark_interrupt(struct tri_heap *heap);

/* Scan grey objects of anybody's with marker, which is the calling thread's, about as many bytes as
 * budget says, and give up what that made grey. Returns the bytes scanned; 0: there was nothing to
 * take. Does not look for what could not be queued; mark_drain does. */
size_t mark_some(struct tri_heap *heap, struct marker *marker, size_t budget);

/* As mark_some, by the thread that drives the cycle: marker 0. CYCLE held. */
size_t mark_step(struct tri_heap *heap, size_t budget);

/* As mark_some, but keeps its counts, and where there is more for others to take a segment of grey
 * objects, for the next call, so that a small budget is worth while: mark_publish gives them up.
 * Its owner reports grey at its next answer. */
size_t mark_assist(struct tri_heap *heap, struct marker *marker, size_t budget);

/* Give up what marker, the calling thread's, has made grey, for all to take, and add what it has
 * counted to the cycle's figures. True where it had marked anything since the last time. */
bool mark_publish(struct tri_heap *heap, struct marker *marker);

/* Give recorded, addresses that a mutator's barrier has seen, to the markers to shade. Its owner,
 * or whoever acts for it. */
void mark_hand_over(struct tri_heap *heap, struct mark_stack *recorded);

/* In the weak phase, when nobody else marks: shade the object at address, true where it was dead;
 * scan the one in the slot at entry; scan what this made grey, about *budget bytes of it, which are
 * taken off that, objects of safepoint-only types as well, since nobody can reach them: false where
 * there is more. CYCLE held. */
bool mark_rescue(struct tri_heap *heap, uintptr_t address);
void mark_rescue_referents(struct tri_heap *heap, uintptr_t entry);
bool mark_drain_rescued(struct tri_heap *heap, size_t *budget);

/* Shade what has been handed over by now; CYCLE held, in a phase in which markers may shade. True
 * where that marked anything. */
bool mark_shade_handed_over(struct tri_heap *heap);

/* Whether there is grey work that anyone could take. */
bool mark_has_work(const struct tri_heap *heap);

/* Whether there are grey objects of safepoint-only types. */
bool mark_has_later(const struct tri_heap *heap);

/* Trace these, and those that have been traced in this cycle, with marker. By whoever answers for
 * the heap's only mutator, or during a hold. */
void mark_trace_later(struct tri_heap *heap, struct marker *marker);

/* Make all that is in regions grey for marker; or scan it now, where there is no memory for that.
 * CYCLE held, and all have answered settle; or during a hold. */
void mark_scan_regions(struct tri_heap *heap, struct marker *marker);
void mark_rescan_regions(struct tri_heap *heap, struct marker *marker);

/* Scan the roots that belong to no mutator, and regions, with marker. CYCLE held. */
void mark_scan_globals(struct tri_heap *heap, struct marker *marker);

/* Marking is over. CYCLE held. */
void mark_end(struct tri_heap *heap);

/* Mark everything that is reachable from the roots of the held heap. All mark bits are clear
 * before. CYCLE held. */
void mark_held(struct tri_heap *heap);

/* Scan every marked object once more: whatever it refers to must be marked as well; ends the
 * process where that is not so. For gcverify=1, after marking, during a hold. */
void mark_check_complete(struct tri_heap *heap);

/* More processor time than marking takes that has scanned so many bytes. */
static inline uint64_t mark_most_ns(size_t scanned)
{
    return MARK_LEAST_NS + scanned * MARK_MOST_NS_A_BYTE;
}

#endif
