/* summary.h -- what --stats prints. */
#ifndef LOX_SUMMARY_H
#define LOX_SUMMARY_H

#include <trillium/trillium.h>

/* A few lines about the heap on standard error. */
void summary_print(tri_heap *heap);

#endif
