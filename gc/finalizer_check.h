/* finalizer_check.h -- finalizers and cleanups that a host will wait for in vain, or for long. */
#ifndef GC_FINALIZER_CHECK_H
#define GC_FINALIZER_CHECK_H

#include "gc/heap_state.h"

/* For checkfinalizers=1, when marking has ended, during a hold: lines on the log about how many
 * wait and, once for each, about cleanups whose argument leads to their object, and ordered
 * finalizers of objects that refer to themselves. CYCLE held. */
void finalizer_check(struct tri_heap *heap);

#endif
