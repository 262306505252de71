/* assert.c -- how the collector dies.
 *
 * Owns:       nothing.
 * Invariants:
 *   [assert.1] A fatal message MUST be formatted without allocating; otherwise the report of
 *              exhausted memory is lost.
 * Locks:      none, and it may be called with any held.
 * Callers:    anyone.
 */
#include "gc/assert.h"

#include <stdarg.h>
#include <stdio.h>

#include "gc/port.h"

void fatal(const char *format, ...)
{
    char message[1024]; /* [assert.1] */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    port_fatal(message);
}

void assert_failed(const char *expression, const char *file, int line, const char *function)
{
    fatal("internal error: %s:%d: %s: expected %s\n"
          "this is a defect in Trillium or memory of it was overwritten; GCDEBUG=gcverify=1 may "
          "find it sooner",
          file, line, function, expression);
}
