/* gctrace.h -- the line that GCTRACE=1 prints for each cycle. */
#ifndef RUNTIME_GCTRACE_H
#define RUNTIME_GCTRACE_H

#include "gc/heap_state.h"
#include "runtime/json_line.h"

#define GCTRACE_LINE_BYTES JSON_LINE_BYTES

/* What a line says, in base units. X(kind, name): under these names, in this order, the JSON form
 * has them; the other forms print some of them in other units. docs/reading-the-log.md explains
 * each. */
#define GCTRACE_VALUES(X)                                                                          \
    X(COUNT, number)                                                                               \
    X(FLAG, forced)                                                                                \
    X(COUNT, start_ns)                                                                             \
    X(REAL, utilization)                                                                           \
    X(COUNT, begin_stall_ns)                                                                       \
    X(COUNT, mark_ns)                                                                              \
    X(COUNT, end_stall_ns)                                                                         \
    X(COUNT, begin_cpu_ns)                                                                         \
    X(COUNT, assist_cpu_ns)                                                                        \
    X(COUNT, background_cpu_ns)                                                                    \
    X(COUNT, idle_cpu_ns)                                                                          \
    X(COUNT, end_cpu_ns)                                                                           \
    X(COUNT, heap_before_bytes)                                                                    \
    X(COUNT, heap_after_bytes)                                                                     \
    X(COUNT, marked_bytes)                                                                         \
    X(COUNT, marked_objects)                                                                       \
    X(COUNT, scanned_bytes)                                                                        \
    X(LIMIT, goal_bytes)                                                                           \
    X(COUNT, stack_bytes)                                                                          \
    X(COUNT, global_bytes)                                                                         \
    X(COUNT, external_bytes)                                                                       \
    X(COUNT, flush_rounds)                                                                         \
    X(COUNT, processors)

#define GCTRACE_TYPE_COUNT_         uint64_t
#define GCTRACE_TYPE_LIMIT_         uint64_t
#define GCTRACE_TYPE_FLAG_          bool
#define GCTRACE_TYPE_REAL_          double
#define GCTRACE_MEMBER_(kind, name) GCTRACE_TYPE_##kind##_ name;
struct gctrace_values {
    GCTRACE_VALUES(GCTRACE_MEMBER_)
};
#undef GCTRACE_MEMBER_

/* The values of figures. Every one of them is printable: shares within 0 and 1, no time less than
 * nothing. */
struct gctrace_values gctrace_values(const struct cycle_figures *figures);

/* Write the line for values in form, without a line end. */
void gctrace_format(const struct gctrace_values *values, tri_trace_form form,
                    char line[GCTRACE_LINE_BYTES]);

/* Write ns as Go writes milliseconds: whole from 10 on, else two significant digits and at most
 * three decimals. */
void gctrace_format_ms(uint64_t ns, char text[24]);

#endif
