/* finalized_span.h -- objects that are finalized by their type: no record for each, but bits beside
 * the spans that they lie in.
 */
#ifndef GC_FINALIZED_SPAN_H
#define GC_FINALIZED_SPAN_H

#include "gc/finalizer_roots.h"

/* Span, of such a type, is about to be published. False where there is no memory for its record.
 * Its owner. */
bool finalized_span_add(struct tri_heap *heap, const struct span *span);

/* Span was swept: what was freed is forgotten. Its owner. */
void finalized_span_swept(const struct tri_heap *heap, const struct span *span);

/* Span is about to be retired. Its owner. */
void finalized_span_remove(struct tri_heap *heap, const struct span *span);

/* Choose all dead objects that have not been chosen yet in their life, and bring them back to life,
 * but not what they refer to. A step of the weak phase, and a part of it: true where it is over.
 * CYCLE held. */
bool finalized_span_choose(struct tri_heap *heap, size_t *budget);

/* Let what was chosen wait to be run. A step, as above. CYCLE held. Takes FINALIZER. */
bool finalized_span_queue(struct tri_heap *heap, size_t *budget);

/* Take one that waits. False where there is none. FINALIZER held. */
bool finalized_span_take(struct tri_heap *heap, struct finalizer_call *call)
    LOCK_REQUIRES(heap->finalizers.lock);

#endif
