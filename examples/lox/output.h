/* output.h -- what a virtual machine writes: lines on standard output, messages on standard error.
 *
 * Each virtual machine collects its lines in a buffer of its own and hands over whole lines only,
 * so those of several machines do not mix. A write may sleep, and so may the wait for the console's
 * lock: both happen in a blocking region, so that a full pipe delays this machine and not the
 * collector.
 */
#ifndef LOX_OUTPUT_H
#define LOX_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <trillium/trillium.h>

#include "text.h"

/* The process's standard output and standard error, shared by its virtual machines. */
struct console {
    pthread_mutex_t lock;
    bool interactive; /* a person looks at it: every line is handed over at once */
};

struct output {
    struct console *console;
    tri_mutator *mutator;
    struct text lines; /* not yet written */
};

void console_init(struct console *console);

/* End the line that was collected by text_append on `lines`. May flush: a safepoint. */
void output_end_line(struct output *output);

/* Write what is collected. A safepoint. */
void output_flush(struct output *output);

/* Write what is collected, then `message` to standard error, in one piece. A safepoint. */
void output_error(struct output *output, const struct text *message);

#endif
