/* gctrace.c -- one line a cycle, for people and for the tools made for Go's log.
 *
 * Owns:       the format. tests/golden/gctrace checks it with the expressions by which public tools
 *             parse it.
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
static void format_times(const struct cycle_figures *figures, char *text, size_t bytes)
{
    char begin[24];
    char mark[24];
    char end[24];
    char assists[24];
    char markers[24];
    gctrace_format_ms(figures->begin_stall_ns, begin);
    gctrace_format_ms(figures->mark_ns, mark);
    gctrace_format_ms(figures->end_stall_ns, end);
    gctrace_format_ms(figures->assist_cpu_ns, assists);
    gctrace_format_ms(figures->mark_cpu_ns - figures->assist_cpu_ns, markers);
    (void)snprintf(text, bytes, "%s+%s+%s ms clock, %s+%s/%s/0+%s ms cpu", begin, mark, end, begin,
                   assists, markers, end);
}

void gctrace_format(const struct cycle_figures *figures, char line[GCTRACE_LINE_BYTES])
{
    char times[192];
    format_times(figures, times, sizeof times);
    uint64_t ms = figures->start_ns / 1000000;
    uint64_t goal = figures->goal == UINT64_MAX ? (uint64_t)INT64_MAX : figures->goal;
    (void)snprintf(line, GCTRACE_LINE_BYTES, /* [gctrace.1] */
                   "gc %ju @%ju.%03jus %d%%: %s, %ju->%ju->%ju MB, %ju MB goal, %ju MB stacks, "
                   "%ju MB globals, %u P%s",
                   (uintmax_t)figures->number, (uintmax_t)(ms / 1000), (uintmax_t)(ms % 1000),
                   (int)(figures->utilization * 100), times,
                   (uintmax_t)(figures->heap_before / MIB), (uintmax_t)(figures->heap_after / MIB),
                   (uintmax_t)(figures->marked_bytes / MIB), (uintmax_t)(goal / MIB),
                   (uintmax_t)(figures->stack_bytes / MIB),
                   (uintmax_t)(figures->global_bytes / MIB), figures->processors,
                   figures->forced ? " (forced)" : "");
}

void port_cycle_ended(struct tri_heap *heap)
{
    if (heap->options.trace > 0) {
        char line[GCTRACE_LINE_BYTES];
        gctrace_format(&heap->cycle.last, line);
        port_log(heap, line);
    }
    if (heap->options.trace > 1) {
        stall_log_line(heap);
    }
    container_cycle_ended(process_heap_of(heap));
}
