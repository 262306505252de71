/* fence.h -- memory of freed regions that nobody may touch, so that whoever does is found out. */
#ifndef GC_FENCE_H
#define GC_FENCE_H

#include "gc/heap_state.h"

/* Where gcverify=1 or clobberfree=1 asks for it: make the memory of span, of a region that was
 * freed and without any reader, inaccessible, and keep it so until as much has come after it as
 * FENCE_BYTES says. False where nothing was done: then its pages are the caller's to give back. */
bool fence_span(struct tri_heap *heap, struct span *span);

#endif
