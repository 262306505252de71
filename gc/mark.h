/* mark.h -- from the roots to everything reachable, on several threads. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "gc/scan.h"

void mark_state_init(struct mark_state *mark, struct meta_alloc *meta);

/* What marking found. */
struct mark_figures {
    uint64_t bytes;
    uint64_t objects;
    uint64_t cpu_ns;
    size_t stack_bytes;
    size_t global_bytes;
};

/* Mark everything that is reachable from the roots of the held heap, by as many threads as the
 * options say. All mark bits are clear before. CYCLE held. */
void mark_heap(struct tri_heap *heap, struct mark_figures *figures);

/* Scan every marked object once more: whatever it refers to must be marked as well; ends the
 * process where that is not so. For gcverify=1, after mark_heap, during the same hold. */
void mark_check_complete(struct tri_heap *heap);

#endif
