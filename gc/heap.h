/* heap.h -- a heap's parts, put together and taken apart. */
#ifndef GC_HEAP_H
#define GC_HEAP_H

#include "gc/heap_state.h"

/* Make a heap in *heap, which is all zero, from options that have been checked. False where the
 * system refuses memory; *heap is then all zero again. */
bool heap_init(struct tri_heap *heap, const tri_heap_options *options);

/* No mutator is attached and no thread uses the heap. */
void heap_destroy(struct tri_heap *heap);

/* Bytes of a mutator's mapping: itself, its cursors, its bins, what it has of pools. */
size_t mutator_mapping_bytes(void);

/* Make a mutator in the mapping of mutator_mapping_bytes() at mutator, which is all zero, or was a
 * mutator before. */
void mutator_init(struct tri_mutator *mutator, struct tri_heap *heap);

#endif
