/* scavenge_pace_test.c -- the goals as a table; the controller against a simulated clock. */
#include "gc/scavenge_pace.h"

#include "gc/tuning.h"
#include "tests/fake_port.h"
#include "tests/unit/unit.h"

/* ---- Goals ----------------------------------------------------------------------------------- */

#define NONE SCAVENGE_NO_GOAL
#define PAGE ((size_t)4096)

static const struct {
    const char *what;
    struct scavenge_demand demand;
    size_t os_page;
    uint64_t want;
} percent_goals[] = {
    {"no cycle yet", {100 * MIB, 0, 200 * MIB, 0, 0}, PAGE, NONE},
    {"the last cycle had no goal", {100 * MIB, UINT64_MAX, 200 * MIB, 0, 0}, PAGE, NONE},
    {"the next cycle has no goal", {100 * MIB, 200 * MIB, UINT64_MAX, 0, 0}, PAGE, NONE},
    {"a steady heap: a tenth more", {100 * MIB, 200 * MIB, 200 * MIB, 0, 0}, PAGE, 110 * MIB},
    {"the goal doubles", {100 * MIB, 100 * MIB, 200 * MIB, 0, 0}, PAGE, 220 * MIB},
    {"after a peak", {1000 * MIB, 1000 * MIB, 40 * MIB, 0, 0}, PAGE, 44 * MIB},
    {"rounded up", {100 * MIB, 200 * MIB, 200 * MIB + 2, 0, 0}, PAGE, 110 * MIB + PAGE},
    {"rounded up to large pages", {10000, 10000, 10000, 0, 0}, 64 * KIB, 64 * KIB},
    {"exact to the page", {10 * PAGE, 1, 1, 0, 0}, PAGE, 11 * PAGE},
    {"an empty heap", {0, 4 * MIB, 4 * MIB, 0, 0}, PAGE, 0},
    {"everything goes", {100 * MIB, 200 * MIB, 0, 0, 0}, PAGE, 0},
    {"no overflow", {UINT64_MAX / 2, 1, UINT64_MAX / 2, 0, 0}, PAGE, NONE},
    {"no overflow by the tenth",
     {UINT64_MAX / 2, 10, 9, 0, 0},
     PAGE,
     /* 8301034833169298227 + its tenth, rounded up */
     UINT64_C(9131138316486230016)},
    {"metadata is part of the tenth", {100 * MIB, 1, 1, 4 * MIB, 0}, PAGE, 106 * MIB},
    {"more of it than a tenth", {4 * MIB, 1, 1, 3 * MIB, 0}, PAGE, 4 * MIB},
    {"cycles of late had more", {4 * MIB, 4 * MIB, 4 * MIB, 0, 7 * MIB + 1}, PAGE, 7 * MIB + PAGE},
    {"twice the goal", {4 * MIB, 4 * MIB, 4 * MIB, 0, 8 * MIB}, PAGE, 8 * MIB},
    {"more: a peak", {4 * MIB, 4 * MIB, 4 * MIB, 0, 8 * MIB + 2}, PAGE, 1127 * PAGE},
    {"cycles of late had as much",
     {10 * PAGE, 10 * PAGE, 10 * PAGE, 0, 11 * PAGE},
     PAGE,
     11 * PAGE},
    {"nothing known but that", {4 * MIB, 0, 4 * MIB, 0, 9 * MIB}, PAGE, NONE},
    {"one TiB", {TIB, 2 * TIB, TIB, 0, 0}, PAGE, TIB / 2 + TIB / 20 - (TIB / 20) % PAGE + PAGE},
};

START_TEST(percent_goal)
{
    uint64_t goal = scavenge_percent_goal(&percent_goals[_i].demand, percent_goals[_i].os_page);
    uint64_t want = percent_goals[_i].want;
    /* Doubles have 53 bits: of numbers beyond that the last ones are lost. */
    uint64_t slack = want == NONE || want < UINT64_C(1) << 53 ? 0 : want >> 50;
    ck_assert_msg(goal >= want - slack && goal - want + slack <= 2 * slack,
                  "%s: %" PRIu64 " instead of %" PRIu64, percent_goals[_i].what, goal, want);
}
END_TEST

START_TEST(limit_goal)
{
    ck_assert_uint_eq(scavenge_limit_goal(UINT64_MAX), NONE);
    ck_assert_uint_eq(scavenge_limit_goal(100 * MIB), 95 * MIB);
    ck_assert_uint_eq(scavenge_limit_goal(0), 0);
    ck_assert_uint_eq(scavenge_limit_goal(UINT64_C(1) << 62), (UINT64_C(1) << 62) / 100 * 95);
    ck_assert_uint_lt(scavenge_limit_goal(INT64_MAX), INT64_MAX); /* no overflow */
}
END_TEST

/* The most of the while that is under way and of the one before, and no more than is worth it. */
START_TEST(peak)
{
    const uint64_t ms = SCAVENGE_PEAK_NS / 1000;
    struct scavenge_peak peak = {0};
    ck_assert_uint_eq(scavenge_peak_bytes(&peak), 0);
    static const struct {
        uint64_t at_ms;
        uint64_t in_use;
        uint64_t want;
    } cycles[] = {
        {5000, 4 * MIB, 4 * MIB},
        {5001, 9 * MIB, 9 * MIB},
        {5002, 4 * MIB, 9 * MIB},
        {5999, 5 * MIB, 9 * MIB},
        {6000, 3 * MIB, 9 * MIB}, /* a new while, the 9 are of the last */
        {6999, 4 * MIB, 9 * MIB},
        {7000, 3 * MIB, 4 * MIB},
        {7500, 6 * MIB, 6 * MIB},
        {9000, 2 * MIB, 2 * MIB}, /* nothing for two of them */
        {9001, TIB, SCAVENGE_PEAK_BYTES},
        {10001, MIB, SCAVENGE_PEAK_BYTES},
        {11001, MIB, MIB},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cycles); i++) {
        scavenge_peak_enter(&peak, cycles[i].at_ms * ms, cycles[i].in_use);
        ck_assert_msg(scavenge_peak_bytes(&peak) == cycles[i].want, "at %" PRIu64 " ms: %" PRIu64,
                      cycles[i].at_ms, scavenge_peak_bytes(&peak));
    }
}
END_TEST

/* ---- The controller -------------------------------------------------------------------------- */

/* Work and sleep `rounds` times on a machine of so many processors, with sleeps that are late_ns
 * longer than asked for. Returns the share of all processors' time. */
static double run(struct scavenge_pace *pace, unsigned rounds, double processors, uint64_t late_ns)
{
    double worked = 0.0;
    double all = 0.0;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t work = SCAVENGE_WORK_NS;
        uint64_t sleep = scavenge_pace_sleep(pace, work) + late_ns;
        ck_assert(scavenge_pace_update(pace, work, sleep, processors));
        worked += (double)work;
        all += (double)(work + sleep) * processors;
    }
    return worked / all;
}

static const struct {
    double processors;
    uint64_t late_ns;
} machines[] = {
    {1, 0}, {2, 0}, {4, 0}, {16, 0}, {0.5, 0}, {64, 0}, {2, 50000}, {4, 500000}, {1, 5000000},
};

/* The smallest and the largest work/sleep of so many rounds: that it does not swing. */
static void range(struct scavenge_pace *pace, unsigned rounds, double processors, double *least,
                  double *most)
{
    *least = SCAVENGE_RATIO_MAX;
    *most = 0.0;
    for (unsigned i = 0; i < rounds; i++) {
        (void)run(pace, 1, processors, 0);
        *least = pace->ratio < *least ? pace->ratio : *least;
        *most = pace->ratio > *most ? pace->ratio : *most;
    }
}

START_TEST(does_not_swing)
{
    static const double processors[] = {0.5, 1, 2, 8, 64};
    struct scavenge_pace pace;
    double least;
    double most;
    scavenge_pace_init(&pace, processors[_i]);
    (void)run(&pace, 20, processors[_i], 300000); /* a disturbance */
    (void)run(&pace, 500, processors[_i], 0);
    range(&pace, 500, processors[_i], &least, &most);
    ck_assert_msg(most < 1.2 * least, "between %f and %f", least, most);
}
END_TEST

/* It has about its share from the start on, and keeps it. */
START_TEST(keeps_its_share)
{
    struct scavenge_pace pace;
    double processors = machines[_i].processors;
    scavenge_pace_init(&pace, processors);
    double share = run(&pace, 50, processors, machines[_i].late_ns);
    ck_assert_msg(share > 0.5 * SCAVENGE_SHARE && share < 1.5 * SCAVENGE_SHARE,
                  "%f of %f processors at first", share, processors);
    (void)run(&pace, 2000, processors, machines[_i].late_ns);
    share = run(&pace, 2000, processors, machines[_i].late_ns);
    ck_assert_msg(share > 0.9 * SCAVENGE_SHARE && share < 1.1 * SCAVENGE_SHARE,
                  "%f of %f processors", share, processors);
}
END_TEST

/* Where it begins is not where it ends: from a ratio that is far off it comes to its share. */
START_TEST(reaches_its_share)
{
    static const double starts[] = {SCAVENGE_RATIO_MIN, 0.5, 2.0, SCAVENGE_RATIO_MAX};
    struct scavenge_pace pace = {.ratio = starts[_i], .integral = starts[_i]};
    (void)run(&pace, 20000, 2, 0);
    double share = run(&pace, 2000, 2, 0);
    ck_assert_msg(share > 0.9 * SCAVENGE_SHARE && share < 1.1 * SCAVENGE_SHARE, "%f", share);
}
END_TEST

START_TEST(lengths_of_sleep)
{
    struct scavenge_pace pace;
    scavenge_pace_init(&pace, 2);
    uint64_t sleep = scavenge_pace_sleep(&pace, SCAVENGE_WORK_NS);
    ck_assert_uint_ge(sleep, 48000000); /* 1 ms of 50, on one of two processors */
    ck_assert_uint_le(sleep, 50000000);
    ck_assert_uint_eq(scavenge_pace_sleep(&pace, 0), 0);
    ck_assert_uint_eq(scavenge_pace_sleep(&pace, UINT64_MAX), SCAVENGE_SLEEP_MAX_NS);
    scavenge_pace_init(&pace, 1000); /* more than a thread can do */
    ck_assert_uint_eq(scavenge_pace_sleep(&pace, SCAVENGE_WORK_NS), SCAVENGE_WORK_NS / 10);
}
END_TEST

/* A long time at the upper bound, because sleeps are far too long whatever it says, does not keep
 * the controller there afterwards. */
START_TEST(no_windup)
{
    struct scavenge_pace pace;
    scavenge_pace_init(&pace, 64);
    for (unsigned i = 0; i < 10000; i++) {
        ck_assert(scavenge_pace_update(&pace, 1, UINT64_C(1000000000), 64));
        ck_assert(pace.ratio >= SCAVENGE_RATIO_MIN && pace.ratio <= SCAVENGE_RATIO_MAX);
    }
    ck_assert(pace.ratio == SCAVENGE_RATIO_MAX);
    ck_assert(pace.integral < 1.1 * SCAVENGE_RATIO_MAX);
    /* All of a processor now: it must come down from there in seconds. */
    uint64_t elapsed = 0;
    while (pace.ratio > 1.0) {
        uint64_t sleep = scavenge_pace_sleep(&pace, SCAVENGE_WORK_NS);
        ck_assert(scavenge_pace_update(&pace, SCAVENGE_WORK_NS, sleep, 1));
        elapsed += SCAVENGE_WORK_NS + sleep;
        ck_assert_uint_lt(elapsed, UINT64_C(15000000000));
    }
}
END_TEST

/* Numbers that are none: the controller begins anew, and rests for a while. */
START_TEST(reset)
{
    struct scavenge_pace pace;
    scavenge_pace_init(&pace, 2);
    (void)run(&pace, 100, 2, 0);
    ck_assert(pace.ratio > SCAVENGE_RATIO_MIN);
    ck_assert(!scavenge_pace_update(&pace, 0, 0, 2)); /* 0/0 */
    ck_assert_uint_eq(pace.resets, 1);
    ck_assert(pace.ratio == SCAVENGE_RATIO_MIN);
    ck_assert(pace.integral == 0.0);
    uint64_t rest = 0;
    while (pace.cooldown_ns > 0) {
        ck_assert(scavenge_pace_update(&pace, 0, SCAVENGE_WORK_NS, 2));
        ck_assert(pace.ratio == SCAVENGE_RATIO_MIN);
        rest += SCAVENGE_WORK_NS;
    }
    ck_assert_uint_eq(rest, SCAVENGE_COOLDOWN_NS);
    (void)run(&pace, 2000, 2, 0);
    double share = run(&pace, 1000, 2, 0);
    ck_assert(share > 0.9 * SCAVENGE_SHARE && share < 1.1 * SCAVENGE_SHARE);
    pace.integral = 1e308;
    ck_assert(!scavenge_pace_update(&pace, UINT64_MAX, UINT64_MAX, 1e-300)); /* too large */
    ck_assert_uint_eq(pace.resets, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scavenge_pace");
    TCase *cases = tcase_create("scavenge_pace");
    tcase_add_loop_test(cases, percent_goal, 0, (int)ARRAY_LENGTH(percent_goals));
    tcase_add_test(cases, limit_goal);
    tcase_add_test(cases, peak);
    tcase_add_loop_test(cases, keeps_its_share, 0, (int)ARRAY_LENGTH(machines));
    tcase_add_loop_test(cases, does_not_swing, 0, 5);
    tcase_add_loop_test(cases, reaches_its_share, 0, 4);
    tcase_add_test(cases, lengths_of_sleep);
    tcase_add_test(cases, no_windup);
    tcase_add_test(cases, reset);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
