/* text.h -- growing character buffers in the host's own memory (not in the heap). */
#ifndef LOX_TEXT_H
#define LOX_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <trillium/config.h>

struct text {
    char *bytes;
    size_t count;
    size_t capacity;
};

/* Say so and end the program. */
TRI_NORETURN void host_out_of_memory(void);

/* malloc and realloc that end the program where there is no memory. */
void *host_allocate(size_t bytes);
void *host_reallocate(void *memory, size_t bytes);

void text_append(struct text *text, const char *bytes, size_t count);
TRI_PRINTF(2, 3) void text_format(struct text *text, const char *format, ...);
TRI_PRINTF(2, 0) void text_format_list(struct text *text, const char *format, va_list arguments);
void text_release(struct text *text);

#endif
