/* gctrace.h -- the line that GCTRACE=1 prints for each cycle. */
#ifndef RUNTIME_GCTRACE_H
#define RUNTIME_GCTRACE_H

#include "gc/heap_state.h"

#define GCTRACE_LINE_BYTES 512

/* Write the line for figures, in the form of Go 1.27's gctrace, without a line end. */
void gctrace_format(const struct cycle_figures *figures, char line[GCTRACE_LINE_BYTES]);

/* Write ns as Go writes milliseconds: whole from 10 on, else two significant digits and at most
 * three decimals. */
void gctrace_format_ms(uint64_t ns, char text[24]);

#endif
