/* simulator.h -- a program and its collector as rates, which gc/pacer.c steers: after the model
 * that the tests of Go's pacer use.
 *
 * A program allocates so many bytes in each millisecond of a processor, markers scan so many; from
 * cycle to cycle the live heap grows by a factor. Only the decisions are real: trigger, goal and
 * rate are the pacer's, and where asked for, the CPU limiter's. Time passes in steps of 500 us;
 * assists are ideal, since in a step as many bytes are scanned for each allocated as the pacer
 * asks.
 */
#ifndef TESTS_SIMULATOR_H
#define TESTS_SIMULATOR_H

#include "gc/cpu_limit.h"
#include "gc/pacer.h"
#include "tests/pacer/stream.h"

/* What is mapped beside the heap's bytes in use, where that is modelled: for so many bytes in use
 * one is lost in spans; for so many bytes of pages there is one of metadata. */
#define FRAGMENT_PART 32
#define METADATA_PART 43

#define SCENARIO_CYCLES_MAX 160
#define SCENARIO_CHANGES    4

/* New settings: before cycle `cycle`, halfway to its trigger; or when half of it is marked. */
struct scenario_change {
    unsigned cycle; /* the first is 0, which cannot have a change */
    bool marking;
    int32_t percent;
    uint64_t memory_limit;
};

struct scenario {
    unsigned cycles;
    unsigned processors;
    int32_t percent;
    uint64_t memory_limit;
    uint64_t heap_minimum;
    uint64_t first_live; /* what the first cycle finds live in the heap */
    uint64_t globals;

    struct stream alloc;     /* KiB in a millisecond of a processor */
    struct stream scan;      /* likewise */
    struct stream growth;    /* of the live heap, as a factor */
    struct stream scannable; /* the part of it that has to be scanned */
    struct stream stacks;    /* bytes */
    struct stream external;  /* bytes outside of the heap that count toward goal and limit */
    struct stream burst;     /* bytes that the program allocates between two steps, when half of the
                                cycle is marked, without that an assist could answer */

    bool maps;        /* what the process maps is modelled; as in Go's, it is nothing otherwise */
    bool keeps_pages; /* and nothing of it goes back to the system */
    bool cpu_limit;   /* assists end where the CPU limiter says so */
    struct scenario_change changes[SCENARIO_CHANGES];
};

/* What one cycle was like. Sizes in bytes, shares of all processors' time. */
struct cycle_record {
    uint64_t live;        /* marked by the cycle before */
    uint64_t trigger;     /* live when it began */
    uint64_t goal;        /* at its end */
    uint64_t first_goal;  /* at its beginning */
    uint64_t peak;        /* live at its end */
    uint64_t after_burst; /* live right after a burst; 0: there was none */
    uint64_t work;        /* scanned */
    uint64_t step_bytes;  /* the most that one step without assists allocates */
    uint64_t mapped;      /* the most that the process has mapped; 0 where that is not modelled */
    uint64_t external;
    uint64_t roots;          /* of the cycle before, as far as they count for the goal */
    double scannable;        /* of what is live, without what was allocated while marking */
    double utilization;      /* of the time in which it marked, for collecting */
    double most_utilization; /* of one step */
    double gc_ns;            /* processor time for collecting in this cycle */
    double all_ns;           /* processor time since the end of the cycle before */
    int32_t percent;         /* at the end */
    uint64_t memory_limit;
    bool by_limit; /* the limit has decided the goal */
    bool limited;  /* the CPU limiter was on at some time */
};

struct simulation {
    const struct scenario *scenario;
    struct pacer pacer;
    struct cpu_limit limiter;
    unsigned cycle; /* the next one's number */
    uint64_t live;
    uint64_t external;
    uint64_t allocated_black; /* by the last cycle */
    uint64_t heap_scan;
    uint64_t pages;    /* mapped for the heap */
    uint64_t metadata; /* mapped for it */
    uint64_t now_ns;
};

void simulation_init(struct simulation *simulation, const struct scenario *scenario);

/* Run the next cycle. */
struct cycle_record simulation_cycle(struct simulation *simulation);

/* The pacer's distance below a memory limit, in bytes: what the goal is where nothing but the heap
 * is mapped. Computed here a second time, by the rule and not by the pacer's code. */
uint64_t limit_less_headroom(uint64_t limit);

#endif
