/* log_samples.c -- one line of each kind that gctrace_load.c cannot be made to print, as JSON, for
 * gctrace_check.py.
 */
#include <stdio.h>

#include "runtime/pacer_trace.h"
#include "runtime/scavenge_trace.h"

int main(void)
{
    char line[JSON_LINE_BYTES];
    scavtrace_format(&(struct scavenge_figures){.forced = true}, TRI_TRACE_JSON, line);
    puts(line);
    pacer_trace_begin_format(&(struct pacer_begin_figures){.goal = PACER_OFF}, TRI_TRACE_JSON,
                             line);
    puts(line);
    pacer_trace_end_format(&(struct pacer_end_figures){.goal = 1}, TRI_TRACE_JSON, line);
    puts(line);
    pacer_trace_sweep_format(&(struct pacer_sweep_figures){.live = 1}, TRI_TRACE_JSON, line);
    puts(line);
    return 0;
}
