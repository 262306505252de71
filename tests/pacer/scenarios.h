/* scenarios.h -- the histories through which the pacer is driven, and what has to hold in each. */
#ifndef TESTS_SCENARIOS_H
#define TESTS_SCENARIOS_H

#include "tests/pacer/judge.h"
#include "tests/pacer/simulator.h"

/* A scenario before it is run. */
struct scenario_entry {
    const char *name;
    const char *what; /* it changes of the usual settings */
    void (*set)(struct scenario *scenario);
    /* Look at the latest of n cycles; records[n - 1] is its record. */
    void (*check)(struct judge *judge, const struct cycle_record *records, unsigned n);
};

/* A scenario after it was run. */
struct scenario_run {
    struct scenario scenario;
    struct cycle_record records[SCENARIO_CYCLES_MAX];
    struct judge judge;
};

unsigned scenario_count(void);
const struct scenario_entry *scenario_at(unsigned index);

void scenario_run(const struct scenario_entry *entry, struct scenario_run *run);

#endif
