/* scenarios.c -- runs a scenario; the settings that all begin with, and the list of all. */
#include "tests/pacer/scenarios.h"

#include "tests/pacer/scenario_tables.h"

#include "gc/tuning.h"

#include <math.h>

/* The usual settings: of Go's simulator. */
static struct scenario usual_settings(void)
{
    struct scenario scenario = {
        .cycles = 50,
        .processors = 8,
        .percent = 100,
        .memory_limit = PACER_OFF,
        .heap_minimum = HEAP_MINIMUM_BYTES,
        .first_live = 256 * KIB,
        .globals = 32 * KIB,
        .alloc = stream_constant(33.0),
        .scan = stream_constant(1024.0),
        .growth = stream_constant(2.0),
        .scannable = stream_constant(1.0),
        .stacks = stream_constant(8192.0),
    };
    stream_add_ramp(&scenario.growth, -1.0, 12, 0);
    return scenario;
}

unsigned scenario_count(void)
{
    return go_scenario_count() + own_scenario_count();
}

const struct scenario_entry *scenario_at(unsigned index)
{
    unsigned of_go = go_scenario_count();
    return index < of_go ? go_scenario_at(index) : own_scenario_at(index - of_go);
}

void scenario_run(const struct scenario_entry *entry, struct scenario_run *run)
{
    struct simulation simulation;
    run->scenario = usual_settings();
    run->judge = (struct judge){0};
    entry->set(&run->scenario);
    simulation_init(&simulation, &run->scenario);
    for (unsigned n = 1; n <= run->scenario.cycles; n++) {
        const struct cycle_record *record = &run->records[n - 1];
        run->records[n - 1] = simulation_cycle(&simulation);
        run->judge.cycle = n;
        judge_within(&run->judge, "utilization", record->utilization, 0.0, 1.0);
        judge_within(&run->judge, "scannable, bytes", record->scannable, 0.0, INFINITY);
        entry->check(&run->judge, run->records, n);
    }
}
