/* cgroup_linux.h -- what the container of the process allows it: memory and processors, on
 * Linux. */
#ifndef RUNTIME_CGROUP_LINUX_H
#define RUNTIME_CGROUP_LINUX_H

#include "gc/base.h"

#define CGROUP_NO_LIMIT UINT64_MAX

struct cgroup_limits {
    uint64_t memory_bytes; /* CGROUP_NO_LIMIT: none */
    double processors;     /* such as 0.5 or 2; 0: no quota */
};

/* The tightest limits on the way from the process's control groups to the roots that it can see, of
 * version 1, version 2, or both. Files are looked for below root: "" for those of the system. What
 * is missing or makes no sense limits nothing.
 *
 * Any thread. Some 10 KiB of stack; some ten files are read, which takes
 * a few hundred microseconds. */
struct cgroup_limits cgroup_read(const char *root);

#endif
