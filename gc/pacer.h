/* pacer.h -- when to collect, and how much marking an allocation owes: a state machine. Inputs in,
 * decisions out; no clock, no lock, no heap, so that tests/pacer can drive it through any history.
 *
 * In its figures "live" is what the last cycle has marked plus what was allocated since, memory
 * outside of the heap (tri_external_adjust) included. Sizes in bytes; work is in bytes scanned.
 */
#ifndef GC_PACER_H
#define GC_PACER_H

#include "gc/base.h"

#define PACER_OFF      UINT64_MAX /* a goal, limit or trigger that is never reached */
#define PACER_MEASURES 5          /* measurements of cons/mark of which the largest counts */

/* What a cycle has to scan, or has scanned. */
struct pacer_work {
    uint64_t heap;
    uint64_t stacks;
    uint64_t globals; /* global slots and handles */
};

/* What counts toward the memory limit. */
struct pacer_memory {
    uint64_t mapped;  /* all that costs memory: the heap's pages, metadata, external memory */
    uint64_t free;    /* of it, free pages that the system has not got back */
    uint64_t objects; /* of it, objects that are live or not yet swept, and external memory */
};

struct pacer {
    /* Settings; pacer_commit follows a change. */
    int32_t percent;       /* GOGC; negative: off */
    uint64_t memory_limit; /* MEMLIMIT; PACER_OFF: none */
    uint64_t heap_minimum; /* the least goal, before it is scaled by percent */

    /* What the last cycle has found. */
    uint64_t marked;
    uint64_t empty; /* of which places in weak tables where there is nothing */
    struct pacer_work last;
    double measured[PACER_MEASURES - 1]; /* cons/mark of the cycles before, the newest first */
    double cons_mark; /* bytes allocated by a processor that runs mutators, for each byte scanned by
                         one that marks */

    /* What follows from these: written by pacer_commit. */
    uint64_t percent_goal; /* by GOGC alone; PACER_OFF: none */
    uint64_t runway;       /* what will be allocated while a cycle marks, by cons_mark */
    uint64_t sweep_end;    /* the live size below which no cycle shall begin, since sweeping goes on
                              to there; 0 where sweeping is done */

    /* Of the cycle that is marking. */
    uint64_t triggered; /* live when it began; PACER_OFF: none is marking */
};

/* When the next cycle begins and when it should be over, as live sizes. */
struct pacer_target {
    uint64_t trigger;
    uint64_t goal;
    bool by_limit; /* the memory limit is what decides */
};

/* How far a cycle has come. */
struct pacer_progress {
    uint64_t live;
    struct pacer_work done;
    uint64_t heap_scan;  /* what of the heap would have to be scanned if all of it were live */
    uint64_t stack_scan; /* the same of stacks */
    uint64_t globals;    /* all that there are now: they are expected to be scanned */
};

/* The exchange rate between allocation and marking. Both 0: nothing is owed. */
struct pacer_rate {
    double work_per_byte;
    double bytes_per_work;
};

/* What a cycle has taken. Times are of processors, in ns, but for elapsed_ns. */
struct pacer_effort {
    uint64_t elapsed_ns;
    double processors;      /* that mutators and markers have shared */
    uint64_t background_ns; /* of markers that mark by right */
    uint64_t assist_ns;     /* of mutators */
    uint64_t idle_ns;       /* of markers on processors that would have idled */
    uint64_t live;          /* at the end of marking */
    struct pacer_work done;
};

/* Before the first cycle. limit may be PACER_OFF. */
void pacer_init(struct pacer *pacer, int32_t percent, uint64_t limit, uint64_t heap_minimum);

/* A cycle begins to mark. */
void pacer_begin(struct pacer *pacer, uint64_t live);

/* Marking is over: learn from what it took. (Go: endCycle.) */
void pacer_end(struct pacer *pacer, const struct pacer_effort *effort);

/* Take over what that cycle has found live, what of it are empty places in weak tables, and what it
 * has scanned. (Go: resetLive.) */
void pacer_reset(struct pacer *pacer, uint64_t marked, uint64_t empty,
                 const struct pacer_work *done);

/* Compute what follows from settings and figures: after pacer_reset, and when a setting has
 * changed. (Go: commit.) */
void pacer_commit(struct pacer *pacer, uint64_t live, bool sweep_is_done);

/* Trigger and goal as they stand. */
struct pacer_target pacer_target(const struct pacer *pacer, const struct pacer_memory *memory);

/* What an allocation owes, given how far the cycle that marks has come and its goal. (Go:
 * revise.) */
struct pacer_rate pacer_rate(const struct pacer *pacer, uint64_t goal,
                             const struct pacer_progress *progress);

#endif
