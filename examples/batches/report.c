/* report.c -- what the programs print: the totals, and what it has cost to compute them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyser.h"

static const struct path_totals *slowest_path(const struct totals *totals)
{
    const struct path_totals *slowest = NULL;
    for (size_t i = 0; i < TOTALS_PATHS; i++) {
        const struct path_totals *path = totals->paths[i];
        if (path != NULL && (slowest == NULL || path->milliseconds * slowest->requests >
                                                    slowest->milliseconds * path->requests)) {
            slowest = path;
        }
    }
    return slowest;
}

void report(const struct totals *totals, int batches)
{
    const struct path_totals *slowest = slowest_path(totals);
    printf("after %d batches: %" PRIu64 " requests, %" PRIu64 " failed, %" PRIu64
           " MB sent; slowest: %s, %" PRIu64 " ms\n",
           batches, totals->requests, totals->failures, totals->bytes / 1000000,
           slowest->path->characters, slowest->milliseconds / slowest->requests);
}

/* The most memory that the process has had, in KiB. Not getrusage: ru_maxrss counts what the
 * process was before exec, too, which is whoever has started it. */
static long peak_memory_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    if (status == NULL) {
        return kib;
    }
    while (fgets(line, sizeof line, status) != NULL && sscanf(line, "VmHWM: %ld kB", &kib) != 1) {
    }
    fclose(status);
    return kib;
}

/* The longest time that the collector has kept this program from its work, and by what. */
static tri_stall longest_stall(tri_heap *heap)
{
    enum {
        ROOM = 32
    };
    tri_stall stalls[ROOM];
    tri_stall longest = {.cause = "none"};
    size_t count = tri_stalls_read(heap, stalls, ROOM);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (stalls[i].max_ns > longest.max_ns && strcmp(stalls[i].cause, "to-safepoint") != 0) {
            longest = stalls[i];
        }
    }
    return longest;
}

void report_costs(struct analyser *analyser)
{
    tri_stats stats = {.size = sizeof(stats)};
    if (tri_stats_read(analyser->heap, &stats) != TRI_OK) {
        exit(1);
    }
    tri_stall longest = longest_stall(analyser->heap);
    printf("peak memory    %ld KiB, of it heap %" PRIu64 " KiB\n", peak_memory_kib(),
           stats.heap_sys / 1024);
    printf("collections    %" PRIu64 "\n", stats.num_gc);
    printf("longest stall  %.2f ms (%s)\n", (double)longest.max_ns / 1e6, longest.cause);
}
