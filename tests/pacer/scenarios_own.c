/* scenarios_own.c -- the scenarios that Go's leave open, with bounds that follow from what the
 * pacer promises; the reason stands at each.
 */
#include "tests/pacer/scenario_tables.h"

#include "gc/tuning.h"

#include <math.h>

#define SETTLED 25
#define EXACT   1e-6 /* of a ratio of whole bytes, some of which are rounded */

static double ratio(double part, double whole)
{
    return part / whole;
}

/* The goal that GOGC alone asks for. */
static double goal_by_percent(const struct cycle_record *record)
{
    double live = (double)record->live;
    return live + (live + (double)record->roots) * record->percent / 100.0;
}

static double end_of_headroom(const struct cycle_record *record)
{
    return (double)limit_less_headroom(record->memory_limit);
}

/* Whether n, counted from 1, is one of the `cycles` cycles from a change of settings on. */
static bool is_after_change(unsigned n, const unsigned *changes, unsigned count, unsigned cycles)
{
    for (unsigned i = 0; i < count; i++) {
        if (n > changes[i] && n <= changes[i] + cycles) {
            return true;
        }
    }
    return false;
}

/* ---- Large and small ------------------------------------------------------------------------- */

static void set_many_processors(struct scenario *scenario)
{
    scenario->processors = 64;
}

/* From 1 GiB to half a TiB live in 20 cycles. */
static void set_large_machine(struct scenario *scenario)
{
    scenario->processors = 64;
    scenario->first_live = GIB;
    scenario->growth = stream_constant(1.362);
    stream_add_ramp(&scenario->growth, -0.362, 1, 20);
    scenario->globals = 256 * MIB;
    scenario->stacks = stream_constant((double)(64 * MIB));
    scenario->cycles = 28;
}

static void check_large_machine(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    check_steady(judge, records, n);
    if (n >= SETTLED) {
        judge_within(judge, "peak, bytes", (double)records[n - 1].peak, (double)TIB,
                     1.1 * (double)TIB);
    }
}

/* A program of 200 KiB on two processors, which asks for small goals. */
static void set_small_heap(struct scenario *scenario)
{
    scenario->processors = 2;
    scenario->heap_minimum = 64 * KIB;
    scenario->first_live = 200 * KIB;
    scenario->growth = stream_constant(1.0);
    scenario->globals = 4 * KIB;
    scenario->stacks = stream_constant(4096.0);
}

/* The distances that Go fixes for a least heap of 4 MiB are a 64th of that here: 16 KiB at the
 * most, so that none of them decides. */
static void check_small_heap(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n > 2) {
        judge_within(judge, "goal / GOGC's goal", ratio((double)last->goal, goal_by_percent(last)),
                     1.0 - EXACT, 1.0 + EXACT);
        judge_within(judge, "goal, bytes", (double)last->goal, 400.0 * (double)KIB,
                     512.0 * (double)KIB);
        judge_within(judge, "peak - goal, bytes", (double)last->peak - (double)last->goal,
                     -INFINITY, 16.0 * (double)KIB);
    }
    check_steady(judge, records, n);
}

/* 200 KiB on the usual machine: the least goal decides. */
static void set_least_goal(struct scenario *scenario)
{
    scenario->first_live = 200 * KIB;
    scenario->growth = stream_constant(1.0);
}

static void check_least_goal(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    judge_within(judge, "goal, bytes", (double)records[n - 1].goal, (double)HEAP_MINIMUM_BYTES,
                 (double)HEAP_MINIMUM_BYTES);
    check_steady(judge, records, n);
}

/* GOGC 0: a cycle begins when the last one's garbage is swept. */
static void set_zero_percent(struct scenario *scenario)
{
    scenario->percent = 0;
}

/* Sweeping needs a MiB, and a cycle 64 KiB; nothing else is allowed. */
static void check_zero_percent(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n == 1) {
        return; /* nothing was to be swept */
    }
    judge_within(judge, "trigger - live, bytes", (double)last->trigger - (double)last->live,
                 (double)MIB, (double)MIB);
    judge_within(judge, "goal - trigger, bytes", (double)last->goal - (double)last->trigger,
                 64.0 * (double)KIB, 64.0 * (double)KIB);
}

/* ---- Memory limits --------------------------------------------------------------------------- */

/* What the process maps stays below the limit: the headroom is there for what grows with the heap
 * while a cycle marks. */
static void check_mapped(struct judge *judge, const struct cycle_record *record)
{
    judge_within(judge, "mapped / limit",
                 ratio((double)record->mapped, (double)record->memory_limit), 0.0, 1.0);
}

/* From 64 MiB to 85 % of a limit of 512 MiB, by two percent a cycle. */
static void set_limit_slowly(struct scenario *scenario)
{
    scenario->cycles = 120;
    scenario->memory_limit = 512 * MIB;
    scenario->maps = true;
    scenario->cpu_limit = true;
    scenario->first_live = 64 * MIB;
    scenario->growth = stream_constant(1.02);
    stream_add_ramp(&scenario->growth, -0.02, 1, 96);
}

/* A quarter of the processors, and what it takes to make up for the part of the runway that is lost
 * to fragments and metadata while it is used. */
static double share_with_losses(void)
{
    const double kept = 1.0 - 1.0 / FRAGMENT_PART - 1.0 / METADATA_PART;
    return 1.0 / (1.0 + kept * (1.0 - MARKER_SHARE) / MARKER_SHARE);
}

/* What collecting costs if the cycle begins at the earliest place that the pacer may choose, 45
 * 64ths of the way to the goal as it was then, and ends at the goal as it is now. */
static double share_at_earliest_trigger(const struct cycle_record *record, double alloc,
                                        double scan)
{
    double live = (double)record->live;
    double trigger = live + ((double)record->first_goal - live) * TRIGGER_LEAST_64THS / 64.0;
    double work_per_byte = (double)record->work / ((double)record->goal - trigger);
    return work_per_byte * alloc / (work_per_byte * alloc + scan);
}

/* It costs no more than either. */
static double share_under_limit(const struct cycle_record *record)
{
    double earliest = share_at_earliest_trigger(record, 33.0, 1024.0);
    return earliest > share_with_losses() ? earliest : share_with_losses();
}

static void check_limit_slowly(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    check_mapped(judge, last);
    /* Far from a half of all time, as long as the limit leaves any room. */
    judge_within(judge, "CPU limiter is on", last->limited ? 1.0 : 0.0, 0.0, 0.0);
    if (n >= SETTLED) {
        check_goal_ratio(judge, records, n, 0.95, 1.05);
        judge_within(judge, "utilization - what the limit may cost",
                     last->utilization - share_under_limit(last), -INFINITY, 0.005);
        double way = (double)last->first_goal - (double)last->live;
        judge_within(judge, "trigger's part of the way",
                     ratio((double)last->trigger - (double)last->live, way), 0.70, 1.0);
        judge_within(judge, "by limit, then not",
                     records[n - 2].by_limit && !last->by_limit ? 1.0 : 0.0, 0.0, 0.0);
    }
    if (n >= 100) { /* the way there is over: the limit decides */
        judge_within(judge, "by limit at the end", last->by_limit ? 1.0 : 0.0, 1.0, 1.0);
        judge_within(judge, "live / limit", ratio((double)last->live, (double)last->memory_limit),
                     0.8, 0.95);
    }
}

/* The limit comes down to 36 MiB in cycle 31, and the system gets nothing back: what is mapped
 * above the limit has to be made up for by a smaller heap. */
static void set_limit_kept_pages(struct scenario *scenario)
{
    scenario->maps = true;
    scenario->keeps_pages = true;
    scenario->cycles = 60;
    scenario->changes[0] =
        (struct scenario_change){.cycle = 30, .percent = 100, .memory_limit = 36 * MIB};
}

static void check_limit_kept_pages(struct judge *judge, const struct cycle_record *records,
                                   unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n > 31) {
        double over = (double)last->mapped - (double)last->memory_limit;
        double peak = (double)last->peak;
        double others = peak / FRAGMENT_PART + (double)last->mapped / (METADATA_PART + 1);
        judge_within(judge, "mapped - limit, bytes", over, (double)MIB, INFINITY);
        judge_within(judge, "(peak, lost in spans, metadata, headroom, mapped - limit) / limit",
                     ratio(peak + others + (double)LIMIT_HEADROOM_MIN_BYTES + over,
                           (double)last->memory_limit),
                     0.0, 1.001);
    }
}

/* 182 MiB live under a limit of 64 MiB. */
static void set_limit_below_live(struct scenario *scenario)
{
    scenario->cycles = 60;
    scenario->memory_limit = 64 * MIB;
    scenario->maps = true;
    scenario->cpu_limit = true;
    scenario->scan = stream_constant(128.0);
    scenario->first_live = 16 * MIB;
    scenario->growth = stream_constant(1.5);
    stream_add_ramp(&scenario->growth, -0.5, 1, 6);
}

static void set_limit_below_live_off(struct scenario *scenario)
{
    set_limit_below_live(scenario);
    scenario->percent = -1;
}

/* Collecting's part of the processors' time in the cycles after `from` up to n, above a half. */
static double share_above_half(const struct cycle_record *records, unsigned from, unsigned n)
{
    double gc = 0.0;
    double all = 0.0;
    for (unsigned i = from; i < n; i++) {
        gc += records[i].gc_ns;
        all += records[i].all_ns;
    }
    return gc / all - 0.5;
}

static void check_limit_below_live(struct judge *judge, const struct cycle_record *records,
                                   unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n < 40) {
        return; /* the bucket fills */
    }
    /* It is full by then, and assists enter their time at once: in any ten cycles collecting
     * has half of the time, but for a step that was too short to be cut. */
    judge_within(judge, "CPU limiter is on", last->limited ? 1.0 : 0.0, 1.0, 1.0);
    judge_within(judge, "share of 10 cycles - 0.5", share_above_half(records, n - 10, n), -0.005,
                 0.0005);
    judge_within(judge, "goal - live, bytes", (double)last->goal - (double)last->live, 0.0, 0.0);
    /* The heap runs past its goal, but no further than the program allocates in the half that it
     * has, while what is live is scanned in the other. */
    double allocated = ((double)last->live + (double)last->roots) * 33.0 / 128.0;
    judge_within(judge, "(peak - trigger) / what half of the time allocates",
                 ratio((double)last->peak - (double)last->trigger, allocated), 0.5, 1.05);
}

/* ---- External memory ------------------------------------------------------------------------- */

static void set_external(struct scenario *scenario)
{
    scenario->cycles = 80;
    stream_add_ramp(&scenario->external, (double)(64 * MIB), 40, 20);
}

/* It counts as live, so the goal grows by GOGC percent of it too. */
static void check_external(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n >= SETTLED) {
        judge_within(judge, "goal / GOGC's goal", ratio((double)last->goal, goal_by_percent(last)),
                     1.0 - EXACT, 1.0 + EXACT);
    }
    if (n >= 61) {
        judge_within(judge, "external / live", ratio((double)last->external, (double)last->live),
                     0.5, 1.0);
    }
    check_steady(judge, records, n);
}

static void set_external_limit(struct scenario *scenario)
{
    set_external(scenario);
    scenario->external = (struct stream){0};
    stream_add_ramp(&scenario->external, (double)(176 * MIB), 40, 20);
    scenario->memory_limit = 256 * MIB;
    scenario->maps = true;
}

/* What external memory takes, the heap does not get. */
static void check_external_limit(struct judge *judge, const struct cycle_record *records,
                                 unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    check_mapped(judge, last);
    if (n > 62) {
        judge_within(judge, "by limit at the end", last->by_limit ? 1.0 : 0.0, 1.0, 1.0);
    }
    check_steady(judge, records, n);
}

/* ---- Changes of settings --------------------------------------------------------------------- */

static const unsigned change_cycles[] = {30, 50, 70};

#define CHANGES ((unsigned)ARRAY_LENGTH(change_cycles))

static void set_changes(struct scenario *scenario, bool marking, const int32_t *percents,
                        const uint64_t *limits)
{
    scenario->cycles = 90;
    scenario->alloc = stream_constant(48.0);
    for (unsigned i = 0; i < CHANGES; i++) {
        scenario->changes[i] = (struct scenario_change){
            .cycle = change_cycles[i],
            .marking = marking,
            .percent = percents[i],
            .memory_limit = limits[i],
        };
    }
}

static void set_gogc_changes(struct scenario *scenario, bool marking)
{
    static const int32_t percents[CHANGES] = {50, 400, -1};
    static const uint64_t limits[CHANGES] = {PACER_OFF, PACER_OFF, 256 * MIB};
    set_changes(scenario, marking, percents, limits);
}

static void set_gogc_between(struct scenario *scenario)
{
    set_gogc_changes(scenario, false);
}

static void set_gogc_marking(struct scenario *scenario)
{
    set_gogc_changes(scenario, true);
}

/* Three cycles after a change at the latest, things are as if it had always been so. */
static void check_settled_changes(struct judge *judge, const struct cycle_record *records,
                                  unsigned n)
{
    if (n >= SETTLED && !is_after_change(n, change_cycles, CHANGES, 3)) {
        judge_within(judge, "utilization", records[n - 1].utilization, 0.245, share_with_losses());
        check_goal_ratio(judge, records, n, 0.95, 1.05);
    }
    /* A goal that comes down while the heap is already past it makes mutators stop where they are;
     * it never lets the heap grow past the goal that it had. */
    if (n >= SETTLED && is_after_change(n, change_cycles, CHANGES, 1)) {
        double goal = (double)records[n - 1].goal;
        double first = (double)records[n - 1].first_goal;
        judge_within(judge, "peak / the larger goal of a cycle with a change",
                     ratio((double)records[n - 1].peak, goal > first ? goal : first), 0.0, 1.05);
    }
}

/* Past the goal, a tenth more is allowed, so that mutators slow down and do not stop: collecting
 * costs no more than if all that there is were to be scanned while the rest of that tenth is
 * allocated. */
static double share_past_goal(const struct cycle_record *record, double alloc, double scan)
{
    double room = PACER_PAST_GOAL * (double)record->goal - (double)record->peak;
    double owed = (double)record->peak / room * alloc;
    double share = owed / (owed + scan);
    return share > MARKER_SHARE ? share : MARKER_SHARE;
}

static void check_gogc_changes(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    bool changed = is_after_change(n, change_cycles, CHANGES, 1);
    if (n >= SETTLED && last->percent >= 0 && !changed) {
        judge_within(judge, "goal / GOGC's goal", ratio((double)last->goal, goal_by_percent(last)),
                     1.0 - EXACT, 1.0 + EXACT);
    }
    if (last->percent < 0) {
        judge_within(judge, "goal / (limit - headroom)",
                     ratio((double)last->goal, end_of_headroom(last)), 1.0 - EXACT, 1.0 + EXACT);
    }
    check_settled_changes(judge, records, n);
}

static void check_gogc_marking(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (is_after_change(n, change_cycles, CHANGES, 1)) {
        judge_within(judge, "most utilization in a step - what a tenth past the goal costs",
                     records[n - 1].most_utilization -
                         share_past_goal(&records[n - 1], 48.0, 1024.0),
                     -INFINITY, EXACT);
    }
    check_gogc_changes(judge, records, n);
}

static void set_limit_changes(struct scenario *scenario, bool marking)
{
    static const int32_t percents[CHANGES] = {100, 100, 100};
    static const uint64_t limits[CHANGES] = {36 * MIB, 512 * MIB, PACER_OFF};
    set_changes(scenario, marking, percents, limits);
    scenario->maps = true;
}

static void set_limit_between(struct scenario *scenario)
{
    set_limit_changes(scenario, false);
}

static void set_limit_marking(struct scenario *scenario)
{
    set_limit_changes(scenario, true);
}

/* Under the tight limit, and only there, the limit decides. The process stays below it: at once,
 * where it comes down between cycles; where a cycle marks, from the next one on, since what this
 * one has allocated cannot be undone. */
static void check_limit_changes(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (last->memory_limit != PACER_OFF && !is_after_change(n, change_cycles, CHANGES, 1)) {
        check_mapped(judge, last);
    }
    if (n >= SETTLED) {
        bool tight = n > 30 && n <= 50;
        judge_within(judge, tight ? "by limit while it is tight" : "by limit otherwise",
                     last->by_limit ? 1.0 : 0.0, tight ? 1.0 : 0.0, tight ? 1.0 : 0.0);
    }
    check_settled_changes(judge, records, n);
}

static void check_limit_between(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    if (is_after_change(n, change_cycles, 1, 1)) {
        check_mapped(judge, &records[n - 1]);
    }
    check_limit_changes(judge, records, n);
}

/* ---- Surprises ------------------------------------------------------------------------------- */

/* Nothing but leaves, and in one cycle everything has to be scanned, of a program that allocates
 * faster than a quarter of the processors scans. */
static void set_surprise(struct scenario *scenario)
{
    scenario->alloc = stream_constant(1320.0);
    scenario->scannable = stream_constant(0.05);
    stream_add_unit(&scenario->scannable, 0.95, 30);
    stream_add_unit(&scenario->growth, 0.9, 30);
}

/* The hard goal: GOGC percent above the goal. */
static double hard_goal(const struct cycle_record *record)
{
    return (double)record->goal * (1.0 + record->percent / 100.0);
}

/* The goal is extended, as far as the hard goal; in one step without an answer the program passes
 * it by that step's bytes at the most. */
static void check_surprise(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n == 31) {
        judge_within(judge, "peak / goal, in the cycle",
                     ratio((double)last->peak, (double)last->goal), 1.2, INFINITY);
        judge_within(judge, "peak / (hard goal + a step), in the cycle",
                     ratio((double)last->peak, hard_goal(last) + (double)last->step_bytes), 0.0,
                     1.0);
    }
}

/* The same surprise, and when half is marked a burst that ends below the hard goal. */
static void set_burst(struct scenario *scenario)
{
    set_surprise(scenario);
    stream_add_unit(&scenario->burst, (double)(16 * MIB), 30);
}

/* One that ends past it. */
static void set_large_burst(struct scenario *scenario)
{
    set_surprise(scenario);
    stream_add_unit(&scenario->burst, (double)(48 * MIB), 30);
}

static void check_burst(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n == 31) {
        judge_within(judge, "after the burst / goal",
                     ratio((double)last->after_burst, (double)last->goal), 1.05, 2.0);
        judge_within(judge, "peak / (hard goal + a step), in the cycle",
                     ratio((double)last->peak, hard_goal(last) + (double)last->step_bytes), 0.0,
                     1.0);
    }
}

/* Where the burst has already passed the hard goal, a tenth more is allowed at the most. */
static void check_large_burst(struct judge *judge, const struct cycle_record *records, unsigned n)
{
    const struct cycle_record *last = &records[n - 1];
    if (n == 31) {
        double after = (double)last->after_burst;
        judge_within(judge, "after the burst / hard goal", ratio(after, hard_goal(last)), 1.0,
                     INFINITY);
        double most = PACER_PAST_GOAL * hard_goal(last);
        judge_within(
            judge, "peak / the larger of burst's end and 1.1 hard goals, in the cycle",
            ratio((double)last->peak, (after > most ? after : most) + (double)last->step_bytes),
            0.0, 1.0);
    }
}

/* ---- The list -------------------------------------------------------------------------------- */

static const struct scenario_entry own_scenarios[] = {
    {"ManyProcessors", "64 processors", set_many_processors, check_steady},
    {"LargeMachine", "64 processors, half a TiB live, 256 MiB of globals, 64 MiB of stacks",
     set_large_machine, check_large_machine},
    {"SmallHeap", "2 processors, 200 KiB live, heap_minimum 64 KiB", set_small_heap,
     check_small_heap},
    {"LeastGoal", "200 KiB live", set_least_goal, check_least_goal},
    {"ZeroPercent", "GOGC 0", set_zero_percent, check_zero_percent},
    {"LimitReachedSlowly",
     "MEMLIMIT 512 MiB; live grows by 2 % a cycle; memory is mapped; CPU limiter", set_limit_slowly,
     check_limit_slowly},
    {"LimitWithoutReturn", "MEMLIMIT 36 MiB from cycle 31 on; memory is mapped, and stays so",
     set_limit_kept_pages, check_limit_kept_pages},
    {"LimitBelowLive", "MEMLIMIT 64 MiB, 182 MiB live, scans slowly; memory is mapped; CPU limiter",
     set_limit_below_live, check_limit_below_live},
    {"LimitBelowLiveNoGCPercent",
     "MEMLIMIT 64 MiB, 182 MiB live, GOGC off; memory is mapped; CPU limiter",
     set_limit_below_live_off, check_limit_below_live},
    {"ExternalMemory", "external memory grows to 64 MiB in cycles 22 to 61", set_external,
     check_external},
    {"ExternalMemoryLimit",
     "external memory grows to 176 MiB, under MEMLIMIT 256 MiB; memory is mapped",
     set_external_limit, check_external_limit},
    {"GOGCBetweenCycles", "GOGC 100, 50, 400, off with MEMLIMIT 256 MiB, between cycles",
     set_gogc_between, check_gogc_changes},
    {"GOGCWhileMarking", "GOGC 100, 50, 400, off with MEMLIMIT 256 MiB, while a cycle marks",
     set_gogc_marking, check_gogc_marking},
    {"LimitBetweenCycles", "MEMLIMIT off, 36 MiB, 512 MiB, off, between cycles; memory is mapped",
     set_limit_between, check_limit_between},
    {"LimitWhileMarking",
     "MEMLIMIT off, 36 MiB, 512 MiB, off, while a cycle marks; memory is mapped", set_limit_marking,
     check_limit_changes},
    {"SurpriseScan",
     "a twentieth has to be scanned, in cycle 31 all; allocates forty times as fast", set_surprise,
     check_surprise},
    {"BurstBelowHardGoal", "as SurpriseScan, and half way through cycle 31 a burst of 16 MiB",
     set_burst, check_burst},
    {"BurstPastHardGoal", "as SurpriseScan, and half way through cycle 31 a burst of 48 MiB",
     set_large_burst, check_large_burst},
};

unsigned own_scenario_count(void)
{
    return (unsigned)ARRAY_LENGTH(own_scenarios);
}

const struct scenario_entry *own_scenario_at(unsigned index)
{
    return &own_scenarios[index];
}
