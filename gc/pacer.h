/* pacer.h -- when to collect: the goal as a pure function of its inputs. No clock, no lock, no
 * heap. */
#ifndef GC_PACER_H
#define GC_PACER_H

#include "gc/base.h"

/* All in bytes but percent. */
struct pacer_inputs {
    int32_t percent;       /* GOGC; negative: off */
    int64_t memory_limit;  /* MEMLIMIT; INT64_MAX: off */
    uint64_t heap_minimum; /* before it is scaled by percent */
    uint64_t marked;       /* live by the last cycle */
    uint64_t roots;        /* looked at outside the heap by the last cycle: stacks, global slots,
                              handles */
    uint64_t overhead;     /* of the memory that counts toward the limit, what is not live
                              objects */
};

/* The heap_live at which a cycle should be over; UINT64_MAX: never. (Go: gcPercentHeapGoal and
 * memoryLimitHeapGoal.) */
uint64_t pacer_goal(const struct pacer_inputs *inputs);

#endif
