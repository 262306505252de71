/* env.c -- the environment variables, in one table.
 *
 * Owns:       the names of variables and keys; docs/tuning.md is checked against the tables here.
 * Invariants:
 *   [env.1] A value that cannot be understood MUST leave the option as it was and be reported with
 *           what was expected; otherwise a user tunes what nobody reads.
 * Locks:      none; not beside setenv().
 * Callers:    tri_heap_options_init.
 */
#include "runtime/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/base.h"
#include "gc/port.h"
#include "gc/tuning.h"

/* A parser sets its field of options from text, and yields false where it cannot [env.1]. */
typedef bool parse_function(tri_heap_options *options, const char *text);

struct variable {
    const char *name;
    parse_function *parse;
    const char *expected;
};

static bool parse_unsigned(const char *text, uint64_t maximum, uint64_t *number)
{
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > maximum) {
        return false;
    }
    *number = value;
    return true;
}

bool env_parse_percent(const char *text, int32_t *percent)
{
    if (strcmp(text, "off") == 0) {
        *percent = TRI_GC_PERCENT_OFF;
        return true;
    }
    uint64_t number;
    if (!parse_unsigned(text, INT32_MAX, &number)) {
        return false;
    }
    *percent = (int32_t)number;
    return true;
}

/* The power of two that a unit stands for; -1 for no unit that we know. */
static int unit_shift(const char *unit)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = {{"", 0},     {"B", 0},   {"K", 10},   {"KB", 10}, {"KiB", 10},
                 {"M", 20},   {"MB", 20}, {"MiB", 20}, {"G", 30},  {"GB", 30},
                 {"GiB", 30}, {"T", 40},  {"TB", 40},  {"TiB", 40}};
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            return units[i].shift;
        }
    }
    return -1;
}

bool env_parse_size(const char *text, int64_t *bytes)
{
    if (strcmp(text, "off") == 0) {
        *bytes = TRI_MEMORY_LIMIT_OFF;
        return true;
    }
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *unit;
    errno = 0;
    unsigned long long number = strtoull(text, &unit, 10);
    int shift = unit_shift(unit);
    if (errno != 0 || shift < 0 || number > (unsigned long long)INT64_MAX >> shift) {
        return false;
    }
    *bytes = (int64_t)(number << shift);
    return true;
}

static bool parse_gc_percent(tri_heap_options *options, const char *text)
{
    return env_parse_percent(text, &options->gc_percent);
}

/* "80%", or "auto". */
static bool parse_limit_percent(const char *text, int32_t *percent)
{
    char *end;
    if (strcmp(text, "auto") == 0) {
        *percent = MEMORY_LIMIT_AUTO_PERCENT;
        return true;
    }
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || strcmp(end, "%") != 0 || number < 1 || number > 100) {
        return false;
    }
    *percent = (int32_t)number;
    return true;
}

static bool parse_memory_limit(tri_heap_options *options, const char *text)
{
    if (parse_limit_percent(text, &options->memory_limit_percent)) {
        options->memory_limit = TRI_MEMORY_LIMIT_OFF;
        return true;
    }
    if (env_parse_size(text, &options->memory_limit)) {
        options->memory_limit_percent = 0;
        return true;
    }
    return false;
}

static bool parse_markers(tri_heap_options *options, const char *text)
{
    uint64_t number;
    if (strcmp(text, "auto") == 0) {
        options->markers = TRI_MARKERS_AUTO;
        return true;
    }
    if (!parse_unsigned(text, 1024, &number)) {
        return false;
    }
    options->markers = (int32_t)number;
    return true;
}

/* A decimal, with a point whatever the host's locale. Digits beyond the ninth after it count for
 * nothing. */
static bool parse_decimal(const char *text, double *number)
{
    double value = 0.0;
    double unit = 1.0;
    const char *digits = text;
    for (; *digits >= '0' && *digits <= '9'; digits++) {
        value = value * 10.0 + (*digits - '0');
    }
    bool any = digits != text;
    if (*digits == '.') {
        const char *point = digits++;
        for (; *digits >= '0' && *digits <= '9'; digits++) {
            unit /= 10.0;
            value += digits - point <= 9 ? unit * (*digits - '0') : 0.0;
        }
        any = any && digits - point > 1;
    }
    *number = value;
    return any && *digits == '\0';
}

static bool parse_processors(tri_heap_options *options, const char *text)
{
    double number;
    if (strcmp(text, "auto") == 0) {
        options->processors = 0.0;
        return true;
    }
    if (!parse_decimal(text, &number) || number < PROCESSORS_LEAST ||
        number > (double)PROCESSORS_MOST) {
        return false;
    }
    options->processors = number;
    return true;
}

/* "off" is 0. */
static bool parse_seconds(const char *text, uint32_t *seconds)
{
    uint64_t number = 0;
    if (strcmp(text, "off") != 0 && !parse_unsigned(text, UINT32_MAX, &number)) {
        return false;
    }
    *seconds = (uint32_t)number;
    return true;
}

static bool parse_period(tri_heap_options *options, const char *text)
{
    return parse_seconds(text, &options->period_s);
}

static bool parse_give_up(tri_heap_options *options, const char *text)
{
    return parse_seconds(text, &options->give_up_s);
}

static bool parse_trace(tri_heap_options *options, const char *text)
{
    uint64_t number;
    if (!parse_unsigned(text, 2, &number)) {
        return false;
    }
    options->trace = (int32_t)number;
    return true;
}

static bool parse_trace_or_form(tri_heap_options *options, const char *text)
{
    if (strcmp(text, "json") == 0) {
        options->trace = 1;
        options->trace_form = TRI_TRACE_JSON;
        return true;
    }
    return parse_trace(options, text);
}

static bool parse_flag(const char *text, bool *flag)
{
    uint64_t number;
    if (!parse_unsigned(text, 1, &number)) {
        return false;
    }
    *flag = number != 0;
    return true;
}

static bool parse_old_trace(tri_heap_options *options, const char *text)
{
    bool old;
    if (!parse_flag(text, &old)) {
        return false;
    }
    if (old) {
        options->trace_form = TRI_TRACE_GO_1_6;
    } else if (options->trace_form == TRI_TRACE_GO_1_6) {
        options->trace_form = TRI_TRACE_GO;
    }
    return true;
}

static bool parse_scavenge_trace(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->scavenge_trace);
}

static bool parse_pacer_trace(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->pacer_trace);
}

/* MADV_DONTNEED frees at once, MADV_FREE lazily. */
static bool parse_dont_need(tri_heap_options *options, const char *text)
{
    bool at_once;
    if (!parse_flag(text, &at_once)) {
        return false;
    }
    options->free_lazily = !at_once;
    return true;
}

static bool parse_stop_the_world(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->stop_the_world);
}

static bool parse_verify(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->verify);
}

static bool parse_clobber_free(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->clobber_free);
}

static bool parse_stress(tri_heap_options *options, const char *text)
{
    uint64_t number;
    if (!parse_unsigned(text, UINT32_MAX, &number)) {
        return false;
    }
    options->stress = (uint32_t)number;
    return true;
}

static bool parse_check_mark(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->check_mark);
}

static bool parse_barrier_verify(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->barrier_verify);
}

static bool parse_finalizer_thread(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->finalizer_thread);
}

static bool parse_check_finalizers(tri_heap_options *options, const char *text)
{
    return parse_flag(text, &options->check_finalizers);
}

static bool parse_handshake_delay(tri_heap_options *options, const char *text)
{
    uint64_t number;
    if (!parse_unsigned(text, UINT32_MAX, &number)) {
        return false;
    }
    options->handshake_delay_us = (uint32_t)number;
    return true;
}

static bool parse_slow_safepoint(tri_heap_options *options, const char *text)
{
    uint64_t number;
    if (!parse_unsigned(text, UINT32_MAX, &number)) {
        return false;
    }
    options->slow_safepoint_us = (uint32_t)number;
    return true;
}

#define MEMORY_LIMIT_EXPECTED                                                                      \
    "a size such as 2G, 2GiB, 512MiB or 1073741824, a part of the container's limit such as 80%, " \
    "auto for 90% of it, or off"

/* Variables with a value of their own. Where two set one option, the later one wins. */
static const struct variable variables[] = {
    {"GOGC", parse_gc_percent, "a percentage such as 100, or off"},
    {"GOMEMLIMIT", parse_memory_limit, MEMORY_LIMIT_EXPECTED},
    {"MEMLIMIT", parse_memory_limit, MEMORY_LIMIT_EXPECTED},
    {"GCMARKERS", parse_markers,
     "a number of threads from 1 to 1024, 0 for none, or auto for as many as processors"},
    {"GCPROCS", parse_processors, "a number of processors such as 2 or 0.5, or auto"},
    {"GCPERIOD", parse_period, "a number of seconds, or off"},
    {"GCGIVEUP", parse_give_up, "a number of seconds, or off"},
    {"GCTRACE", parse_trace_or_form, "0, 1, 2 or json"},
};

/* Keys of GCDEBUG=name=value,name=value. */
static const struct variable debug_keys[] = {
    {"gcstoptheworld", parse_stop_the_world, "0 or 1"},
    {"gcverify", parse_verify, "0 or 1"},
    {"clobberfree", parse_clobber_free, "0 or 1"},
    {"slowsafepoint", parse_slow_safepoint, "a number of microseconds, or 0"},
    {"gcstress", parse_stress, "a number: a cycle at every so many slow paths, or 0"},
    {"gccheckmark", parse_check_mark, "0 or 1"},
    {"barrierverify", parse_barrier_verify, "0 or 1"},
    {"checkfinalizers", parse_check_finalizers, "0 or 1"},
    {"finalizerthread", parse_finalizer_thread, "0 or 1"},
    {"handshakedelay", parse_handshake_delay, "a number of microseconds, or 0"},
    {"gctraceold", parse_old_trace, "0 or 1"},
    {"scavtrace", parse_scavenge_trace, "0 or 1"},
    {"gcpacertrace", parse_pacer_trace, "0 or 1"},
    {"madvdontneed", parse_dont_need, "0 or 1"},
};

/* Keys of GODEBUG that mean something here; it belongs to others too, so that unknown ones are
 * passed over. */
static const struct variable go_debug_keys[] = {
    {"gctrace", parse_trace, "0, 1 or 2"},
    {"scavtrace", parse_scavenge_trace, "0 or 1"},
    {"gcpacertrace", parse_pacer_trace, "0 or 1"},
    {"madvdontneed", parse_dont_need, "0 or 1"},
    {"gcstoptheworld", parse_stop_the_world, "0 or 1"},
    {"clobberfree", parse_clobber_free, "0 or 1"},
    {"gccheckmark", parse_check_mark, "0 or 1"},
};

static void complain(const char *name, const char *value, const char *expected)
{
    char line[512];
    (void)snprintf(line, sizeof line,
                   "trillium: %s=%s is not understood: expected %s; the default holds", name, value,
                   expected);
    port_log(NULL, line);
}

static const struct variable *find(const struct variable *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

struct key_list {
    const char *variable; /* whose value is being read */
    const struct variable *keys;
    size_t count;
    bool report_unknown;
};

/* One "name=value". item is the caller's copy. */
static void read_key(tri_heap_options *options, const struct key_list *list, char *item)
{
    char *equals = strchr(item, '=');
    const char *value = equals == NULL ? "" : equals + 1;
    if (equals != NULL) {
        *equals = '\0';
    }
    const struct variable *key = find(list->keys, list->count, item);
    char name[160];
    (void)snprintf(name, sizeof name, "%s: %s", list->variable, item);
    if (key == NULL) {
        if (list->report_unknown) {
            complain(name, value, "one of the keys in docs/tuning.md");
        }
    } else if (!key->parse(options, value)) {
        complain(name, value, key->expected);
    }
}

static void read_keys(tri_heap_options *options, const struct key_list *list)
{
    const char *text = getenv(list->variable);
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");
        char item[128];
        if (length >= sizeof item) {
            complain(list->variable, text,
                     "keys of fewer than 128 characters, separated by commas");
            return;
        }
        memcpy(item, text, length);
        item[length] = '\0';
        if (length > 0) {
            read_key(options, list, item);
        }
        text += length + (text[length] == ',');
    }
}

void env_read(tri_heap_options *options)
{
    const struct key_list go = {"GODEBUG", go_debug_keys, ARRAY_LENGTH(go_debug_keys), false};
    const struct key_list own = {"GCDEBUG", debug_keys, ARRAY_LENGTH(debug_keys), true};
    read_keys(options, &go);
    for (size_t i = 0; i < ARRAY_LENGTH(variables); i++) {
        const char *value = getenv(variables[i].name);
        if (value != NULL && value[0] != '\0' && !variables[i].parse(options, value)) {
            complain(variables[i].name, value, variables[i].expected);
        }
    }
    read_keys(options, &own);
}
