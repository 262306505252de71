/* stats.h -- reading a heap's counters. */
#ifndef RUNTIME_STATS_H
#define RUNTIME_STATS_H

#include <trillium/stats.h>

#include "runtime/process.h"

/* Fill all fields of *stats but size. */
void stats_fill(struct process_heap *heap, tri_stats *stats);

/* As tri_stalls_read. */
size_t stats_stalls(const struct tri_heap *heap, tri_stall *stalls, size_t room);

#endif
