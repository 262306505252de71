/* env.h -- what the environment says about a heap. */
#ifndef RUNTIME_ENV_H
#define RUNTIME_ENV_H

#include <trillium/heap.h>

/* Read every variable of the table in env.c into options, which hold the defaults. A value that
 * cannot be understood is reported on stderr, and changes nothing. */
void env_read(tri_heap_options *options);

/* Parse a size as MEMLIMIT takes it: bytes with an optional unit B, K, KB, KiB, ... T, TB, TiB (KB
 * and K mean KiB, as Go's GOMEMLIMIT has only binary ones), or "off". False where text is nothing
 * of that. */
bool env_parse_size(const char *text, int64_t *bytes);

/* Parse GOGC: a number of percent, 0 or more, or "off". */
bool env_parse_percent(const char *text, int32_t *percent);

#endif
