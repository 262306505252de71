/* scenarios_go.c -- the scenarios of Go's TestGcPacer, in its order, with its bounds. */
#include "tests/pacer/scenario_tables.h"

#include "gc/base.h"

#include <math.h>

#define LIMIT       (512 * MIB)
#define SETTLED     25
#define GC_SHARE    0.25
#define SHARE_SLACK 0.005

/* ---- Bounds ---------------------------------------------------------------------------------- */

static double ratio(uint64_t part, uint64_t whole)
{
    return (double)part / (double)whole;
}

void check_goal_ratio(struct judge *judge, const struct cycle_record *records, unsigned n,
                      double low, double high)
{
    judge_within(judge, "peak / goal", ratio(records[n - 1].peak, records[n - 1].goal), low, high);
}

void check_change(struct judge *judge, const struct cycle_record *records, unsigned n,
                  unsigned other, double most)
{
    const char *what = other == n - 1 ? "change of utilization" : "change since cycle 12";
    double change = fabs(records[n - 1].utilization - records[other - 1].utilization);
    judge_within(judge, what, change, 0.0, most);
}

static void check_share(struct judge *judge, const struct cycle_record *records, unsigned n,
                        double share, double slack)
{
    judge_within(judge, "utilization", records[n - 1].utilization, share - slack, share + slack);
}

void check_steady(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n >= SETTLED) {
        check_share(judge, records, n, GC_SHARE, SHARE_SLACK);
        check_change(judge, records, n, n - 1, 0.005);
        check_goal_ratio(judge, records, n, 0.95, 1.05);
    }
}

static void check_step(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if ((n >= 25 && n < 50) || n >= 75) {
        check_change(judge, records, n, n - 1, 0.005);
        check_goal_ratio(judge, records, n, 0.95, 1.05);
    }
}

static void check_high_gogc(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 12) {
        /* The surprise of that cycle may pass its goal, up to where the hard goal is. */
        check_goal_ratio(judge, records, n, 0.90, n == 26 ? 15.0 : 1.05);
        check_share(judge, records, n, GC_SHARE, GC_SHARE + 0.03);
        check_change(judge, records, n, n - 1, 0.03);
    }
}

static void check_oscillation(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 12) {
        check_goal_ratio(judge, records, n, 0.95, 1.05);
        judge_within(judge, "utilization", records[n - 1].utilization, 0.25, 0.3);
    }
}

static void check_jitter(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 12) {
        check_goal_ratio(judge, records, n, 0.95, 1.025);
        judge_within(judge, "utilization", records[n - 1].utilization, 0.25, 0.275);
    }
}

static void check_heavy_jitter(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 13) {
        check_goal_ratio(judge, records, n, 0.95, 1.05);
        check_change(judge, records, n, n - 1, 0.05);
        check_change(judge, records, n, 12, 0.05);
    }
}

static void check_slow_settled(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 25) {
        check_share(judge, records, n, GC_SHARE, SHARE_SLACK);
        check_change(judge, records, n, n - 1, 0.05);
        check_change(judge, records, n, 12, 0.05);
    }
}

/* The trigger is as late as it may be. */
static void check_slow(struct judge *judge, const struct cycle_record *records, unsigned n,
                       unsigned from)
{
    const struct cycle_record *last = &records[n - 1];
    if (n > from) {
        check_goal_ratio(judge, records, n, 0.925, 1.025);
        double way = (double)last->trigger - (double)last->live;
        judge_within(judge, "trigger's part of the way",
                     way / ((double)last->goal - (double)last->live), 0.925, 0.975);
    }
    check_slow_settled(judge, records, n);
}

static void check_small_slow(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    check_slow(judge, records, n, 4);
}

static void check_medium_slow(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    check_slow(judge, records, n, 9);
}

static void check_large_slow(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 13) {
        check_goal_ratio(judge, records, n, 0.95, 1.05);
        judge_within(judge, "goal - trigger, bytes",
                     (double)records[n - 1].goal - (double)records[n - 1].trigger,
                     (double)(4 * MIB - 64 * KIB), (double)(4 * MIB + 64 * KIB));
    }
    check_slow_settled(judge, records, n);
}

static void check_goal_at_limit(struct judge *judge, const struct cycle_record *record)
{
    judge_within(judge, "goal - (limit - headroom), bytes",
                 (double)record->goal - (double)limit_less_headroom(LIMIT), 0.0, 0.0);
}

static void check_below_limit(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    judge_within(judge, "peak / (limit - headroom)",
                 ratio(records[n - 1].peak, limit_less_headroom(LIMIT)), 0.0,
                 nextafter(1.0, 0.0)); /* below it, not at it */
    check_steady(judge, records, n);
}

static void check_limit_is_goal(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    check_goal_at_limit(judge, &records[n - 1]);
    check_steady(judge, records, n);
}

/* Hopeless: the pacer alone does nothing but collect. */
static void check_exceeded(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n > 12) {
        judge_within(judge, "goal - live, bytes", (double)last->goal - (double)last->live, 0.0,
                     0.0);
    }
    if (n >= SETTLED) {
        check_share(judge, records, n, 1.0, SHARE_SLACK);
        check_change(judge, records, n, n - 1, 0.005);
    }
}

static void check_exceeded_off(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n < 10) {
        check_goal_at_limit(judge, &records[n - 1]);
    }
    check_exceeded(judge, records, n);
}

static void check_maintained(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (n > 12) {
        check_goal_at_limit(judge, &records[n - 1]);
    }
    check_steady(judge, records, n);
}

/* ---- Settings -------------------------------------------------------------------------------- */

static void set_steady(struct scenario *scenario)
{
    (void)scenario;
}

static void set_big_stacks(struct scenario *scenario)
{
    scenario->alloc = stream_constant(132.0);
    scenario->stacks = stream_constant(2048.0);
    stream_add_ramp(&scenario->stacks, (double)(128 * MIB), 8, 0);
}

static void set_big_globals(struct scenario *scenario)
{
    scenario->alloc = stream_constant(132.0);
    scenario->globals = 128 * MIB;
}

static void set_step_alloc(struct scenario *scenario)
{
    stream_add_ramp(&scenario->alloc, 66.0, 1, 50);
    scenario->cycles = 100;
}

static void set_heavy_step_alloc(struct scenario *scenario)
{
    stream_add_ramp(&scenario->alloc, 330.0, 1, 50);
    scenario->cycles = 100;
}

static void set_step_scannable(struct scenario *scenario)
{
    scenario->alloc = stream_constant(128.0);
    scenario->scannable = stream_constant(0.2);
    stream_add_unit(&scenario->scannable, 0.5, 50);
    scenario->cycles = 100;
}

static void set_high_gogc(struct scenario *scenario)
{
    scenario->percent = 1500;
    scenario->alloc = stream_constant(165.0);
    stream_add_random(&scenario->alloc, 7.0, 0x53);
    stream_add_random(&scenario->growth, 0.01, 0x1);
    stream_add_unit(&scenario->growth, 14.0, 25);
}

static void set_oscillating_alloc(struct scenario *scenario)
{
    scenario->alloc = stream_constant(67.0);
    stream_add_oscillation(&scenario->alloc, 13.0, 8);
}

static void set_jitter_alloc(struct scenario *scenario)
{
    scenario->alloc = stream_constant(132.0);
    stream_add_random(&scenario->alloc, 13.0, 0xf);
    stream_add_random(&scenario->growth, 0.01, 0xe);
}

static void set_heavy_jitter_alloc(struct scenario *scenario)
{
    scenario->alloc = stream_constant(330.0);
    stream_add_random(&scenario->alloc, 33.0, 0x0);
    stream_add_random(&scenario->growth, 0.01, 0x152);
}

static void set_slow_alloc(struct scenario *scenario, double growth, unsigned length)
{
    scenario->alloc = stream_constant(1.0);
    scenario->scan = stream_constant(2048.0);
    scenario->scannable = stream_constant(0.01);
    scenario->growth = stream_constant(growth);
    stream_add_ramp(&scenario->growth, 1.0 - growth, length, 0);
}

static void set_small_slow(struct scenario *scenario)
{
    set_slow_alloc(scenario, 2.0, 3);
}

static void set_medium_slow(struct scenario *scenario)
{
    set_slow_alloc(scenario, 2.0, 8);
}

static void set_large_slow(struct scenario *scenario)
{
    set_slow_alloc(scenario, 4.0, 12);
}

static void set_limit(struct scenario *scenario)
{
    scenario->memory_limit = LIMIT;
}

static void set_limit_off(struct scenario *scenario)
{
    scenario->memory_limit = LIMIT;
    scenario->percent = -1;
}

static void set_exceeded(struct scenario *scenario)
{
    scenario->memory_limit = LIMIT;
    scenario->growth = stream_constant(3.5);
    stream_add_ramp(&scenario->growth, -2.5, 12, 0);
}

static void set_exceeded_off(struct scenario *scenario)
{
    set_exceeded(scenario);
    scenario->percent = -1;
}

static void set_maintained(struct scenario *scenario)
{
    scenario->memory_limit = LIMIT;
    scenario->growth = stream_constant(3.0);
    stream_add_ramp(&scenario->growth, -2.0, 12, 0);
}

static void set_maintained_off(struct scenario *scenario)
{
    set_maintained(scenario);
    scenario->percent = -1;
}

/* ---- The list -------------------------------------------------------------------------------- */

static const struct scenario_entry go_scenarios[] = {
    {"Steady", "nothing", set_steady, check_steady},
    {"SteadyBigStacks", "stacks grow to 128 MiB; allocates four times as fast", set_big_stacks,
     check_steady},
    {"SteadyBigGlobals", "128 MiB of globals; allocates four times as fast", set_big_globals,
     check_steady},
    {"StepAlloc", "allocates three times as fast from cycle 52 on", set_step_alloc, check_step},
    {"HeavyStepAlloc", "allocates eleven times as fast from cycle 52 on", set_heavy_step_alloc,
     check_step},
    {"StepScannableFrac", "a fifth has to be scanned, in cycle 51 seven tenths", set_step_scannable,
     check_step},
    {"HighGOGC", "GOGC 1500; in cycle 26 the live heap grows by a factor of 15", set_high_gogc,
     check_high_gogc},
    {"OscAlloc", "allocates by 67 +-13, in waves of 8 cycles", set_oscillating_alloc,
     check_oscillation},
    {"JitterAlloc", "allocates by 132 +-13, at random", set_jitter_alloc, check_jitter},
    {"HeavyJitterAlloc", "allocates by 330 +-33, at random", set_heavy_jitter_alloc,
     check_heavy_jitter},
    {"SmallHeapSlowAlloc", "hardly allocates, hardly anything to scan; half a MiB live",
     set_small_slow, check_small_slow},
    {"MediumHeapSlowAlloc", "hardly allocates, hardly anything to scan; 4 MiB live",
     set_medium_slow, check_medium_slow},
    {"LargeHeapSlowAlloc", "hardly allocates, hardly anything to scan; 3 GiB live", set_large_slow,
     check_large_slow},
    {"SteadyMemoryLimit", "MEMLIMIT 512 MiB, out of reach", set_limit, check_below_limit},
    {"SteadyMemoryLimitNoGCPercent", "MEMLIMIT 512 MiB, GOGC off", set_limit_off,
     check_limit_is_goal},
    {"ExceedMemoryLimit", "MEMLIMIT 512 MiB, more is live; no CPU limiter", set_exceeded,
     check_exceeded},
    {"ExceedMemoryLimitNoGCPercent", "MEMLIMIT 512 MiB, more is live; GOGC off; no CPU limiter",
     set_exceeded_off, check_exceeded_off},
    {"MaintainMemoryLimit", "MEMLIMIT 512 MiB, nearer than what GOGC asks for", set_maintained,
     check_maintained},
    {"MaintainMemoryLimitNoGCPercent", "MEMLIMIT 512 MiB, GOGC off; most of it is live",
     set_maintained_off, check_limit_is_goal},
};

unsigned go_scenario_count(void)
{
    return (unsigned)ARRAY_LENGTH(go_scenarios);
}

const struct scenario_entry *go_scenario_at(unsigned index)
{
    return &go_scenarios[index];
}
