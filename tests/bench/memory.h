/* memory.h -- what the process holds by the system's account.
 */
#ifndef TRILLIUM_BENCH_MEMORY_H
#define TRILLIUM_BENCH_MEMORY_H

#include "bench.h"
#include <unistd.h>

/* Bytes of memory that the process has now. The kernel's count may be some 100 KiB behind. */
static inline uint64_t memory_rss(void)
{
    unsigned long size, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2) {
        bench_die("no /proc/self/statm");
    }
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline double memory_mb(uint64_t bytes)
{
    return (double)bytes / 1048576.0;
}

#endif
