/* scavenge_trace.c -- one line a cycle on memory given back to the system.
 *
 * Owns:       the form, which is that of Go's scavtrace, or JSON.
 * Invariants:
 *   [scavenge_trace.1] A line MUST begin with "scav ", or be a JSON object; otherwise tools that
 *                      read the lines of GCTRACE=1 take it for one of theirs.
 * Locks:      LOG inside port_log.
 * Callers:    whoever ends a sweep, and the door, for a host that gives memory back.
 */
#include "runtime/scavenge_trace.h"

#include <stdio.h>

#include "gc/port.h"
#include "runtime/process.h"

/* What is in use, in percent of what the heap keeps from the system; it cannot be more. */
static unsigned percent_in_use(const struct scavenge_figures *figures)
{
    if (figures->retained == 0) {
        return 0;
    }
    return (unsigned)((double)figures->in_use / (double)figures->retained * 100.0);
}

static void format_go(const struct scavenge_figures *figures, char line[SCAVTRACE_LINE_BYTES])
{
    const char *why = figures->forced ? " (forced)" : figures->reset ? " [controller reset]" : "";
    (void)snprintf(line, SCAVTRACE_LINE_BYTES, /* [scavenge_trace.1] */
                   "scav %ju KiB work (bg), %ju KiB work (eager), %ju KiB now, %u%% util%s",
                   (uintmax_t)(figures->background_bytes / KIB),
                   (uintmax_t)(figures->eager_bytes / KIB),
                   (uintmax_t)(figures->released_now_bytes / KIB), percent_in_use(figures), why);
}

static void format_json(const struct scavenge_figures *figures, char line[SCAVTRACE_LINE_BYTES])
{
    struct json_line object;
    json_begin(&object, "scavenge");
    json_count(&object, "background_bytes", figures->background_bytes);
    json_count(&object, "eager_bytes", figures->eager_bytes);
    json_count(&object, "released_now_bytes", figures->released_now_bytes);
    json_count(&object, "in_use_bytes", figures->in_use);
    json_count(&object, "retained_bytes", figures->retained);
    json_flag(&object, "forced", figures->forced);
    json_flag(&object, "controller_reset", figures->reset);
    (void)snprintf(line, SCAVTRACE_LINE_BYTES, "%s", json_end(&object));
}

void scavtrace_format(const struct scavenge_figures *figures, tri_trace_form form,
                      char line[SCAVTRACE_LINE_BYTES])
{
    if (form == TRI_TRACE_JSON) {
        format_json(figures, line);
    } else {
        format_go(figures, line);
    }
}

/* Whether the scavenger's controller has begun anew since the last line. */
static bool was_reset(struct process_heap *heap)
{
    struct scavenger_state *scavenger = &heap->scavenger;
    uint64_t resets = load_relaxed(&scavenger->resets);
    uint64_t reported = load_relaxed(&scavenger->reported);
    store_relaxed(&scavenger->reported, resets);
    return resets != reported;
}

void port_gave_back(struct tri_heap *heap, const struct scavenge_figures *figures)
{
    char line[SCAVTRACE_LINE_BYTES];
    struct scavenge_figures all = *figures;
    all.reset = was_reset(process_heap_of(heap));
    scavtrace_format(&all, heap->options.trace_form, line);
    port_log(heap, line);
}
