/* scavenge_pace.h -- how much memory a heap keeps, and how fast it gives the rest back: numbers in,
 * numbers out.
 */
#ifndef GC_SCAVENGE_PACE_H
#define GC_SCAVENGE_PACE_H

#include "gc/base.h"

/* A goal that nothing exceeds. */
#define SCAVENGE_NO_GOAL UINT64_MAX

/* What the last cycle says about how much the next one will need. In bytes. */
struct scavenge_demand {
    uint64_t last_in_use; /* in spans at the end of its marking, when most was */
    uint64_t last_goal;   /* its goal; 0: there was no cycle yet; UINT64_MAX: it had none */
    uint64_t goal;        /* of the next one, as above */
    uint64_t metadata;    /* the collector's own memory */
    uint64_t recent;      /* as last_in_use, the most of the cycles of late; see below */
};

/* What was in use at the ends of cycles, the most of it in a while: a small heap collects hundreds
 * of times a second, and what one cycle leaves free the next may need. */
struct scavenge_peak {
    uint64_t begin_ns; /* of the while that is under way */
    uint64_t most;     /* in it */
    uint64_t before;   /* in the one before, where that has ended just then; else 0 */
};

/* A cycle has ended with that many bytes in use, or with more than twice its goal, which counts as
 * so much. Times do not go back. */
void scavenge_peak_enter(struct scavenge_peak *peak, uint64_t now_ns, uint64_t in_use);

/* The most of one to two whiles, up to the end of the last cycle: what is worth keeping of that. */
uint64_t scavenge_peak_bytes(const struct scavenge_peak *peak);

/* The bytes of heap memory to be kept: what was in use at the end of the last cycle, changed as the
 * goal has changed, and what the collector's own memory leaves of a tenth more, for what does not
 * fit; or what cycles of late had in use, where that is more, but not more than twice the goal;
 * rounded up to the system's page. SCAVENGE_NO_GOAL where nothing is known. (Go: gcPercentGoal,
 * whose tenth is for the heap alone.) */
uint64_t scavenge_percent_goal(const struct scavenge_demand *demand, size_t os_page_bytes);

/* All the memory that may be kept under limit, of which UINT64_MAX is none. (Go:
 * memoryLimitGoal.) */
uint64_t scavenge_limit_goal(uint64_t limit);

/* A proportional-integral controller: its output is the thread's work for each ns of sleep. */
struct scavenge_pace {
    double ratio;         /* work / sleep, for the next sleep */
    double integral;      /* of the error, bounded by back-calculation */
    uint64_t cooldown_ns; /* the ratio stays as it is for so long: the controller has failed */
    uint64_t resets;      /* how often it has */
};

/* It begins with the ratio that should be right for so many processors. */
void scavenge_pace_init(struct scavenge_pace *pace, double processors);

/* The thread has worked for worked_ns of processor time after a sleep of slept_ns, on a machine of
 * which the heap has `processors`: adjust the ratio. False where the controller has failed and was
 * reset. */
bool scavenge_pace_update(struct scavenge_pace *pace, uint64_t worked_ns, uint64_t slept_ns,
                          double processors);

/* How long to sleep after so much work. */
uint64_t scavenge_pace_sleep(const struct scavenge_pace *pace, uint64_t worked_ns);

#endif
