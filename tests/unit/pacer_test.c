/* pacer_test.c -- goals and triggers as tables, and what holds whatever the figures are. How the
 * pacer steers a program from cycle to cycle: tests/pacer.
 */
#include "gc/pacer.h"

#include "tests/unit/unit.h"

#include "gc/tuning.h"

#include <math.h>

#define MIN    HEAP_MINIMUM_BYTES
#define ROUNDS 300000

/* A pacer between cycles whose last one has marked so much and scanned such roots. */
static struct pacer pacer_after(int32_t percent, uint64_t limit, uint64_t minimum, uint64_t marked,
                                uint64_t stacks, uint64_t globals)
{
    struct pacer pacer;
    struct pacer_work done = {.heap = marked, .stacks = stacks, .globals = globals};
    pacer_init(&pacer, percent, limit, minimum);
    pacer_reset(&pacer, marked, 0, &done);
    pacer_commit(&pacer, marked, true);
    return pacer;
}

/* ---- Goals ----------------------------------------------------------------------------------- */

static const struct {
    const char *what;
    int32_t percent;
    uint64_t limit;
    uint64_t minimum;
    uint64_t marked;
    uint64_t stacks;
    uint64_t globals;
    uint64_t want;
} percent_goals[] = {
    {"new heap", 100, PACER_OFF, MIN, 0, 0, 0, 4 * MIB},
    {"new heap, 200", 200, PACER_OFF, MIN, 0, 0, 0, 8 * MIB},
    {"new heap, 50", 50, PACER_OFF, MIN, 0, 0, 0, 2 * MIB},
    {"new heap, 0", 0, PACER_OFF, MIN, 0, 0, 0, 0},
    {"new heap, no minimum", 100, PACER_OFF, 0, 0, 0, 0, 0},
    {"twice what is live", 100, PACER_OFF, MIN, 10 * MIB, 0, 0, 20 * MIB},
    {"stacks count", 100, PACER_OFF, MIN, 10 * MIB, 3 * MIB, 0, 23 * MIB},
    {"globals count", 100, PACER_OFF, MIN, 10 * MIB, 0, 3 * MIB, 23 * MIB},
    {"roots count by percent", 200, PACER_OFF, MIN, 10 * MIB, 2 * MIB, MIB, 36 * MIB},
    {"half", 50, PACER_OFF, MIN, 10 * MIB, 2 * MIB, 0, 16 * MIB},
    {"zero percent", 0, PACER_OFF, MIN, 10 * MIB, 5 * MIB, 0, 10 * MIB},
    {"the minimum holds", 100, PACER_OFF, 64 * MIB, 10 * MIB, 0, 0, 64 * MIB},
    {"the minimum, scaled", 1000, PACER_OFF, MIN, 3 * MIB, 0, 0, 40 * MIB},
    {"rounded down", 50, PACER_OFF, 0, MIB + 33, 0, 0, MIB + 33 + (MIB + 33) / 2},
    {"off", -1, PACER_OFF, MIN, 10 * MIB, 0, 0, PACER_OFF},
    {"off, the smallest number", INT32_MIN, PACER_OFF, MIN, 0, 0, 0, PACER_OFF},
    {"a far limit", 100, 100 * MIB, MIN, 10 * MIB, 0, 0, 20 * MIB},
    /* Overflow: it never comes round. */
    {"huge percent", INT32_MAX, PACER_OFF, MIN, 0, 0, 0,
     MIN / 100 * INT32_MAX + MIN % 100 * INT32_MAX / 100},
    {"huge heap", INT32_MAX, PACER_OFF, MIN, UINT64_MAX / 2, 0, 0, PACER_OFF},
    {"growth over the top", 100, PACER_OFF, 0, UINT64_MAX / 2 + 2, 0, 0, PACER_OFF},
    {"roots over the top", 100, PACER_OFF, 0, UINT64_MAX - 5, 100, 0, PACER_OFF},
    {"minimum over the top", 200, PACER_OFF, UINT64_MAX, 0, 0, 0, PACER_OFF},
};

START_TEST(goal_by_percent)
{
    struct pacer pacer =
        pacer_after(percent_goals[_i].percent, percent_goals[_i].limit, percent_goals[_i].minimum,
                    percent_goals[_i].marked, percent_goals[_i].stacks, percent_goals[_i].globals);
    struct pacer_memory memory = {0};
    struct pacer_target target = pacer_target(&pacer, &memory);
    ck_assert_msg(target.goal == percent_goals[_i].want, "%s: %" PRIu64 " instead of %" PRIu64,
                  percent_goals[_i].what, target.goal, percent_goals[_i].want);
    ck_assert(!target.by_limit);
}
END_TEST

/* All with GOGC off and 10 MiB live, of which the limit alone decides. */
static const struct {
    const char *what;
    uint64_t limit;
    struct pacer_memory memory;
    uint64_t want;
} limit_goals[] = {
    {"nothing mapped", 512 * MIB, {0}, 520764785},
    {"headroom of a MiB at the least", 20 * MIB, {0}, 19 * MIB},
    {"all mapped is live", 512 * MIB, {10 * MIB, 0, 10 * MIB}, 520764785},
    {"free pages are room", 512 * MIB, {100 * MIB, 90 * MIB, 10 * MIB}, 520764785},
    {"what is neither takes room", 532 * MIB, {100 * MIB, 70 * MIB, 10 * MIB}, 520764785},
    {"so does what is over the limit",
     120 * MIB,
     {140 * MIB, 130 * MIB, 10 * MIB},
     100 * MIB - 100 * MIB / 100 * 3},
    {"more free and live than mapped", 512 * MIB, {10 * MIB, 90 * MIB, 10 * MIB}, 520764785},
    {"less than what is live", 8 * MIB, {10 * MIB, 0, 10 * MIB}, 10 * MIB},
    {"the rest alone takes all", 50 * MIB, {60 * MIB, 0, 10 * MIB}, 10 * MIB},
    {"no limit to speak of", 0, {10 * MIB, 0, 10 * MIB}, 10 * MIB},
    {"the largest but one", PACER_OFF - 1, {0}, PACER_OFF - 1 - (PACER_OFF - 1) / 100 * 3},
    {"figures over the top", 512 * MIB, {UINT64_MAX, UINT64_MAX, UINT64_MAX}, 10 * MIB},
};

/* Empty places in weak tables do not make for a heap that may grow by as much: only an eighth of
 * them does, and by 100 percent at the most. */
static const struct {
    int32_t percent;
    uint64_t marked;
    uint64_t empty;
    uint64_t want;
} empty_goals[] = {
    {100, 16 * MIB, 0, 32 * MIB},
    {100, 16 * MIB, 8 * MIB, 25 * MIB},
    {50, 16 * MIB, 8 * MIB, 20 * MIB + 512 * KIB},
    {400, 16 * MIB, 8 * MIB, 49 * MIB},
    {100, 80 * MIB, 80 * MIB, 94 * MIB}, /* the heap's minimum, above them */
    {0, 80 * MIB, 80 * MIB, 80 * MIB},
    {100, 16 * MIB, 32 * MIB, 22 * MIB}, /* there are no more than there is in all */
    {100, UINT64_MAX, UINT64_MAX, UINT64_MAX},
    {-1, 16 * MIB, 8 * MIB, PACER_OFF},
};

START_TEST(goal_with_empty_places)
{
    const struct pacer_work nothing = {.heap = 0};
    struct pacer pacer;
    pacer_init(&pacer, empty_goals[_i].percent, PACER_OFF, MIN);
    pacer_reset(&pacer, empty_goals[_i].marked, empty_goals[_i].empty, &nothing);
    pacer_commit(&pacer, empty_goals[_i].marked, true);
    ck_assert_uint_eq(pacer_target(&pacer, &(struct pacer_memory){.free = 0}).goal,
                      empty_goals[_i].want);
}
END_TEST

START_TEST(goal_by_limit)
{
    struct pacer pacer = pacer_after(-1, limit_goals[_i].limit, MIN, 10 * MIB, 0, 0);
    struct pacer_target target = pacer_target(&pacer, &limit_goals[_i].memory);
    ck_assert_msg(target.goal == limit_goals[_i].want, "%s: %" PRIu64 " instead of %" PRIu64,
                  limit_goals[_i].what, target.goal, limit_goals[_i].want);
    ck_assert(target.by_limit);
}
END_TEST

/* A limit so small that its headroom is more than half leaves the headroom. */
START_TEST(goal_by_small_limit)
{
    struct pacer pacer = pacer_after(-1, 3 * MIB / 2, MIN, 0, 0, 0);
    struct pacer_memory memory = {0};
    ck_assert_uint_eq(pacer_target(&pacer, &memory).goal, MIB);
    pacer = pacer_after(-1, 2 * MIB, MIN, 0, 0, 0);
    ck_assert_uint_eq(pacer_target(&pacer, &memory).goal, MIB);
    pacer = pacer_after(-1, 1, MIN, 0, 0, 0);
    ck_assert_uint_eq(pacer_target(&pacer, &memory).goal, MIB);
}
END_TEST

/* Sweeping that goes on, and a cycle that has begun late, put GOGC's goal off, but not the limit's.
 * The distances are smaller where the least goal is. */
START_TEST(goal_is_put_off)
{
    const struct {
        uint64_t minimum;
        uint64_t sweep;
        uint64_t runway;
    } cases[] = {
        {MIN, MIB, 64 * KIB}, {64 * MIB, MIB, 64 * KIB}, {64 * KIB, 16 * KIB, KIB}, {0, 0, 0}};
    for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pacer_memory memory = {0};
        struct pacer pacer = pacer_after(0, PACER_OFF, cases[i].minimum, 10 * MIB, 0, 0);
        pacer_commit(&pacer, 10 * MIB, false);
        struct pacer_target target = pacer_target(&pacer, &memory);
        ck_assert_uint_eq(target.goal, 10 * MIB + cases[i].sweep);
        ck_assert_uint_eq(target.trigger, 10 * MIB + cases[i].sweep);

        pacer_commit(&pacer, 10 * MIB, true);
        ck_assert_uint_eq(pacer_target(&pacer, &memory).goal, 10 * MIB);
        pacer_begin(&pacer, 11 * MIB);
        ck_assert_uint_eq(pacer_target(&pacer, &memory).goal, 11 * MIB + cases[i].runway);

        pacer.percent = -1;
        pacer.memory_limit = 10 * MIB;
        pacer_commit(&pacer, 11 * MIB, false);
        ck_assert_uint_eq(pacer_target(&pacer, &memory).goal, 10 * MIB); /* [pacer.2] */
    }
}
END_TEST

/* ---- Triggers -------------------------------------------------------------------------------- */

/* All with 64 MiB marked; in bytes from there to goal and trigger. */
static const struct {
    const char *what;
    int32_t percent;
    uint64_t runway;
    uint64_t goal;
    uint64_t trigger;
} triggers[] = {
    {"nothing known", 100, 0, 64 * MIB, 61 * MIB},
    {"latest", 100, MIB, 64 * MIB, 61 * MIB},
    {"by the runway", 100, 8 * MIB, 64 * MIB, 56 * MIB},
    {"earliest", 100, 40 * MIB, 64 * MIB, 45 * MIB},
    {"a runway longer than the heap", 100, 400 * MIB, 64 * MIB, 45 * MIB},
    {"a runway of everything", 100, PACER_OFF, 64 * MIB, 45 * MIB},
    {"4 MiB are enough of a large heap", 200, 0, 128 * MIB, 124 * MIB},
    {"likewise, less is known", 200, MIB, 128 * MIB, 124 * MIB},
    {"no way at all", 0, MIB, 0, 0},
};

START_TEST(trigger)
{
    struct pacer pacer = pacer_after(triggers[_i].percent, PACER_OFF, MIN, 64 * MIB, 0, 0);
    pacer.runway = triggers[_i].runway;
    struct pacer_memory memory = {0};
    struct pacer_target target = pacer_target(&pacer, &memory);
    ck_assert_uint_eq(target.goal, 64 * MIB + triggers[_i].goal);
    ck_assert_msg(target.trigger == 64 * MIB + triggers[_i].trigger,
                  "%s: %" PRIu64 " instead of %" PRIu64, triggers[_i].what, target.trigger,
                  64 * MIB + triggers[_i].trigger);
}
END_TEST

START_TEST(no_trigger_without_a_goal)
{
    struct pacer pacer = pacer_after(-1, PACER_OFF, MIN, 64 * MIB, 0, 0);
    struct pacer_memory memory = {0};
    struct pacer_target target = pacer_target(&pacer, &memory);
    ck_assert_uint_eq(target.goal, PACER_OFF);
    ck_assert_uint_eq(target.trigger, PACER_OFF);
}
END_TEST

/* ---- What is learned ------------------------------------------------------------------------- */

/* A cycle on 4 processors that scans 8 MiB in 10 ms, a quarter of the time by markers, while 6 MiB
 * are allocated. */
static struct pacer_effort usual_effort(void)
{
    return (struct pacer_effort){
        .elapsed_ns = 10000000,
        .processors = 4.0,
        .background_ns = 10000000,
        .live = 16 * MIB,
        .done = {.heap = 6 * MIB, .stacks = MIB, .globals = MIB},
    };
}

static double learned(const struct pacer_effort *effort)
{
    struct pacer pacer = pacer_after(100, PACER_OFF, MIN, 8 * MIB, 0, 0);
    pacer_begin(&pacer, 10 * MIB);
    pacer_end(&pacer, effort);
    return pacer.cons_mark;
}

/* allocated / mutators' time, by scanned / markers' time. */
START_TEST(cons_mark)
{
    struct pacer_effort effort = usual_effort();
    ck_assert_double_eq_tol(learned(&effort), 6.0 / 30.0 / (8.0 / 10.0), 1e-9);
    effort.assist_ns = 10000000;
    ck_assert_double_eq_tol(learned(&effort), 6.0 / 20.0 / (8.0 / 20.0), 1e-9);
    /* Markers on idle processors have scanned as well, but took nothing from mutators. */
    effort.assist_ns = 0;
    effort.idle_ns = 10000000;
    ck_assert_double_eq_tol(learned(&effort), 6.0 / 30.0 / (8.0 / 20.0), 1e-9);
    /* Nothing but marking: finite. */
    effort.idle_ns = 0;
    effort.assist_ns = 30000000;
    double most = learned(&effort);
    ck_assert(isfinite(most) && most > 10.0);
    effort.assist_ns = 300000000;
    ck_assert(learned(&effort) == most);
}
END_TEST

START_TEST(nothing_to_be_learned)
{
    struct pacer_effort effort = usual_effort();
    effort.live = 10 * MIB;
    ck_assert(learned(&effort) == 0.0);
    effort.live = MIB;
    ck_assert(learned(&effort) == 0.0);
    effort = usual_effort();
    effort.elapsed_ns = 0;
    ck_assert(learned(&effort) == 0.0);
    effort = usual_effort();
    effort.done = (struct pacer_work){0};
    ck_assert(learned(&effort) == 0.0);
    effort = usual_effort();
    struct pacer pacer = pacer_after(100, PACER_OFF, MIN, 8 * MIB, 0, 0);
    pacer_end(&pacer, &effort); /* none has begun */
    ck_assert(pacer.cons_mark == 0.0);
}
END_TEST

/* Of five measurements the largest counts, and after five more it is forgotten. */
START_TEST(largest_of_five)
{
    const uint64_t allocated[] = {1, 9, 2, 3, 1, 2, 1, 1, 8, 1};
    const double want[] = {1, 9, 9, 9, 9, 9, 3, 3, 8, 8};
    struct pacer pacer = pacer_after(100, PACER_OFF, MIN, 8 * MIB, 0, 0);
    struct pacer_effort effort = usual_effort();
    for (unsigned i = 0; i < ARRAY_LENGTH(allocated); i++) {
        pacer_begin(&pacer, 10 * MIB);
        effort.live = (10 + allocated[i]) * MIB;
        pacer_end(&pacer, &effort);
        ck_assert_double_eq_tol(pacer.cons_mark, want[i] / 24.0, 1e-9);
        pacer_reset(&pacer, 8 * MIB, 0, &effort.done);
        pacer_commit(&pacer, 8 * MIB, true);
        /* While 8 MiB are scanned by a quarter, three quarters allocate. */
        ck_assert_double_eq_tol((double)pacer.runway, want[i] * MIB, 2.0);
    }
}
END_TEST

START_TEST(reset_ends_the_cycle)
{
    struct pacer pacer = pacer_after(100, PACER_OFF, MIN, 8 * MIB, 0, 0);
    pacer_begin(&pacer, 15 * MIB);
    ck_assert_uint_eq(pacer.triggered, 15 * MIB);
    struct pacer_work done = {.heap = 1, .stacks = 2, .globals = 3};
    pacer_reset(&pacer, 9 * MIB, 2 * MIB, &done);
    ck_assert_uint_eq(pacer.triggered, PACER_OFF);
    ck_assert_uint_eq(pacer.marked, 9 * MIB);
    ck_assert_uint_eq(pacer.empty, 2 * MIB);
    ck_assert_uint_eq(pacer.last.heap, 1);
    ck_assert_uint_eq(pacer.last.stacks, 2);
    ck_assert_uint_eq(pacer.last.globals, 3);
}
END_TEST

/* ---- The rate -------------------------------------------------------------------------------- */

/* The last cycle has scanned 8 MiB of the heap and 1 MiB of stacks; this one began at 15 MiB, with
 * a goal of 16 MiB; of all that is live, 12 MiB would have to be scanned, beside 1 MiB of
 * globals. */
static const struct {
    const char *what;
    uint64_t scanned;
    uint64_t live;
    double left;
    double room;
} rates[] = {
    {"at the beginning", 0, 15 * MIB, 10 * MIB, MIB},
    {"half way", 5 * MIB, 15 * MIB + 512 * KIB, 5 * MIB, 512 * KIB},
    {"the end of what is expected", 10 * MIB, 15 * MIB + 512 * KIB, 1000.0, 512 * KIB},
    {"all but too little to count", 10 * MIB - 900, 15 * MIB + 512 * KIB, 1000.0, 512 * KIB},
    {"no room", 5 * MIB, 16 * MIB, 5 * MIB, 1.0},
    /* More than expected: 14 MiB at the most, for which the goal is (16 - 15) / 10 * 14 + 15. */
    {"more than expected", 11 * MIB, 16 * MIB, 3 * MIB, 0.4 * MIB},
    {"all that there can be", 14 * MIB, 16 * MIB, 1000.0, 0.4 * MIB},
    /* Past the goal: a tenth more, and all counts. */
    {"past the goal", 5 * MIB, 17 * MIB, 9 * MIB, 0.6 * MIB},
    {"far past the goal", 5 * MIB, 20 * MIB, 9 * MIB, 1.0},
};

START_TEST(rate)
{
    struct pacer pacer = pacer_after(100, PACER_OFF, MIN, 8 * MIB, MIB, 0);
    pacer_begin(&pacer, 15 * MIB);
    struct pacer_progress progress = {
        .live = rates[_i].live,
        .done = {.heap = rates[_i].scanned},
        .heap_scan = 12 * MIB,
        .stack_scan = MIB,
        .globals = MIB,
    };
    struct pacer_rate got = pacer_rate(&pacer, 16 * MIB, &progress);
    double want = rates[_i].left / rates[_i].room;
    ck_assert_msg(fabs(got.work_per_byte / want - 1.0) < 1e-5, "%s: %g instead of %g",
                  rates[_i].what, got.work_per_byte, want);
    ck_assert_double_eq_tol(got.work_per_byte * got.bytes_per_work, 1.0, 1e-9);
}
END_TEST

/* A goal is not extended by more than GOGC percent; without GOGC, by a factor of 1001. */
START_TEST(hard_goal)
{
    const struct {
        int32_t percent;
        double hard;
    } cases[] = {{100, 32.0}, {50, 24.0}, {0, 16.0}, {-1, 16.0 * 1001}};
    for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pacer pacer = pacer_after(cases[i].percent, PACER_OFF, MIN, 8 * MIB, 0, 0);
        pacer.last.heap = MIB;
        pacer_begin(&pacer, 8 * MIB);
        struct pacer_progress progress = {
            .live = 10 * MIB,
            .done = {.heap = 2 * MIB},
            .heap_scan = TIB, /* the extended goal would be beyond each */
        };
        struct pacer_rate got = pacer_rate(&pacer, 16 * MIB, &progress);
        double room = (cases[i].hard - 10.0) * MIB;
        ck_assert_double_eq_tol(got.work_per_byte / ((TIB - 2 * MIB) / room), 1.0, 1e-9);
    }
}
END_TEST

/* ---- At random ------------------------------------------------------------------------------- */

static uint64_t random_size(uint64_t *random)
{
    return unit_random(random) >> unit_random_below(random, 64);
}

static struct pacer_work random_work(uint64_t *random)
{
    return (struct pacer_work){
        .heap = random_size(random),
        .stacks = random_size(random),
        .globals = random_size(random),
    };
}

static struct pacer_memory random_memory(uint64_t *random)
{
    return (struct pacer_memory){
        .mapped = random_size(random),
        .free = random_size(random),
        .objects = random_size(random),
    };
}

static struct pacer_effort random_effort(uint64_t *random)
{
    return (struct pacer_effort){
        .elapsed_ns = random_size(random) >> 1,
        .processors = (double)unit_random_below(random, 1000) / 8.0,
        .background_ns = random_size(random) >> 1,
        .assist_ns = random_size(random) >> 1,
        .idle_ns = random_size(random) >> 1,
        .live = random_size(random),
        .done = random_work(random),
    };
}

/* A pacer with a past, and at times with a cycle that marks. */
static struct pacer random_pacer(uint64_t *random)
{
    struct pacer pacer;
    int32_t percent = (int32_t)(random_size(random) & INT32_MAX);
    uint64_t limit = unit_random_below(random, 4) == 0 ? PACER_OFF : random_size(random);
    pacer_init(&pacer, unit_random_below(random, 8) == 0 ? -1 : percent, limit,
               random_size(random));
    for (uint64_t i = unit_random_below(random, 4); i > 0; i--) {
        struct pacer_effort effort = random_effort(random);
        pacer_begin(&pacer, random_size(random));
        pacer_end(&pacer, &effort);
        pacer_reset(&pacer, random_size(random), random_size(random), &effort.done);
    }
    if (unit_random_below(random, 2) == 0) {
        pacer_begin(&pacer, random_size(random));
    }
    pacer_commit(&pacer, random_size(random), unit_random_below(random, 2) == 0);
    return pacer;
}

/* [pacer.1], [pacer.2] */
START_TEST(targets_hold)
{
    uint64_t random = unit_seed();
    unsigned by_limit = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct pacer pacer = random_pacer(&random);
        struct pacer_memory memory = random_memory(&random);
        struct pacer_target target = pacer_target(&pacer, &memory);
        if (target.trigger > target.goal || target.trigger < pacer.marked ||
            target.goal < pacer.marked) {
            ck_abort_msg("trigger %" PRIu64 ", goal %" PRIu64 ", %" PRIu64 " marked",
                         target.trigger, target.goal, pacer.marked);
        }
        by_limit += target.by_limit ? 1 : 0;
        if (target.by_limit &&
            target.goal > size_max(size_max(pacer.memory_limit, MIB), pacer.marked)) {
            ck_abort_msg("goal %" PRIu64 " by a limit of %" PRIu64, target.goal,
                         pacer.memory_limit);
        }
    }
    ck_assert_uint_gt(by_limit, ROUNDS / 100);
    ck_assert_uint_lt(by_limit, ROUNDS);
}
END_TEST

/* More of what makes room makes no goal smaller, between cycles. (In one that has begun late,
 * GOGC's goal is put off and the limit's is not.) */
START_TEST(goals_are_monotonic)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct pacer pacer = random_pacer(&random);
        struct pacer_memory memory = random_memory(&random);
        pacer.triggered = PACER_OFF;
        pacer_commit(&pacer, pacer.marked, true);
        uint64_t goal = pacer_target(&pacer, &memory).goal;
        struct pacer more = pacer;
        more.percent = pacer.percent == INT32_MAX ? INT32_MAX : pacer.percent + 1;
        more.percent = pacer.percent < 0 ? pacer.percent : more.percent;
        more.memory_limit = pacer.memory_limit == PACER_OFF ? PACER_OFF : pacer.memory_limit + 1;
        more.heap_minimum = size_max(pacer.heap_minimum, random_size(&random));
        more.last.globals = size_max(pacer.last.globals, random_size(&random));
        pacer_commit(&more, pacer.marked, true);
        /* The headroom is by whole percents: a limit of one byte more may have three bytes more. */
        uint64_t got = pacer_target(&more, &memory).goal;
        if (got < goal && goal - got > 2) {
            ck_abort_msg("goal %" PRIu64 " becomes %" PRIu64, goal, got);
        }
    }
}
END_TEST

/* [pacer.3] */
START_TEST(rates_are_finite)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct pacer pacer = random_pacer(&random);
        struct pacer_memory memory = random_memory(&random);
        struct pacer_progress progress = {
            .live = random_size(&random),
            .done = random_work(&random),
            .heap_scan = random_size(&random),
            .stack_scan = random_size(&random),
            .globals = random_size(&random),
        };
        uint64_t goal = pacer_target(&pacer, &memory).goal;
        struct pacer_rate got = pacer_rate(&pacer, goal, &progress);
        if (!isfinite(got.work_per_byte) || !(got.work_per_byte > 0.0) ||
            !isfinite(got.bytes_per_work) || !(got.bytes_per_work > 0.0)) {
            ck_abort_msg("%g bytes of work for a byte, %g the other way", got.work_per_byte,
                         got.bytes_per_work);
        }
    }
}
END_TEST

/* What is learned stays finite, and is never negative. */
START_TEST(lessons_are_finite)
{
    uint64_t random = unit_seed();
    unsigned learned_something = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct pacer pacer = random_pacer(&random);
        if (!isfinite(pacer.cons_mark) || pacer.cons_mark < 0.0) {
            ck_abort_msg("cons/mark is %g", pacer.cons_mark);
        }
        learned_something += pacer.cons_mark > 0.0 ? 1 : 0;
    }
    ck_assert_uint_gt(learned_something, ROUNDS / 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pacer");
    TCase *cases = tcase_create("targets");
    tcase_add_loop_test(cases, goal_by_percent, 0, (int)ARRAY_LENGTH(percent_goals));
    tcase_add_loop_test(cases, goal_with_empty_places, 0, (int)ARRAY_LENGTH(empty_goals));
    tcase_add_loop_test(cases, goal_by_limit, 0, (int)ARRAY_LENGTH(limit_goals));
    tcase_add_test(cases, goal_by_small_limit);
    tcase_add_test(cases, goal_is_put_off);
    tcase_add_loop_test(cases, trigger, 0, (int)ARRAY_LENGTH(triggers));
    tcase_add_test(cases, no_trigger_without_a_goal);
    suite_add_tcase(suite, cases);
    cases = tcase_create("lessons and rates");
    tcase_add_test(cases, cons_mark);
    tcase_add_test(cases, nothing_to_be_learned);
    tcase_add_test(cases, largest_of_five);
    tcase_add_test(cases, reset_ends_the_cycle);
    tcase_add_loop_test(cases, rate, 0, (int)ARRAY_LENGTH(rates));
    tcase_add_test(cases, hard_goal);
    suite_add_tcase(suite, cases);
    cases = tcase_create("properties");
    tcase_add_test(cases, targets_hold);
    tcase_add_test(cases, goals_are_monotonic);
    tcase_add_test(cases, rates_are_finite);
    tcase_add_test(cases, lessons_are_finite);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
