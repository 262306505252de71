/* scavenge_trace.h -- the line that scavtrace=1 prints on memory given back to the system. */
#ifndef RUNTIME_SCAVENGE_TRACE_H
#define RUNTIME_SCAVENGE_TRACE_H

#include "gc/heap_state.h"
#include "gc/trace_figures.h"
#include "runtime/json_line.h"

#define SCAVTRACE_LINE_BYTES JSON_LINE_BYTES

/* Write the line for figures in form, without a line end. */
void scavtrace_format(const struct scavenge_figures *figures, tri_trace_form form,
                      char line[SCAVTRACE_LINE_BYTES]);

#endif
