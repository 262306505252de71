/* gctrace.c -- one line a cycle, for people and for the tools made for Go's log.
 *
 * Owns:       the forms. tests/golden/gctrace checks them with the expressions by which public
 *             tools parse Go's log.
 * Idea:       what a line says is computed once, in base units (struct gctrace_values); a form only
 *             prints it.
 * Invariants:
 *   [gctrace.1] Nothing MUST be added before " P"; otherwise parsers of Go's log do not recognise
 *               the line.
 * Locks:      none; called with CYCLE held, which guards the figures.
 * Callers:    cycle through port.h.
 */
#include "runtime/gctrace.h"

#include <stdio.h>

#include "gc/port.h"
#include "runtime/container.h"
#include "runtime/stall_log.h"

/* ---- Values ---------------------------------------------------------------------------------- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static double share(double value)
{
    return value >= 1.0 ? 1.0 : value > 0.0 ? value : 0.0; /* NaN: 0 */
}

struct gctrace_values gctrace_values(const struct cycle_figures *figures)
{
    uint64_t markers_ns = less(figures->mark_cpu_ns, figures->assist_cpu_ns);
    return (struct gctrace_values){
        .number = figures->number,
        .forced = figures->forced,
        .start_ns = figures->start_ns,
        .utilization = share(figures->utilization),
        .begin_stall_ns = figures->begin_stall_ns,
        .mark_ns = figures->mark_ns,
        .end_stall_ns = figures->end_stall_ns,
        .begin_cpu_ns = figures->begin_stall_ns, /* of the one mutator that it fell on */
        .assist_cpu_ns = figures->assist_cpu_ns,
        .background_cpu_ns = less(markers_ns, figures->idle_cpu_ns),
        .idle_cpu_ns = figures->idle_cpu_ns,
        .end_cpu_ns = figures->end_stall_ns,
        .heap_before_bytes = figures->heap_before,
        .heap_after_bytes = figures->heap_after,
        .marked_bytes = figures->marked_bytes,
        .marked_objects = figures->marked_objects,
        .scanned_bytes = figures->scanned_bytes,
        .goal_bytes = figures->goal,
        .stack_bytes = figures->stack_bytes,
        .global_bytes = figures->global_bytes,
        .external_bytes = figures->external_bytes,
        .flush_rounds = figures->rounds,
        .processors = figures->processors,
    };
}

/* ---- The forms of Go ------------------------------------------------------------------------- */

void gctrace_format_ms(uint64_t ns, char text[24])
{
    if (ns >= UINT64_C(10000000)) {
        (void)snprintf(text, 24, "%ju", (uintmax_t)(ns / UINT64_C(1000000)));
        return;
    }
    uint64_t us = ns / 1000;
    if (us == 0) {
        (void)snprintf(text, 24, "0");
        return;
    }
    /* Microseconds with two significant digits, cut off. */
    int decimals = 3;
    while (us >= 100) {
        us /= 10;
        decimals--;
    }
    uint64_t scale = decimals == 3 ? 1000 : decimals == 2 ? 100 : 10;
    (void)snprintf(text, 24, "%ju.%0*ju", (uintmax_t)(us / scale), decimals,
                   (uintmax_t)(us % scale));
}

/* The clock part: where Go has its pauses, the longest stall that the handshakes before and after
 * marking put on one mutator, and marking between them; and each as processor time. */
static void format_times(const struct gctrace_values *values, char *text, size_t bytes)
{
    char begin[24];
    char mark[24];
    char end[24];
    char begin_cpu[24];
    char assists[24];
    char background[24];
    char idle[24];
    char end_cpu[24];
    gctrace_format_ms(values->begin_stall_ns, begin);
    gctrace_format_ms(values->mark_ns, mark);
    gctrace_format_ms(values->end_stall_ns, end);
    gctrace_format_ms(values->begin_cpu_ns, begin_cpu);
    gctrace_format_ms(values->assist_cpu_ns, assists);
    gctrace_format_ms(values->background_cpu_ns, background);
    gctrace_format_ms(values->idle_cpu_ns, idle);
    gctrace_format_ms(values->end_cpu_ns, end_cpu);
    (void)snprintf(text, bytes, "%s+%s+%s ms clock, %s+%s/%s/%s+%s ms cpu", begin, mark, end,
                   begin_cpu, assists, background, idle, end_cpu);
}

/* Go has no word for "none": without a goal it prints that of the largest memory limit. */
static uint64_t goal_mib(const struct gctrace_values *values)
{
    return (values->goal_bytes == UINT64_MAX ? (uint64_t)INT64_MAX : values->goal_bytes) / MIB;
}

static void format_go(const struct gctrace_values *values, bool has_roots,
                      char line[GCTRACE_LINE_BYTES])
{
    char times[256];
    char roots[96] = "";
    format_times(values, times, sizeof times);
    if (has_roots) {
        (void)snprintf(roots, sizeof roots, "%ju MB stacks, %ju MB globals, ",
                       (uintmax_t)(values->stack_bytes / MIB),
                       (uintmax_t)(values->global_bytes / MIB));
    }
    uint64_t ms = values->start_ns / 1000000;
    (void)snprintf(line, GCTRACE_LINE_BYTES, /* [gctrace.1] */
                   "gc %ju @%ju.%03jus %d%%: %s, %ju->%ju->%ju MB, %ju MB goal, %s%ju P%s",
                   (uintmax_t)values->number, (uintmax_t)(ms / 1000), (uintmax_t)(ms % 1000),
                   (int)(values->utilization * 100), times,
                   (uintmax_t)(values->heap_before_bytes / MIB),
                   (uintmax_t)(values->heap_after_bytes / MIB),
                   (uintmax_t)((values->marked_bytes + values->external_bytes) / MIB),
                   (uintmax_t)goal_mib(values), roots, (uintmax_t)values->processors,
                   values->forced ? " (forced)" : "");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

#define GCTRACE_PRINT_COUNT_       json_count
#define GCTRACE_PRINT_LIMIT_       json_limit
#define GCTRACE_PRINT_FLAG_        json_flag
#define GCTRACE_PRINT_REAL_        json_real
#define GCTRACE_PRINT_(kind, name) GCTRACE_PRINT_##kind##_(&object, #name, values->name);

static void format_json(const struct gctrace_values *values, char line[GCTRACE_LINE_BYTES])
{
    struct json_line object;
    json_begin(&object, "gc");
    GCTRACE_VALUES(GCTRACE_PRINT_)
    (void)snprintf(line, GCTRACE_LINE_BYTES, "%s", json_end(&object));
}

/* ---- The line -------------------------------------------------------------------------------- */

void gctrace_format(const struct gctrace_values *values, tri_trace_form form,
                    char line[GCTRACE_LINE_BYTES])
{
    if (form == TRI_TRACE_JSON) {
        format_json(values, line);
    } else {
        format_go(values, form != TRI_TRACE_GO_1_6, line);
    }
}

void port_cycle_ended(struct tri_heap *heap)
{
    if (heap->options.trace > 0) {
        char line[GCTRACE_LINE_BYTES];
        struct gctrace_values values = gctrace_values(&heap->cycle.last);
        gctrace_format(&values, heap->options.trace_form, line);
        port_log(heap, line);
    }
    if (heap->options.trace > 1) {
        stall_log_cycle(heap);
    }
    container_cycle_ended(process_heap_of(heap));
}
