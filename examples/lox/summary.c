/* summary.c -- what the collector did, in a few lines. */
#include "summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "intern.h"

static double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0);
}

static double milliseconds(uint64_t nanoseconds)
{
    return (double)nanoseconds / 1e6;
}

/* Of all threads of the process, since it began. */
static uint64_t processor_ns(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void summary_print_strings(const struct intern_table *table)
{
    fprintf(stderr, "strings      %zu in a table of %zu slots\n", intern_table_count(table),
            intern_table_capacity(table));
}

void summary_print(tri_heap *heap)
{
    tri_stats stats = {.size = sizeof(stats)};
    if (tri_stats_read(heap, &stats) != TRI_OK) {
        return;
    }
    fprintf(stderr, "allocated    %.1f MiB in %" PRIu64 " objects\n", mebibytes(stats.total_alloc),
            stats.mallocs);
    fprintf(stderr, "collections  %" PRIu64 " (%" PRIu64 " asked for)\n", stats.num_gc,
            stats.num_forced_gc);
    uint64_t all_ns = processor_ns();
    fprintf(stderr, "processor    %.1f ms, of which marking took %.1f (%.2f %%)\n",
            milliseconds(all_ns), milliseconds(stats.gc_cpu_ns),
            100 * (double)stats.gc_cpu_ns / (double)all_ns);
    fprintf(stderr, "pauses       %.1f ms in all, %.2f ms at most\n",
            milliseconds(stats.pause_total_ns), milliseconds(stats.pause_max_ns));
    fprintf(stderr, "live         %.1f MiB in %" PRIu64 " objects after the last collection\n",
            mebibytes(stats.last_marked), stats.last_marked_objects);
    fprintf(stderr,
            "heap         %.1f MiB in use of %.1f MiB, and %.1f MiB of the collector's own\n",
            mebibytes(stats.heap_in_use), mebibytes(stats.heap_sys), mebibytes(stats.gc_sys));
}
