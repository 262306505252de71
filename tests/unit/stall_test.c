/* stall_test.c -- what is counted comes out again: causes, buckets, quantiles. */
#include "gc/stall.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

static struct stall_state stalls;

static void create(void)
{
    fake_port_reset();
    memset(&stalls, 0, sizeof stalls);
}

static void destroy(void)
{
    fake_port_finish();
}

/* One stall of ns. */
static struct stall_times stall(enum stall_cause cause, uint64_t ns)
{
    struct stall_times start = stall_begin();
    fake_port_advance_ns(ns);
    return stall_end(&stalls, cause, start);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(nothing_yet)
{
    for (int i = 0; i < STALL_CAUSE_COUNT; i++) {
        ck_assert_uint_eq(stall_count(&stalls.causes[i].wall), 0);
        ck_assert_uint_eq(stall_quantile(&stalls.causes[i].wall, 0.5), 0);
        ck_assert_uint_eq(stall_quantile(&stalls.causes[i].cpu, 1.0), 0);
    }
}
END_TEST

/* Each cause has a name of its own, one word in small letters. */
START_TEST(names)
{
    for (int i = 0; i < STALL_CAUSE_COUNT; i++) {
        const char *name = stall_cause_name((enum stall_cause)i);
        ck_assert_uint_gt(strlen(name), 0);
        ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz"), strlen(name));
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(name, stall_cause_name((enum stall_cause)k));
        }
    }
}
END_TEST

/* [stall.1]: under its cause, and no other. */
START_TEST(causes)
{
    for (int i = 0; i < STALL_CAUSE_COUNT; i++) {
        for (int k = 0; k <= i; k++) {
            struct stall_times length = stall((enum stall_cause)i, 100 * (uint64_t)(k + 1));
            ck_assert_uint_eq(length.wall_ns, 100 * (uint64_t)(k + 1));
            ck_assert_uint_eq(length.cpu_ns, 100 * (uint64_t)(k + 1));
        }
    }
    for (int i = 0; i < STALL_CAUSE_COUNT; i++) {
        const struct stall_record *record = &stalls.causes[i];
        uint64_t count = (uint64_t)i + 1;
        ck_assert_uint_eq(stall_count(&record->wall), count);
        ck_assert_uint_eq(record->wall.max_ns, 100 * count);
        ck_assert_uint_eq(record->wall.total_ns, 100 * count * (count + 1) / 2);
        ck_assert_int_eq(memcmp(&record->wall, &record->cpu, sizeof record->wall), 0);
    }
    ck_assert_uint_eq(stall_count(&stalls.to_safepoint), 0);
}
END_TEST

/* To look at the clocks takes time; the stall has one look of each begin, and one of its end. */
START_TEST(clocks)
{
    fake_port_set_tick_ns(10);
    struct stall_times length = stall(STALL_STEP, 1000);
    ck_assert_uint_eq(length.wall_ns, 1020);
    ck_assert_uint_eq(length.cpu_ns, 1020);
}
END_TEST

START_TEST(to_safepoint)
{
    stall_count_to_safepoint(&stalls, 5000);
    stall_count_to_safepoint(&stalls, 1);
    ck_assert_uint_eq(stall_count(&stalls.to_safepoint), 2);
    ck_assert_uint_eq(stalls.to_safepoint.max_ns, 5000);
    ck_assert_uint_eq(stalls.to_safepoint.total_ns, 5001);
    ck_assert_uint_eq(stall_quantile(&stalls.to_safepoint, 0.0), 1);
    for (int i = 0; i < STALL_CAUSE_COUNT; i++) { /* it is no stall */
        ck_assert_uint_eq(stall_count(&stalls.causes[i].wall), 0);
    }
}
END_TEST

/* Each duration lies in one bucket, and its upper end is at most a quarter more. */
static void check_bucket(uint64_t ns)
{
    memset(&stalls, 0, sizeof stalls);
    stall_count_to_safepoint(&stalls, ns);
    ck_assert_uint_eq(stall_quantile(&stalls.to_safepoint, 0.5),
                      ns); /* never more than the longest */
    stall_count_to_safepoint(&stalls, UINT64_MAX);
    uint64_t end = stall_quantile(&stalls.to_safepoint, 0.0);
    ck_assert_msg(ns <= end && end - ns <= ns / 4, "%" PRIu64 " ns: %" PRIu64, ns, end);
    stall_count_to_safepoint(&stalls, end); /* the end is in the bucket, what follows is not */
    stall_count_to_safepoint(&stalls, end + 1);
    ck_assert_uint_eq(stall_quantile(&stalls.to_safepoint, 0.49), end);
    ck_assert_uint_gt(stall_quantile(&stalls.to_safepoint, 0.5), end);
}

START_TEST(buckets)
{
    for (uint64_t ns = 0; ns < 5000; ns++) {
        check_bucket(ns);
    }
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 5000; i++) {
        check_bucket(unit_random(&random) >> (24 + unit_random_below(&random, 36)));
    }
}
END_TEST

/* Against the sorted durations. */
START_TEST(quantiles)
{
    static uint64_t durations[3000];
    uint64_t random = unit_seed();
    for (size_t i = 0; i < 3000; i++) {
        durations[i] = unit_random(&random) >> (30 + unit_random_below(&random, 30));
        stall_count_to_safepoint(&stalls, durations[i]);
    }
    qsort(durations, 3000, sizeof durations[0], compare);
    static const size_t permille[] = {0, 1, 10, 250, 500, 750, 900, 990, 999};
    for (size_t i = 0; i < sizeof permille / sizeof permille[0]; i++) {
        uint64_t exact = durations[3 * permille[i]];
        uint64_t got = stall_quantile(&stalls.to_safepoint, (double)permille[i] / 1000);
        /* the division may land one below */
        uint64_t below = permille[i] == 0 ? exact : durations[3 * permille[i] - 1];
        ck_assert_uint_ge(got, below);
        ck_assert_uint_le(got, exact + exact / 4);
    }
    ck_assert_uint_eq(stall_quantile(&stalls.to_safepoint, 1.0), durations[2999]);
}
END_TEST

/* Longer than the last bucket begins: nothing is lost. */
START_TEST(very_long)
{
    stall_count_to_safepoint(&stalls, UINT64_MAX);
    ck_assert_uint_eq(stall_count(&stalls.to_safepoint), 1);
    ck_assert_uint_eq(stalls.to_safepoint.max_ns, UINT64_MAX);
    ck_assert_uint_eq(stall_quantile(&stalls.to_safepoint, 1.0), UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stall");
    TCase *cases = tcase_create("stall");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, nothing_yet);
    tcase_add_test(cases, names);
    tcase_add_test(cases, causes);
    tcase_add_test(cases, clocks);
    tcase_add_test(cases, to_safepoint);
    tcase_add_test(cases, buckets);
    tcase_add_test(cases, quantiles);
    tcase_add_test(cases, very_long);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
