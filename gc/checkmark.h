/* checkmark.h -- gccheckmark=1: marking once more, with everything held, and comparing. */
#ifndef GC_CHECKMARK_H
#define GC_CHECKMARK_H

#include "gc/heap_state.h"

/* Mark the held heap, whose caches are flushed and whose marking is over, again from all roots, on
 * this thread alone. What that reaches and marking did not ends the process with a message that
 * says what it is and what leads there. The marks and all figures are as they were afterwards.
 * CYCLE held. */
void checkmark(struct tri_heap *heap);

#endif
