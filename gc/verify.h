/* verify.h -- everything that must hold, checked one by one. */
#ifndef GC_VERIFY_H
#define GC_VERIFY_H

#include "gc/heap_state.h"

enum verify_moment {
    VERIFY_BEFORE_MARK, /* caches flushed, all spans swept, no mark set */
    VERIFY_AFTER_MARK   /* the same, with marks */
};

/* Check every structure of the held heap. The first breach ends the process with a message. */
void verify_heap(struct tri_heap *heap, enum verify_moment moment);

/* Call function for each allocated object of the held heap whose caches are flushed, in address
 * order. */
void verify_each_object(struct tri_heap *heap,
                        void (*function)(tri_ref object, tri_type *type, size_t bytes,
                                         void *argument),
                        void *argument);

#endif
