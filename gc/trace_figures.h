/* trace_figures.h -- what the lines of scavtrace=1 and gcpacertrace=1 say. Filled by who scavenges
 * and by the cycle; printed by runtime/. Sizes in bytes.
 */
#ifndef GC_TRACE_FIGURES_H
#define GC_TRACE_FIGURES_H

#include "gc/pacer.h"

/* One line a cycle, when sweeping is done, and one each time the host asks for all free memory to
 * be given back. */
struct scavenge_figures {
    uint64_t background_bytes;   /* given back by the scavenger's thread since the last line */
    uint64_t eager_bytes;        /* given back by mutators, near the limit or on demand, since
                                    then */
    uint64_t released_now_bytes; /* of the heap, that the system has at this moment */
    uint64_t in_use;             /* in spans */
    uint64_t retained;           /* in use, or free and not given back */
    bool forced;                 /* the host has asked */
    bool reset;                  /* the scavenger's controller has lost its way and begins anew */
};

/* When a cycle begins to mark. */
struct pacer_begin_figures {
    struct pacer_rate rate;
    uint64_t heap_scan; /* what would have to be scanned if the whole heap were live */
    uint64_t live;      /* when the cycle began */
    uint64_t goal;
    uint32_t markers;        /* that mark by right, all the time */
    double fractional_share; /* of each processor, for what is left of that right; 0: nothing is */
};

/* When it has marked. */
struct pacer_end_figures {
    double utilization; /* the share of the processors' time that mutators and markers by right have
                           marked in, while the cycle marked */
    struct pacer_work done;
    struct pacer_work expected;
    uint64_t triggered; /* live when it began */
    uint64_t live;      /* now */
    uint64_t goal;
    double cons_mark; /* by which its trigger was chosen */
};

/* When what it has freed is swept. */
struct pacer_sweep_figures {
    uint64_t live;
    uint64_t allocated; /* since sweeping began */
    uint64_t swept_pages;
    double pages_per_byte; /* the price of an allocation; 0: none was set */
};

#endif
