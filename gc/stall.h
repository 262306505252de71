/* stall.h -- how long the collector has kept mutators from their work, and why. */
#ifndef GC_STALL_H
#define GC_STALL_H

#include "gc/base.h"

/* X(NAME, "what is printed", "what the mutator did meanwhile") */
#define STALL_CAUSES(X)                                                                            \
    X(ARM, "arm", "answered handshake arm")                                                        \
    X(SETTLE, "settle", "answered handshake settle: gave its cache back")                          \
    X(ROOTS, "roots", "answered handshake roots: scanned its own roots")                           \
    X(FLUSH, "flush", "answered handshake flush: shaded what its barrier had recorded")            \
    X(DISARM, "disarm", "answered handshake disarm")                                               \
    X(RELEASE, "release", "answered handshake release: gave its cache back")                       \
    X(BARRIER, "barrier", "shaded what a full barrier buffer held")                                \
    X(ASSIST, "assist", "marked in payment for what it allocates")                                 \
    X(BRAKE, "brake", "slept for a moment, the heap being past its goal")                          \
    X(STEP, "step", "drove a cycle a step that mutators drive: no threads, or a small heap")       \
    X(SWEEP, "sweep", "swept spans for free slots")                                                \
    X(GROW, "grow", "took pages: the lock, and memory from the system")                            \
    X(STACK, "stack", "switched to a coroutine's stack: scanned it, or waited for its scan")       \
    X(UNBLOCK, "unblock", "waited to leave a blocking region while the collector acted for it")    \
    X(HOLD, "hold", "was held, for debugging")

#define STALL_ENUM_(name, printed, meaning) STALL_##name,
enum stall_cause {
    STALL_CAUSES(STALL_ENUM_) STALL_CAUSE_COUNT
};
#undef STALL_ENUM_

/* Durations by their order of magnitude, in four steps an octave. */
#define STALL_BUCKETS 160

/* Atomic, written by many. */
struct stall_histogram {
    uint64_t counts[STALL_BUCKETS];
    uint64_t total_ns;
    uint64_t max_ns;
};

/* Of one cause: as the clock on the wall has it, and as processor time of the stalled thread, which
 * leaves out what the system's scheduler did to it. */
struct stall_record {
    struct stall_histogram wall;
    struct stall_histogram cpu;
};

struct stall_state {
    struct stall_record causes[STALL_CAUSE_COUNT];
    struct stall_histogram to_safepoint; /* no stall: from the begin of a handshake to the safepoint
                                            at which a running mutator saw it */
};

/* When a stall began; or how long it was. */
struct stall_times {
    uint64_t wall_ns;
    uint64_t cpu_ns;
};

/* Any thread. Cost: two clocks, one of them a system call. */
struct stall_times stall_begin(void);

/* For causes that are frequent and short: processor time is not taken, nor counted. Cost: one
 * clock. */
struct stall_times stall_begin_short(void);

/* Count a stall that began at start and ends now. Returns how long it was. */
struct stall_times stall_end(struct stall_state *stalls, enum stall_cause cause,
                             struct stall_times start);

/* The same for one that began short and was work, for which a thread needs no more than most_ns:
 * the processor time is what the clock on the wall says up to there, what is beyond the
 * scheduler's. Cost: one clock; a thread's own, which is exact, takes a call of the system. */
struct stall_times stall_end_work(struct stall_state *stalls, enum stall_cause cause,
                                  struct stall_times start, uint64_t most_ns);

/* A running mutator has come to its safepoint ns after it was asked. */
void stall_count_to_safepoint(struct stall_state *stalls, uint64_t ns);

const char *stall_cause_name(enum stall_cause cause);

/* Stalls counted. */
uint64_t stall_count(const struct stall_histogram *histogram);

/* The duration that a share of the stalls, 0 to 1, do not exceed: the upper end of its bucket, at
 * most the longest. 0 where there were none. */
uint64_t stall_quantile(const struct stall_histogram *histogram, double share);

#endif
