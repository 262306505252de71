/* alloc.h -- allocation's slow path: the next run, the next span, sweeping for one, growing,
 * collecting. */
#ifndef GC_ALLOC_H
#define GC_ALLOC_H

#include "gc/heap_state.h"

/* What happens where memory is exhausted after a full collection. */
enum alloc_policy {
    ALLOC_OR_HANDLER, /* the host's handler decides; without one the process ends */
    ALLOC_OR_NULL     /* NULL */
};

/* Allocate an object of bytes bytes. single says that it is one object of type without trailing
 * elements, so that the type's own cursor serves; else the list is chosen by size. mutator is
 * running and bound to the calling thread. A safepoint. */
tri_ref alloc_object(struct tri_mutator *mutator, tri_type *type, size_t bytes, bool single,
                     enum alloc_policy policy);

/* What is to be allocated, and where. */
struct alloc_request {
    tri_type *type;
    size_t bytes;
    bool single;               /* as above */
    struct tri_region *region; /* NULL: in the heap */
};

/* As alloc_object. */
tri_ref alloc_requested(struct tri_mutator *mutator, const struct alloc_request *request,
                        enum alloc_policy policy);

#endif
