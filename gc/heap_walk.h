/* heap_walk.h -- the live objects, one by one, beside the mutators. */
#ifndef GC_HEAP_WALK_H
#define GC_HEAP_WALK_H

#include "gc/heap_state.h"

/* Collect, then call function for the objects of type, NULL: of all types; see tri_heap_each.
 * Returns how many there were. By the mutator's thread, running; a safepoint. */
size_t heap_walk(struct tri_mutator *mutator, const tri_type *type,
                 void (*function)(tri_ref object, tri_type *type, size_t bytes, void *argument),
                 void *argument);

#endif
