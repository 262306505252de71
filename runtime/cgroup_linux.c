/* cgroup_linux.c -- what the container of the process allows it: memory and processors, on Linux.
 *
 * Owns:       nothing.
 * Idea:       /proc/self/cgroup says which group the process is in, once for each hierarchy: the
 *             unified one of version 2, and one for each controller of version 1. Where a
 *             hierarchy can be seen, /proc/self/mountinfo says. A group is limited by all groups
 *             above it as well, so the files are read in each directory from the group's own up to
 *             the mount point, and the least counts.
 *             In a container the two need not match. A mount may show only the part of the
 *             hierarchy that its root names, which is cut off the path then. Or the path is one of
 *             the host's, while the mount point is the container's own group without saying so:
 *             then no directory of that path is there, and the longest end of it that is, or the
 *             mount point itself, is the group.
 * Invariants:
 *   [cgroup_linux.1] What cannot be read or understood MUST count as no limit; otherwise a heap
 *                    cannot be had, or collects without end, for the sake of a file that somebody
 *                    else has written.
 *   [cgroup_linux.2] errno MUST be left as it was, and the thread MUST NOT be cancelled in here;
 *                    otherwise a host's call looks as if it had failed, or a file stays open.
 * Locks:      none.
 * Callers:    container.c.
 */
#include "runtime/cgroup_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gc/tuning.h"
#include "runtime/thread.h"

/* Longer lines, and paths, are passed over: nobody has groups that deep. */
#define LINE_BYTES  4096
#define GROUP_BYTES 1024
#define PATH_BYTES  2048

/* Limits from here on mean none: version 1 says so by the largest multiple of a page that fits
 * 63 bits. */
#define MEMORY_ABSURD (UINT64_C(1) << 60)

enum hierarchy {
    UNIFIED,   /* version 2 */
    MEMORY_V1, /* those of version 1 that have the controllers memory and cpu; may be one */
    CPU_V1,
    HIERARCHY_COUNT
};

/* What the mounts of one hierarchy have shown so far. */
struct hierarchy_reading {
    char group[GROUP_BYTES]; /* the process's; "": not known */
    bool found;              /* a mount that shows this group */
    struct cgroup_limits shown;
    struct cgroup_limits elsewhere; /* by mounts that claim to show others */
};

struct path {
    size_t length;
    char text[PATH_BYTES];
};

/* ---- Files ----------------------------------------------------------------------------------- */

static bool path_set(struct path *path, const char *root, const char *directory, const char *below)
{
    int length = snprintf(path->text, sizeof path->text, "%s%s%s", root, directory, below);
    path->length = (size_t)length;
    return length >= 0 && path->length < sizeof path->text;
}

static int open_to_read(const char *path, int flags)
{
    int file;
    do {
        file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    } while (file < 0 && errno == EINTR);
    return file;
}

static size_t read_some(int file, char *buffer, size_t room)
{
    ssize_t count;
    do {
        count = read(file, buffer, room);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? 0 : (size_t)count;
}

static bool is_directory(const struct path *path)
{
    int file = open_to_read(path->text, O_DIRECTORY);
    if (file < 0) {
        return false;
    }
    (void)close(file);
    return true;
}

struct line_reader {
    int file;
    size_t begin; /* what has been read and not been returned lies from here ... */
    size_t end;   /* ... to here */
    char buffer[LINE_BYTES + 1];
};

static bool reader_open(struct line_reader *reader, const char *root, const char *name)
{
    struct path path;
    reader->begin = 0;
    reader->end = 0;
    reader->file = path_set(&path, root, name, "") ? open_to_read(path.text, 0) : -1;
    return reader->file >= 0;
}

static bool reader_fill(struct line_reader *reader)
{
    memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    size_t count = read_some(reader->file, reader->buffer + reader->end, LINE_BYTES - reader->end);
    reader->end += count;
    return count > 0;
}

/* The next line, which the caller may change; NULL at the end. */
static char *reader_next(struct line_reader *reader)
{
    bool too_long = false;
    for (;;) {
        char *line = reader->buffer + reader->begin;
        char *end = memchr(line, '\n', reader->end - reader->begin);
        if (end != NULL) {
            *end = '\0';
            reader->begin = (size_t)(end + 1 - reader->buffer);
            if (!too_long) {
                return line;
            }
            too_long = false;
            continue;
        }
        if (reader->end - reader->begin == LINE_BYTES) {
            too_long = true;
            reader->begin = reader->end;
        }
        if (!reader_fill(reader)) {
            line = reader->buffer;
            line[reader->end] = '\0';
            bool is_line = reader->end > 0 && !too_long;
            reader->begin = reader->end;
            return is_line ? line : NULL;
        }
    }
}

/* ---- Words of a line ------------------------------------------------------------------------- */

/* What stands at *cursor up to the next separator, which *cursor moves behind; NULL where the line
 * has ended. */
static char *next_field(char **cursor, char separator)
{
    char *field = *cursor;
    if (field != NULL) {
        char *end = strchr(field, separator);
        if (end != NULL) {
            *end = '\0';
            end++;
        }
        *cursor = end;
    }
    return field;
}

static bool has_name(const char *list, const char *name)
{
    size_t length = strlen(name);
    while (list != NULL) {
        if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0')) {
            return true;
        }
        list = strchr(list, ',');
        list = list == NULL ? NULL : list + 1;
    }
    return false;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* In mountinfo, blanks, line ends and backslashes within a path are written as \ooo. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* A decimal number at *cursor, which moves behind it. */
static bool next_number(const char **cursor, uint64_t *number)
{
    const char *text = *cursor;
    size_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (!size_multiply(value, 10, &value) || !size_add(value, (size_t)(*text - '0'), &value)) {
            return false;
        }
    }
    bool any = text != *cursor;
    *cursor = text;
    *number = value;
    return any;
}

/* ---- Limits of one group --------------------------------------------------------------------- */

/* The first line of a file of the group at directory; false where there is none. */
static bool read_value(const struct path *directory, const char *name, char value[64])
{
    struct path path;
    int file = path_set(&path, directory->text, "/", name) ? open_to_read(path.text, 0) : -1;
    if (file < 0) {
        return false;
    }
    size_t length = read_some(file, value, 63);
    (void)close(file);
    value[length] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return true;
}

/* "max", and what is nonsense, limits nothing [cgroup_linux.1]; neither does 0, which nobody could
 * run by. */
static void tighten_memory(struct cgroup_limits *limits, const struct path *directory,
                           const char *name)
{
    char value[64];
    const char *cursor = value;
    uint64_t bytes;
    if (read_value(directory, name, value) && next_number(&cursor, &bytes) && *cursor == '\0' &&
        bytes > 0 && bytes < MEMORY_ABSURD && bytes < limits->memory_bytes) {
        limits->memory_bytes = bytes;
    }
}

static void tighten_processors(struct cgroup_limits *limits, uint64_t quota_us, uint64_t period_us)
{
    if (quota_us > 0 && period_us > 0) {
        double processors = (double)quota_us / (double)period_us;
        processors = processors > PROCESSORS_LEAST ? processors : PROCESSORS_LEAST;
        if (limits->processors <= 0.0 || processors < limits->processors) {
            limits->processors = processors;
        }
    }
}

/* "50000 100000", or "max 100000". */
static void tighten_by_cpu_max(struct cgroup_limits *limits, const struct path *directory)
{
    char value[64];
    const char *cursor = value;
    uint64_t quota;
    uint64_t period;
    if (read_value(directory, "cpu.max", value) && next_number(&cursor, &quota) &&
        *cursor++ == ' ' && next_number(&cursor, &period) && *cursor == '\0') {
        tighten_processors(limits, quota, period);
    }
}

/* A quota of -1 is none. */
static void tighten_by_cfs(struct cgroup_limits *limits, const struct path *directory)
{
    char quota_text[64];
    char period_text[64];
    const char *quota_cursor = quota_text;
    const char *period_cursor = period_text;
    uint64_t quota;
    uint64_t period;
    if (read_value(directory, "cpu.cfs_quota_us", quota_text) &&
        next_number(&quota_cursor, &quota) && *quota_cursor == '\0' &&
        read_value(directory, "cpu.cfs_period_us", period_text) &&
        next_number(&period_cursor, &period) && *period_cursor == '\0') {
        tighten_processors(limits, quota, period);
    }
}

static void tighten_by_group(struct cgroup_limits *limits, enum hierarchy hierarchy,
                             const struct path *directory)
{
    switch (hierarchy) {
    case UNIFIED:
        tighten_memory(limits, directory, "memory.max");
        tighten_memory(limits, directory, "memory.high");
        tighten_by_cpu_max(limits, directory);
        break;
    case MEMORY_V1:
        tighten_memory(limits, directory, "memory.limit_in_bytes");
        break;
    case CPU_V1:
        tighten_by_cfs(limits, directory);
        break;
    case HIERARCHY_COUNT:
        break;
    }
}

/* ---- Hierarchies ----------------------------------------------------------------------------- */

/* From the directory up to the mount point, whose path has mount_length characters. */
static void tighten_by_all(struct cgroup_limits *limits, enum hierarchy hierarchy,
                           struct path *directory, size_t mount_length)
{
    for (;;) {
        tighten_by_group(limits, hierarchy, directory);
        if (directory->length <= mount_length) {
            return;
        }
        do {
            directory->length--;
        } while (directory->length > mount_length && directory->text[directory->length] != '/');
        directory->text[directory->length] = '\0';
    }
}

/* By the group that is named by below, or by the longest end of it that is there. */
static void tighten_below(struct cgroup_limits *limits, enum hierarchy hierarchy, const char *root,
                          const char *mount_point, const char *below)
{
    struct path directory;
    size_t mount_length = strlen(root) + strlen(mount_point);
    if (!path_set(&directory, root, mount_point, below)) {
        return;
    }
    bool is_there = is_directory(&directory);
    tighten_by_all(limits, hierarchy, &directory, mount_length);
    while (!is_there && *below != '\0') {
        const char *rest = strchr(below + 1, '/');
        below = rest == NULL ? "" : rest;
        is_there = path_set(&directory, root, mount_point, below) && is_directory(&directory);
        if (is_there) {
            tighten_by_all(limits, hierarchy, &directory, mount_length);
        }
    }
}

/* What is left of a group's path below the root of a mount; NULL where it is not below. */
static const char *path_below(const char *group, const char *mount_root)
{
    size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    if (strncmp(group, mount_root, length) != 0 ||
        (group[length] != '/' && group[length] != '\0')) {
        return NULL;
    }
    return strcmp(group + length, "/") == 0 ? "" : group + length;
}

static void read_mount(struct hierarchy_reading *reading, enum hierarchy hierarchy,
                       const char *root, const char *mount_root, const char *mount_point)
{
    if (reading->group[0] != '/') {
        return;
    }
    const char *below = path_below(reading->group, mount_root);
    bool shown = below != NULL;
    if (!shown) {
        below = reading->group;
    }
    /* A group outside of what the process's namespace shows is named by way of "/..". */
    if (strstr(below, "/..") != NULL || strcmp(below, "/") == 0) {
        below = "";
    }
    reading->found |= shown;
    tighten_below(shown ? &reading->shown : &reading->elsewhere, hierarchy, root, mount_point,
                  below);
}

/* "31 23 0:28 <root> <mount point> rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate": after the
 * options come any number of fields, and a dash. */
static void read_mount_line(struct hierarchy_reading readings[HIERARCHY_COUNT], const char *root,
                            char *line)
{
    char *cursor = line;
    for (unsigned i = 0; i < 3; i++) {
        (void)next_field(&cursor, ' ');
    }
    char *mount_root = next_field(&cursor, ' ');
    char *mount_point = next_field(&cursor, ' ');
    const char *field = next_field(&cursor, ' ');
    while (field != NULL && strcmp(field, "-") != 0) {
        field = next_field(&cursor, ' ');
    }
    const char *kind = next_field(&cursor, ' ');
    (void)next_field(&cursor, ' ');
    const char *options = next_field(&cursor, ' ');
    if (kind == NULL || strncmp(kind, "cgroup", 6) != 0) {
        return;
    }
    unescape(mount_root);
    unescape(mount_point);
    if (strcmp(kind, "cgroup2") == 0) {
        read_mount(&readings[UNIFIED], UNIFIED, root, mount_root, mount_point);
    } else if (strcmp(kind, "cgroup") == 0) {
        if (has_name(options, "memory")) {
            read_mount(&readings[MEMORY_V1], MEMORY_V1, root, mount_root, mount_point);
        }
        if (has_name(options, "cpu")) {
            read_mount(&readings[CPU_V1], CPU_V1, root, mount_root, mount_point);
        }
    }
}

static void set_group(struct hierarchy_reading *reading, const char *group)
{
    if (strlen(group) < sizeof reading->group) {
        (void)strcpy(reading->group, group);
    }
}

/* "4:cpu,cpuacct:/path", or "0::/path" for version 2. A path may have colons. */
static void read_group_line(struct hierarchy_reading readings[HIERARCHY_COUNT], char *line)
{
    char *cursor = line;
    const char *number = next_field(&cursor, ':');
    const char *controllers = next_field(&cursor, ':');
    const char *group = cursor;
    if (group == NULL) {
        return;
    }
    if (controllers[0] == '\0' && strcmp(number, "0") == 0) {
        set_group(&readings[UNIFIED], group);
    }
    if (has_name(controllers, "memory")) {
        set_group(&readings[MEMORY_V1], group);
    }
    if (has_name(controllers, "cpu")) {
        set_group(&readings[CPU_V1], group);
    }
}

static void read_hierarchies(const char *root, struct hierarchy_reading readings[HIERARCHY_COUNT])
{
    struct line_reader reader;
    char *line;
    if (!reader_open(&reader, root, "/proc/self/cgroup")) {
        return;
    }
    while ((line = reader_next(&reader)) != NULL) {
        read_group_line(readings, line);
    }
    (void)close(reader.file);
    if (!reader_open(&reader, root, "/proc/self/mountinfo")) {
        return;
    }
    while ((line = reader_next(&reader)) != NULL) {
        read_mount_line(readings, root, line);
    }
    (void)close(reader.file);
}

static void tighten(struct cgroup_limits *limits, const struct cgroup_limits *by)
{
    if (by->memory_bytes < limits->memory_bytes) {
        limits->memory_bytes = by->memory_bytes;
    }
    if (by->processors > 0.0 &&
        (limits->processors <= 0.0 || by->processors < limits->processors)) {
        limits->processors = by->processors;
    }
}

struct cgroup_limits cgroup_read(const char *root)
{
    const struct cgroup_limits none = {.memory_bytes = CGROUP_NO_LIMIT};
    struct hierarchy_reading readings[HIERARCHY_COUNT];
    struct cgroup_limits limits = none;
    int saved = errno; /* [cgroup_linux.2] */
    int before = thread_cancel_disable();
    for (size_t i = 0; i < HIERARCHY_COUNT; i++) {
        readings[i].group[0] = '\0';
        readings[i].found = false;
        readings[i].shown = none;
        readings[i].elsewhere = none;
    }
    read_hierarchies(root, readings);
    for (size_t i = 0; i < HIERARCHY_COUNT; i++) {
        tighten(&limits, readings[i].found ? &readings[i].shown : &readings[i].elsewhere);
    }
    thread_cancel_restore(before);
    errno = saved;
    return limits;
}
