/* cpu_limit.h -- how much of the processors' time collecting may take. A pure state machine: the
 * caller measures.
 *
 * A bucket that collecting fills and the program's own work empties, each by its processor time.
 * While it is full the program has had less than half of the time for a while, and collecting must
 * not slow it down further: no assists, no waiting, and a memory limit may be passed. (Go:
 * gcCPULimiter. Its bucket has one size; ours keeps what flows over, up to a part of its capacity,
 * since collecting comes in large portions where it waits for a whole cycle: what is forgotten
 * would come on top of the half.)
 */
#ifndef GC_CPU_LIMIT_H
#define GC_CPU_LIMIT_H

#include "gc/base.h"

struct cpu_limit {
    uint64_t capacity_ns; /* of the bucket */
    uint64_t fill_ns;
    uint64_t last_ns;     /* of the last update, on the caller's clock */
    uint64_t short_ns;    /* how long the program was at work while is_short */
    uint64_t overflow_ns; /* time that was forgotten, ever */
    bool on;              /* it is full */
    bool is_short;        /* it was full, and has not been half empty since */
};

/* An empty bucket for a heap that shares processors. */
void cpu_limit_init(struct cpu_limit *limit, double processors);

/* A cycle has taken cycle_ns of processor time: let the bucket have room for
 * CPU_LIMIT_CAPACITY_CYCLES such cycles, within bounds, so that a heap can wait for one. */
void cpu_limit_resize(struct cpu_limit *limit, double processors, uint64_t cycle_ns);

/* Since the last update collecting has used gc_ns of processor time, the rest of the program
 * other_ns. now_ns is the caller's clock. Returns whether the limiter is on. */
bool cpu_limit_update(struct cpu_limit *limit, uint64_t now_ns, uint64_t gc_ns, uint64_t other_ns);

/* How long the program has been short of processor time: since the limiter was switched on first,
 * without time in which nothing of it ran. It may have been off for moments since, as it is where
 * collecting takes exactly half. 0: it is not. */
uint64_t cpu_limit_on_for(const struct cpu_limit *limit);

#endif
