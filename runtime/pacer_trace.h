/* pacer_trace.h -- the lines that gcpacertrace=1 prints: when a cycle begins to mark, when it has
 * marked, and when all is swept.
 */
#ifndef RUNTIME_PACER_TRACE_H
#define RUNTIME_PACER_TRACE_H

#include "gc/heap_state.h"
#include "gc/trace_figures.h"
#include "runtime/json_line.h"

#define PACER_TRACE_LINE_BYTES JSON_LINE_BYTES

/* Write the line for figures in form, without a line end. */
void pacer_trace_begin_format(const struct pacer_begin_figures *figures, tri_trace_form form,
                              char line[PACER_TRACE_LINE_BYTES]);
void pacer_trace_end_format(const struct pacer_end_figures *figures, tri_trace_form form,
                            char line[PACER_TRACE_LINE_BYTES]);
void pacer_trace_sweep_format(const struct pacer_sweep_figures *figures, tri_trace_form form,
                              char line[PACER_TRACE_LINE_BYTES]);

#endif
