/* stall_log.c -- stalls for people.
 *
 * Owns:       the form of these lines; docs/reading-the-log.md describes it.
 * Invariants:
 *   [stall_log.1] Each line MUST begin with "stalls " or "trillium: ", or be a JSON object;
 *                 otherwise tools that read the lines of GCTRACE=1 take it for one of theirs.
 * Locks:      LOG inside port_log.
 * Callers:    gctrace at the end of a cycle, the end of the heap, handshake.
 */
#include "runtime/stall_log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gc/port.h"
#include "runtime/json_line.h"
#include "runtime/stats.h"

#define ROWS_MAX (STALL_CAUSE_COUNT + 1)

/* A time with one decimal, cut off; by integers, since the library's point is the locale's. */
struct time_text {
    char text[32];
};

static struct time_text with_tenth(uint64_t tenths)
{
    struct time_text time;
    (void)snprintf(time.text, sizeof time.text, "%ju.%ju", (uintmax_t)(tenths / 10),
                   (uintmax_t)(tenths % 10));
    return time;
}

static struct time_text microseconds(uint64_t ns)
{
    return with_tenth(ns / 100);
}

static struct time_text milliseconds(uint64_t ns)
{
    return with_tenth(ns / 100000);
}

static bool is_json(const struct tri_heap *heap)
{
    return heap->options.trace_form == TRI_TRACE_JSON;
}

/* ---- As text --------------------------------------------------------------------------------- */

static void log_line(struct tri_heap *heap, const tri_stall *stalls, size_t rows)
{
    char line[1024];
    int used =
        snprintf(line, sizeof line, "stalls gc %ju (count p50/p99.9/max us):", /* [stall_log.1] */
                 (uintmax_t)heap->cycle.last.number);
    for (size_t i = 0; i < rows && used > 0 && (size_t)used < sizeof line; i++) {
        if (stalls[i].count > 0) {
            used += snprintf(
                line + used, sizeof line - (size_t)used, " %s %ju %s/%s/%s", stalls[i].cause,
                (uintmax_t)stalls[i].count, microseconds(stalls[i].p50_ns).text,
                microseconds(stalls[i].p999_ns).text, microseconds(stalls[i].max_ns).text);
        }
    }
    port_log(heap, line);
}

static void log_row(struct tri_heap *heap, const tri_stall *stall)
{
    char line[512];
    (void)snprintf(line, sizeof line, "stalls %-12s %10ju %12s %9s %9s %9s %9s %9s %9s",
                   stall->cause, (uintmax_t)stall->count, microseconds(stall->total_ns).text,
                   microseconds(stall->p50_ns).text, microseconds(stall->p99_ns).text,
                   microseconds(stall->p999_ns).text, microseconds(stall->max_ns).text,
                   microseconds(stall->cpu_p999_ns).text, microseconds(stall->cpu_max_ns).text);
    port_log(heap, line);
}

static void log_table(struct tri_heap *heap, const tri_stall *stalls, size_t rows)
{
    char line[256];
    (void)snprintf(line, sizeof line, "stalls %-12s %10s %12s %9s %9s %9s %9s %9s %9s", "cause, us",
                   "count", "total", "p50", "p99", "p99.9", "max", "cpu p99.9", "cpu max");
    port_log(heap, line);
    for (size_t i = 0; i < rows; i++) {
        if (stalls[i].count > 0) {
            log_row(heap, &stalls[i]);
        }
    }
}

/* ---- As JSON --------------------------------------------------------------------------------- */

static void log_json(struct tri_heap *heap, const tri_stall *stall, bool at_end)
{
    struct json_line object;
    json_begin(&object, "stall");
    json_count(&object, "gc", load_relaxed(&heap->cycle.count));
    json_flag(&object, "at_end", at_end);
    json_text(&object, "cause", stall->cause);
    json_count(&object, "count", stall->count);
    json_count(&object, "total_ns", stall->total_ns);
    json_count(&object, "p50_ns", stall->p50_ns);
    json_count(&object, "p99_ns", stall->p99_ns);
    json_count(&object, "p999_ns", stall->p999_ns);
    json_count(&object, "p9999_ns", stall->p9999_ns);
    json_count(&object, "max_ns", stall->max_ns);
    json_count(&object, "cpu_total_ns", stall->cpu_total_ns);
    json_count(&object, "cpu_p50_ns", stall->cpu_p50_ns);
    json_count(&object, "cpu_p99_ns", stall->cpu_p99_ns);
    json_count(&object, "cpu_p999_ns", stall->cpu_p999_ns);
    json_count(&object, "cpu_p9999_ns", stall->cpu_p9999_ns);
    json_count(&object, "cpu_max_ns", stall->cpu_max_ns);
    port_log(heap, json_end(&object));
}

static void log_json_rows(struct tri_heap *heap, const tri_stall *stalls, size_t rows, bool at_end)
{
    for (size_t i = 0; i < rows; i++) {
        if (stalls[i].count > 0) {
            log_json(heap, &stalls[i], at_end);
        }
    }
}

/* ---- When ------------------------------------------------------------------------------------ */

void stall_log_cycle(struct tri_heap *heap)
{
    tri_stall stalls[ROWS_MAX];
    size_t rows = stats_stalls(heap, stalls, ROWS_MAX);
    if (is_json(heap)) {
        log_json_rows(heap, stalls, rows, false);
    } else {
        log_line(heap, stalls, rows);
    }
}

void stall_log_end(struct tri_heap *heap)
{
    tri_stall stalls[ROWS_MAX];
    size_t rows = stats_stalls(heap, stalls, ROWS_MAX);
    if (is_json(heap)) {
        log_json_rows(heap, stalls, rows, true);
    } else {
        log_table(heap, stalls, rows);
    }
}

/* ---- A thread that comes late --------------------------------------------------------------- */

static const char *kind_name(enum handshake_kind kind)
{
    return stall_cause_name((enum stall_cause)(STALL_ARM + (kind - HANDSHAKE_ARM)));
}

static void log_slow(struct tri_heap *heap, enum handshake_kind kind, const char *thread,
                     uint64_t ns)
{
    char line[256];
    (void)snprintf(
        line, sizeof line,
        "trillium: thread '%s' came to a safepoint only after %s ms (handshake %s): call "
        "tri_safepoint in its loops, put what may sleep between tri_blocking_begin and "
        "tri_blocking_end",
        thread, milliseconds(ns).text, kind_name(kind));
    port_log(heap, line);
}

static void log_slow_json(struct tri_heap *heap, enum handshake_kind kind, const char *thread,
                          uint64_t ns)
{
    struct json_line object;
    json_begin(&object, "slow_safepoint");
    json_text(&object, "thread", thread);
    json_text(&object, "handshake", kind_name(kind));
    json_count(&object, "ns", ns);
    port_log(heap, json_end(&object));
}

void stall_log_safepoint(struct tri_heap *heap, enum handshake_kind kind, uint64_t ns)
{
    uint64_t limit_us = heap->options.slow_safepoint_us;
    if (heap->options.trace < 2 || limit_us == 0 || ns / 1000 < limit_us) {
        return;
    }
    char name[32] = "?";
    (void)pthread_getname_np(pthread_self(), name, sizeof name);
    if (is_json(heap)) {
        log_slow_json(heap, kind, name, ns);
    } else {
        log_slow(heap, kind, name, ns);
    }
}
