/* large.h -- objects over 32 KiB: a span each. */
#ifndef GC_LARGE_H
#define GC_LARGE_H

#include "gc/heap_state.h"

/* Allocate an object of bytes bytes of type in a span of its own, zeroed in steps with safepoints
 * between. NULL where there is no memory. */
char *large_alloc(struct tri_mutator *mutator, tri_type *type, size_t bytes);

/* The same in region; NULL: in the heap. */
char *large_alloc_in(struct tri_mutator *mutator, struct tri_region *region, tri_type *type,
                     size_t bytes);

#endif
