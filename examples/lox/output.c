/* output.c -- buffered lines, and blocking regions around the system calls that write them.
 *
 * The buffers are in the host's memory. The characters of a string in the heap must be copied into
 * them first: inside a blocking region the heap is not ours to read.
 */
#include "output.h"

#include <errno.h>
#include <unistd.h>

#define LINES_MAX ((size_t)32 * 1024)

void console_init(struct console *console)
{
    pthread_mutex_init(&console->lock, NULL);
    console->interactive = isatty(STDOUT_FILENO) == 1;
}

/* What cannot be written (the reader has gone) is dropped. */
static void write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return;
        }
        bytes += written;
        count -= (size_t)written;
    }
}

static void hand_over(struct output *output, const struct text *message)
{
    tri_blocking_begin(output->mutator);
    pthread_mutex_lock(&output->console->lock);
    write_all(STDOUT_FILENO, output->lines.bytes, output->lines.count);
    if (message != NULL) {
        write_all(STDERR_FILENO, message->bytes, message->count);
    }
    pthread_mutex_unlock(&output->console->lock);
    tri_blocking_end(output->mutator);
    output->lines.count = 0;
}

void output_flush(struct output *output)
{
    if (output->lines.count > 0) {
        hand_over(output, NULL);
    }
}

void output_end_line(struct output *output)
{
    text_append(&output->lines, "\n", 1);
    if (output->console->interactive || output->lines.count >= LINES_MAX) {
        output_flush(output);
    }
}

void output_error(struct output *output, const struct text *message)
{
    hand_over(output, message);
}
