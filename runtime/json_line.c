/* json_line.c -- one line of the log as a JSON object.
 *
 * Owns:       struct json_line.
 * Invariants:
 *   [json_line.1] What is written MUST be an object by RFC 8259, whatever the values: no NaN, no
 *                 character of the locale, no unescaped one of a thread's name; otherwise whoever
 *                 reads the log stops at that line.
 *   [json_line.2] A member that does not fit MUST be left out as a whole; otherwise the line ends
 *                 in the middle of one.
 * Locks:      none.
 * Callers:    gctrace, stall_log, scavenge_trace, pacer_trace.
 */
#include "runtime/json_line.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/decimal.h"

/* For the brace at the end, and the terminator. */
#define ROOM_FOR_END 2

/* Append the whole of what the format says, or nothing [json_line.2]. */
static void append(struct json_line *line, const char *format, ...) TRI_PRINTF(2, 3);
static void append(struct json_line *line, const char *format, ...)
{
    size_t room = sizeof line->text - ROOM_FOR_END - line->used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->used, room + 1, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length <= room) {
        line->used += (size_t)length;
    }
    line->text[line->used] = '\0';
}

void json_begin(struct json_line *line, const char *type)
{
    line->used = 0;
    append(line, "{\"type\":\"%s\"", type);
}

void json_count(struct json_line *line, const char *name, uint64_t value)
{
    append(line, ",\"%s\":%ju", name, (uintmax_t)value);
}

void json_difference(struct json_line *line, const char *name, int64_t value)
{
    append(line, ",\"%s\":%jd", name, (intmax_t)value);
}

void json_real(struct json_line *line, const char *name, double value)
{
    char text[DECIMAL_BYTES] = "null";
    if (isfinite(value)) { /* [json_line.1] */
        decimal_format(value, text);
    }
    append(line, ",\"%s\":%s", name, text);
}

void json_flag(struct json_line *line, const char *name, bool value)
{
    append(line, ",\"%s\":%s", name, value ? "true" : "false");
}

void json_limit(struct json_line *line, const char *name, uint64_t value)
{
    if (value == UINT64_MAX) {
        append(line, ",\"%s\":null", name);
    } else {
        json_count(line, name, value);
    }
}

/* The escape of one character; it need not be of UTF-8, so that what is not ASCII becomes '?'. */
static void escape(char character, char text[8])
{
    unsigned char byte = (unsigned char)character;
    if (byte < 0x20 || byte == '"' || byte == '\\') {
        (void)snprintf(text, 8, "\\u%04x", byte);
    } else {
        text[0] = byte < 0x7f ? character : '?';
        text[1] = '\0';
    }
}

void json_text(struct json_line *line, const char *name, const char *value)
{
    char escaped[256] = "";
    size_t used = 0;
    for (; *value != '\0' && used + 8 <= sizeof escaped; value++) {
        escape(*value, escaped + used);
        used += strlen(escaped + used);
    }
    append(line, ",\"%s\":\"%s\"", name, escaped);
}

const char *json_end(struct json_line *line)
{
    memcpy(line->text + line->used, "}", ROOM_FOR_END);
    return line->text;
}
