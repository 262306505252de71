/* json_line.h -- one line of the log as a JSON object. */
#ifndef RUNTIME_JSON_LINE_H
#define RUNTIME_JSON_LINE_H

#include "gc/base.h"

/* Less than what log.c writes at once. */
#define JSON_LINE_BYTES 1536

struct json_line {
    char text[JSON_LINE_BYTES];
    size_t used;
};

/* Begin an object whose first member is "type". Names and types are ours: plain words. */
void json_begin(struct json_line *line, const char *type);

/* A member. */
void json_count(struct json_line *line, const char *name, uint64_t value);
void json_difference(struct json_line *line, const char *name, int64_t value);
void json_real(struct json_line *line, const char *name, double value); /* null if not finite */
void json_flag(struct json_line *line, const char *name, bool value);
void json_text(struct json_line *line, const char *name, const char *value);

/* As json_count, but null where value is UINT64_MAX, which means none. */
void json_limit(struct json_line *line, const char *name, uint64_t value);

/* End the object. The line, which lives as long as the structure. */
const char *json_end(struct json_line *line);

#endif
