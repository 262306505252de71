/* log.c -- the one place that writes to stderr.
 *
 * Owns:       nothing.
 * Invariants:
 *   [log.1] A line MUST be written by one call; otherwise lines of several heaps and of the host
 *           run into each other.
 * Locks:      takes LOG where a host's function gets the lines.
 * Callers:    anyone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gc/port.h"
#include "runtime/process.h"

/* [log.1]: one write, but for what a full pipe leaves over. Nobody can be told where that fails. */
static void write_stderr(const char *text, size_t bytes)
{
    int saved = errno;
    int before = thread_cancel_disable(); /* [thread.3] */
    while (bytes > 0) {
        ssize_t done = write(STDERR_FILENO, text, bytes);
        if (done < 0 && errno != EINTR) {
            break;
        }
        text += done > 0 ? done : 0;
        bytes -= done > 0 ? (size_t)done : 0;
    }
    thread_cancel_restore(before);
    errno = saved;
}

static void write_line(const char *prefix, const char *line)
{
    char text[2048];
    int length = snprintf(text, sizeof text, "%s%s\n", prefix, line);
    if (length > 0) {
        size_t bytes = size_min((size_t)length, sizeof text - 1);
        text[bytes - 1] = '\n';
        write_stderr(text, bytes);
    }
}

void port_log(struct tri_heap *heap, const char *line)
{
    if (heap == NULL || heap->options.log == NULL) {
        write_line("", line);
        return;
    }
    struct process_heap *process = process_heap_of(heap);
    int before = thread_cancel_disable(); /* [thread.3] */
    lock_acquire(&process->log_lock);
    heap->options.log(line, heap->options.log_argument);
    lock_release(&process->log_lock);
    thread_cancel_restore(before);
}

void port_fatal(const char *message)
{
    write_line("trillium: fatal: ", message);
    abort();
}
