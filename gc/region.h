/* region.h -- objects that live together and are freed together.
 *
 * A region has cursors where a mutator has them, so that the same inline path allocates from both.
 * Behind each stands a span of the region's own, in which nothing was ever free but what the cursor
 * has not handed out.
 */
#ifndef GC_REGION_H
#define GC_REGION_H

#include "gc/heap_state.h"

#define REGION_SIGNATURE UINT32_C(0x52454749) /* "REGI" */

void region_state_init(struct tri_heap *heap);

/* All of them, freed or not, are no more. Nobody uses the heap. */
void region_state_destroy(struct tri_heap *heap);

/* A region for mutator to allocate in; NULL where there is no memory. Owner only. */
struct tri_region *region_new(struct tri_mutator *mutator);

/* See tri_region_adopt. */
void region_adopt(struct tri_mutator *mutator, struct tri_region *region);

/* The mutator is about to detach: it allocates in none of its regions any more. Owner, or whoever
 * acts for it. */
void region_leave(struct tri_mutator *mutator);

/* The next slot of cursor list; NULL where its span, or the lack of one, has none. Owner only. */
char *region_take(struct tri_region *region, uint32_t list);

/* Let cursor span->list allocate from span, which is not published, all free, and zero where its
 * objects need that; if it is large, it is the object. The span before is used up. Owner only, at a
 * slow path. */
void region_add_span(struct tri_region *region, struct span *span);

/* What mutator has allocated in regions up to here is counted, and is what a cycle scans. Owner, or
 * whoever acts for it, at a safepoint. */
void region_settle(struct tri_mutator *mutator);

/* See tri_region_free. A safepoint. */
void region_free(struct tri_mutator *mutator, struct tri_region *region);

/* Call function for each span of the regions that a cycle scans: those that live, and those that
 * were freed while it marks. What is added meanwhile may be left out. CYCLE held, in a phase in
 * which markers may scan, or during a hold. */
void region_each_span(struct tri_heap *heap, void (*function)(struct span *span, void *argument),
                      void *argument);

/* Spans that regions have, freed or not. During a hold. */
uint64_t region_count_spans(struct tri_heap *heap);

/* No marker is at work, and none will be in this cycle: what regions had that were freed meanwhile
 * can go back. CYCLE held. */
void region_end_marking(struct tri_heap *heap);

/* Give spans of freed regions back, REGION_RETURN_SPANS at the most. Returns their pages; 0: there
 * are none. Any thread. */
size_t region_return_some(struct tri_heap *heap);

/* Whether there are any. Any thread. */
static inline bool region_has_freed_spans(const struct tri_heap *heap)
{
    return load_relaxed(&heap->regions.ending.first) != NULL;
}

#endif
