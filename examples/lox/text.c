/* text.c -- growing character buffers. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void host_out_of_memory(void)
{
    fputs("lox: out of memory\n", stderr);
    exit(1);
}

void *host_reallocate(void *memory, size_t bytes)
{
    void *result = realloc(memory, bytes);
    if (result == NULL) {
        host_out_of_memory();
    }
    return result;
}

void *host_allocate(size_t bytes)
{
    return host_reallocate(NULL, bytes);
}

static void reserve(struct text *text, size_t more)
{
    if (text->capacity - text->count < more) {
        size_t capacity = text->capacity * 2 < 256 ? 256 : text->capacity * 2;
        if (capacity - text->count < more) {
            capacity = text->count + more;
        }
        text->bytes = host_reallocate(text->bytes, capacity);
        text->capacity = capacity;
    }
}

void text_append(struct text *text, const char *bytes, size_t count)
{
    if (count > 0) {
        reserve(text, count);
        memcpy(text->bytes + text->count, bytes, count);
        text->count += count;
    }
}

void text_format_list(struct text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length > 0) {
        reserve(text, (size_t)length + 1);
        vsnprintf(text->bytes + text->count, (size_t)length + 1, format, again);
        text->count += (size_t)length;
    }
    va_end(again);
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_format_list(text, format, arguments);
    va_end(arguments);
}

void text_release(struct text *text)
{
    free(text->bytes);
    *text = (struct text){NULL, 0, 0};
}
