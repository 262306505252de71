/* cpu_limit.h -- how much of the processors' time collecting may take. A pure state machine: the
 * caller measures.
 *
 * A bucket that collecting fills and the program's own work empties, each by its processor time.
 * While it is full the program has had less than half of the time for a while, and collecting must
 * not slow it down further: no assists, no waiting, and a memory limit may be passed. (Go:
 * gcCPULimiter.)
 */
#ifndef GC_CPU_LIMIT_H
#define GC_CPU_LIMIT_H

#include "gc/base.h"

struct cpu_limit {
    uint64_t capacity_ns; /* of the bucket */
    uint64_t fill_ns;
    bool on;             /* it was full at the last update that changed it, and nothing has run out
                            since */
    uint64_t since_ns;   /* when it was switched on, on the caller's clock; valid while it is on */
    uint64_t overflow_ns; /* time that found the bucket full, ever */
};

/* An empty bucket for a heap that shares processors. */
void cpu_limit_init(struct cpu_limit *limit, double processors);

/* Since the last update collecting has used gc_ns of processor time, the rest of the program
 * other_ns. now_ns is the caller's clock. Returns whether the limiter is on. */
bool cpu_limit_update(struct cpu_limit *limit, uint64_t now_ns, uint64_t gc_ns, uint64_t other_ns);

/* How long it has been on, without a break; 0 where it is off. */
uint64_t cpu_limit_on_for(const struct cpu_limit *limit, uint64_t now_ns);

#endif
