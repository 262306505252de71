/* summary.h -- what --stats prints. */
#ifndef LOX_SUMMARY_H
#define LOX_SUMMARY_H

#include <trillium/trillium.h>

struct intern_table;

/* A line about a machine's strings on standard error. The machine's own thread. */
void summary_print_strings(const struct intern_table *table);

/* A few lines about the heap on standard error. */
void summary_print(tri_heap *heap);

#endif
