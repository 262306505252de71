/* pacer_trace.c -- the pacer's figures, three lines a cycle.
 *
 * Owns:       the forms: those of Go's gcpacertrace, or JSON.
 * Invariants:
 *   [pacer_trace.1] A line MUST begin with "pacer: ", or be a JSON object; otherwise tools that
 *                   read the lines of GCTRACE=1 take it for one of theirs.
 * Locks:      LOG inside port_log.
 * Callers:    whoever drives a cycle, whoever ends a sweep.
 */
#include "runtime/pacer_trace.h"

#include <stdio.h>

#include "gc/port.h"
#include "gc/tuning.h"
#include "runtime/decimal.h"

static uint64_t total(const struct pacer_work *work)
{
    return work->heap + work->stacks + work->globals;
}

/* Where there is no goal, Go has the largest memory limit in its place. */
static uint64_t shown_goal(uint64_t goal)
{
    return goal == PACER_OFF ? (uint64_t)INT64_MAX : goal;
}

/* How far the live size is past the goal. */
static int64_t past_goal(const struct pacer_end_figures *figures)
{
    return (int64_t)(figures->live - shown_goal(figures->goal));
}

static unsigned percent(double share)
{
    return share >= 10.0 ? 1000 : share > 0.0 ? (unsigned)(share * 100.0) : 0; /* NaN: 0 */
}

/* ---- A cycle begins to mark ------------------------------------------------------------------ */

static void begin_go(const struct pacer_begin_figures *figures, char line[PACER_TRACE_LINE_BYTES])
{
    char ratio[DECIMAL_BYTES];
    char fractional[DECIMAL_BYTES];
    decimal_format(figures->rate.work_per_byte, ratio);
    decimal_format(figures->fractional_share, fractional);
    (void)snprintf(line, PACER_TRACE_LINE_BYTES, /* [pacer_trace.1] */
                   "pacer: assist ratio=%s (scan %ju MB in %ju->%ju MB) workers=%u+%s", ratio,
                   (uintmax_t)(figures->heap_scan / MIB), (uintmax_t)(figures->live / MIB),
                   (uintmax_t)(shown_goal(figures->goal) / MIB), figures->markers, fractional);
}

static const char *begin_json(const struct pacer_begin_figures *figures, struct json_line *object)
{
    json_begin(object, "pacer_begin");
    json_real(object, "assist_work_per_byte", figures->rate.work_per_byte);
    json_real(object, "assist_bytes_per_work", figures->rate.bytes_per_work);
    json_count(object, "heap_scan_bytes", figures->heap_scan);
    json_count(object, "live_bytes", figures->live);
    json_limit(object, "goal_bytes", figures->goal);
    json_count(object, "markers", figures->markers);
    json_real(object, "fractional_share", figures->fractional_share);
    return json_end(object);
}

void pacer_trace_begin_format(const struct pacer_begin_figures *figures, tri_trace_form form,
                              char line[PACER_TRACE_LINE_BYTES])
{
    if (form == TRI_TRACE_JSON) {
        struct json_line object;
        (void)snprintf(line, PACER_TRACE_LINE_BYTES, "%s", begin_json(figures, &object));
    } else {
        begin_go(figures, line);
    }
}

/* ---- It has marked --------------------------------------------------------------------------- */

static void end_go(const struct pacer_end_figures *figures, char line[PACER_TRACE_LINE_BYTES])
{
    char cons_mark[DECIMAL_BYTES];
    decimal_format(figures->cons_mark, cons_mark);
    (void)snprintf(line, PACER_TRACE_LINE_BYTES,
                   "pacer: %u%% CPU (%u exp.) for %ju+%ju+%ju B work (%ju B exp.) in %ju B -> %ju "
                   "B (\u2206goal %jd, cons/mark %s)",
                   percent(figures->utilization), percent(MARKER_SHARE),
                   (uintmax_t)figures->done.heap, (uintmax_t)figures->done.stacks,
                   (uintmax_t)figures->done.globals, (uintmax_t)total(&figures->expected),
                   (uintmax_t)figures->triggered, (uintmax_t)figures->live,
                   (intmax_t)past_goal(figures), cons_mark);
}

static const char *end_json(const struct pacer_end_figures *figures, struct json_line *object)
{
    json_begin(object, "pacer_end");
    json_real(object, "utilization", figures->utilization);
    json_real(object, "expected_utilization", MARKER_SHARE);
    json_count(object, "heap_work_bytes", figures->done.heap);
    json_count(object, "stack_work_bytes", figures->done.stacks);
    json_count(object, "global_work_bytes", figures->done.globals);
    json_count(object, "expected_work_bytes", total(&figures->expected));
    json_count(object, "triggered_bytes", figures->triggered);
    json_count(object, "live_bytes", figures->live);
    json_limit(object, "goal_bytes", figures->goal);
    json_real(object, "cons_mark", figures->cons_mark);
    return json_end(object);
}

void pacer_trace_end_format(const struct pacer_end_figures *figures, tri_trace_form form,
                            char line[PACER_TRACE_LINE_BYTES])
{
    if (form == TRI_TRACE_JSON) {
        struct json_line object;
        (void)snprintf(line, PACER_TRACE_LINE_BYTES, "%s", end_json(figures, &object));
    } else {
        end_go(figures, line);
    }
}

/* ---- All is swept ---------------------------------------------------------------------------- */

static void sweep_go(const struct pacer_sweep_figures *figures, char line[PACER_TRACE_LINE_BYTES])
{
    char price[DECIMAL_BYTES];
    decimal_format(figures->pages_per_byte, price);
    (void)snprintf(line, PACER_TRACE_LINE_BYTES,
                   "pacer: sweep done at heap size %juMB; allocated %juMB during sweep; swept %ju "
                   "pages at %s pages/byte",
                   (uintmax_t)(figures->live / MIB), (uintmax_t)(figures->allocated / MIB),
                   (uintmax_t)figures->swept_pages, price);
}

static const char *sweep_json(const struct pacer_sweep_figures *figures, struct json_line *object)
{
    json_begin(object, "pacer_sweep");
    json_count(object, "live_bytes", figures->live);
    json_count(object, "allocated_bytes", figures->allocated);
    json_count(object, "swept_pages", figures->swept_pages);
    json_real(object, "pages_per_byte", figures->pages_per_byte);
    return json_end(object);
}

void pacer_trace_sweep_format(const struct pacer_sweep_figures *figures, tri_trace_form form,
                              char line[PACER_TRACE_LINE_BYTES])
{
    if (form == TRI_TRACE_JSON) {
        struct json_line object;
        (void)snprintf(line, PACER_TRACE_LINE_BYTES, "%s", sweep_json(figures, &object));
    } else {
        sweep_go(figures, line);
    }
}

/* ---- Logging --------------------------------------------------------------------------------- */

void port_pacer_begun(struct tri_heap *heap, const struct pacer_begin_figures *figures)
{
    char line[PACER_TRACE_LINE_BYTES];
    pacer_trace_begin_format(figures, heap->options.trace_form, line);
    port_log(heap, line);
}

void port_pacer_ended(struct tri_heap *heap, const struct pacer_end_figures *figures)
{
    char line[PACER_TRACE_LINE_BYTES];
    pacer_trace_end_format(figures, heap->options.trace_form, line);
    port_log(heap, line);
}

void port_pacer_swept(struct tri_heap *heap, const struct pacer_sweep_figures *figures)
{
    char line[PACER_TRACE_LINE_BYTES];
    pacer_trace_sweep_format(figures, heap->options.trace_form, line);
    port_log(heap, line);
}
