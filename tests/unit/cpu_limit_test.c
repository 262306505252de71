/* cpu_limit_test.c -- the bucket, drop by drop, and at random beside a second account of it. */
#include "gc/cpu_limit.h"

#include "tests/unit/unit.h"

#include "gc/tuning.h"

#define BUCKET  CPU_LIMIT_CAPACITY_MIN_NS /* of one processor */
#define KEPT    (BUCKET / CPU_LIMIT_KEPT_PART)
#define UPDATES 200000

static struct cpu_limit limiter(double processors)
{
    struct cpu_limit limit;
    cpu_limit_init(&limit, processors);
    return limit;
}

START_TEST(begins_empty_and_off)
{
    struct cpu_limit limit = limiter(4.0);
    ck_assert_uint_eq(limit.capacity_ns, 4 * BUCKET);
    ck_assert_uint_eq(limit.fill_ns, 0);
    ck_assert(!limit.on);
    ck_assert_uint_eq(limit.overflow_ns, 0);
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 0);
}
END_TEST

/* A share of a processor, as a control group may give. */
START_TEST(capacity_is_by_processors)
{
    struct cpu_limit limit = limiter(0.5);
    ck_assert_uint_eq(limit.capacity_ns, BUCKET / 2);
    limit = limiter(64.0);
    ck_assert_uint_eq(limit.capacity_ns, 64 * BUCKET);
}
END_TEST

START_TEST(goes_on_when_full_and_not_before)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(!cpu_limit_update(&limit, 1, BUCKET - 1, 0));
    ck_assert_uint_eq(limit.fill_ns, BUCKET - 1);
    ck_assert(cpu_limit_update(&limit, 2, 1, 0));
    ck_assert_uint_eq(limit.fill_ns, BUCKET);
    ck_assert_uint_eq(limit.overflow_ns, 0);
}
END_TEST

START_TEST(only_the_difference_counts)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(!cpu_limit_update(&limit, 1, 1000, 400));
    ck_assert_uint_eq(limit.fill_ns, 600);
    ck_assert(!cpu_limit_update(&limit, 2, 10 * BUCKET, 10 * BUCKET));
    ck_assert_uint_eq(limit.fill_ns, 600);
    ck_assert(!cpu_limit_update(&limit, 3, 400, 900));
    ck_assert_uint_eq(limit.fill_ns, 100);
}
END_TEST

/* [cpu_limit.1]: a quiet time is no credit. */
START_TEST(never_below_empty)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(!cpu_limit_update(&limit, 1, 5, 0));
    ck_assert(!cpu_limit_update(&limit, 2, 0, 100 * BUCKET));
    ck_assert_uint_eq(limit.fill_ns, 0);
    ck_assert(!cpu_limit_update(&limit, 3, BUCKET - 1, 0));
    ck_assert(cpu_limit_update(&limit, 4, 1, 0));
}
END_TEST

/* [cpu_limit.2] */
START_TEST(half_keeps_it_on)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(cpu_limit_update(&limit, 1, BUCKET, 0));
    ck_assert(cpu_limit_update(&limit, 2, 0, 0));
    ck_assert(cpu_limit_update(&limit, 3, 777, 777));
    ck_assert_uint_eq(limit.fill_ns, BUCKET);
    ck_assert_uint_eq(limit.overflow_ns, 0);
}
END_TEST

/* [cpu_limit.2] */
START_TEST(first_drop_out_switches_it_off)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(cpu_limit_update(&limit, 1, BUCKET, 0));
    ck_assert(!cpu_limit_update(&limit, 2, 10, 11));
    ck_assert_uint_eq(limit.fill_ns, BUCKET - 1);
    ck_assert(!cpu_limit_update(&limit, 3, 50, 50)); /* half keeps it off, too */
    ck_assert(cpu_limit_update(&limit, 4, 1, 0));
}
END_TEST

/* What collecting takes at once, and too much, is not forgotten: the rest gets as much before the
 * limiter goes off. More than a part of the bucket is. */
START_TEST(what_finds_it_full_is_kept)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(cpu_limit_update(&limit, 1, BUCKET + 7, 0));
    ck_assert_uint_eq(limit.fill_ns, BUCKET + 7);
    ck_assert_uint_eq(limit.overflow_ns, 0);
    ck_assert(cpu_limit_update(&limit, 2, 0, 7));
    ck_assert(!cpu_limit_update(&limit, 3, 0, 1));
    ck_assert(cpu_limit_update(&limit, 4, KEPT + 1, 0));
    ck_assert_uint_eq(limit.fill_ns, BUCKET + KEPT);
    ck_assert_uint_eq(limit.overflow_ns, 0);
    ck_assert(cpu_limit_update(&limit, 5, 30, 10));
    ck_assert_uint_eq(limit.overflow_ns, 20);
    ck_assert(cpu_limit_update(&limit, 6, 0, KEPT));
    ck_assert(!cpu_limit_update(&limit, 7, 0, BUCKET)); /* it stays counted */
    ck_assert_uint_eq(limit.overflow_ns, 20);
}
END_TEST

/* Time is short from when it was full until it is half empty; sleep does not count. */
START_TEST(tells_for_how_long)
{
    struct cpu_limit limit = limiter(1.0);
    ck_assert(cpu_limit_update(&limit, 100, BUCKET, 0));
    ck_assert(limit.is_short);
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 0);
    ck_assert(cpu_limit_update(&limit, 130, 20, 20));
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 30); /* two processors, one clock */
    ck_assert(cpu_limit_update(&limit, 1000130, 5, 5));
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 40); /* it has slept */
    ck_assert(cpu_limit_update(&limit, 1000100, 5, 5));
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 40);      /* a clock read a little earlier */
    ck_assert(!cpu_limit_update(&limit, 1000200, 0, 11)); /* off for a moment: it is still short */
    ck_assert(limit.is_short);
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 51);
    ck_assert(!cpu_limit_update(&limit, 2000000, 0, BUCKET / 2));
    ck_assert(!limit.is_short);
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 0);
    ck_assert(cpu_limit_update(&limit, 3000000, BUCKET, 0));
    ck_assert(cpu_limit_update(&limit, 3000001, 1, 1));
    ck_assert_uint_eq(cpu_limit_on_for(&limit), 1);
}
END_TEST

/* Room for some cycles, within bounds; what is in it stays, as far as there is room. */
START_TEST(size_by_cycles)
{
    struct cpu_limit limit = limiter(2.0);
    ck_assert_uint_eq(limit.capacity_ns, 2 * BUCKET);
    cpu_limit_resize(&limit, 2.0, BUCKET / 10);
    ck_assert_uint_eq(limit.capacity_ns, 2 * BUCKET);
    cpu_limit_resize(&limit, 2.0, 3 * BUCKET);
    ck_assert_uint_eq(limit.capacity_ns, 3 * CPU_LIMIT_CAPACITY_CYCLES * BUCKET);
    cpu_limit_resize(&limit, 2.0, 1000 * CPU_LIMIT_CAPACITY_MAX_NS);
    ck_assert_uint_eq(limit.capacity_ns, 2 * CPU_LIMIT_CAPACITY_MAX_NS);
    ck_assert(!cpu_limit_update(&limit, 1, CPU_LIMIT_CAPACITY_MAX_NS, 0));
    ck_assert_uint_eq(limit.fill_ns, CPU_LIMIT_CAPACITY_MAX_NS);
    cpu_limit_resize(&limit, 2.0, 0);
    ck_assert_uint_eq(limit.fill_ns, 2 * (BUCKET + KEPT));
    ck_assert(!cpu_limit_update(&limit, 2, 0, 2 * BUCKET + 2 * KEPT));
}
END_TEST

/* Beside a second account, in signed numbers: fill, overflow, and whether it is on. And what the
 * bucket is for: over any time from its being full on, collecting has at most as much as the rest,
 * but for what has overflowed and what is kept of that. */
START_TEST(random_updates)
{
    uint64_t random = unit_seed();
    struct cpu_limit limit = limiter(0.001 + (double)unit_random_below(&random, 8));
    int64_t capacity = (int64_t)limit.capacity_ns;
    int64_t most = capacity + capacity / (int64_t)CPU_LIMIT_KEPT_PART;
    int64_t level = 0;
    int64_t lost = 0;
    bool on = false;
    int64_t excess_since_full = 0;
    int64_t lost_at_full = 0;
    bool was_full = false;
    for (uint64_t now = 1; now <= UPDATES; now++) {
        int64_t gc = (int64_t)(unit_random(&random) >> (32 + unit_random_below(&random, 32)));
        int64_t other = (int64_t)(unit_random(&random) >> (32 + unit_random_below(&random, 32)));
        other = unit_random_below(&random, 8) == 0 ? gc : other;
        bool got = cpu_limit_update(&limit, now, (uint64_t)gc, (uint64_t)other);

        excess_since_full += gc - other;
        level += gc - other;
        lost += level > most ? level - most : 0;
        level = level < 0 ? 0 : level > most ? most : level;
        on = level >= capacity;
        if (got != on || got != limit.on || (int64_t)limit.fill_ns != level ||
            (int64_t)limit.overflow_ns != lost) {
            ck_abort_msg("update %" PRIu64 ": fill %" PRIu64 " instead of %" PRId64
                         ", overflow %" PRIu64 " instead of %" PRId64 ", on %d instead of %d",
                         now, limit.fill_ns, level, limit.overflow_ns, lost, got, on);
        }
        if (was_full && excess_since_full > lost - lost_at_full + most - capacity) {
            ck_abort_msg("update %" PRIu64 ": collecting had too much", now);
        }
        if (on && (!was_full || unit_random_below(&random, 16) == 0)) {
            was_full = true;
            excess_since_full = 0;
            lost_at_full = lost;
        }
    }
    ck_assert(was_full);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_limit");
    TCase *cases = tcase_create("cpu_limit");
    tcase_add_test(cases, begins_empty_and_off);
    tcase_add_test(cases, capacity_is_by_processors);
    tcase_add_test(cases, goes_on_when_full_and_not_before);
    tcase_add_test(cases, only_the_difference_counts);
    tcase_add_test(cases, never_below_empty);
    tcase_add_test(cases, half_keeps_it_on);
    tcase_add_test(cases, first_drop_out_switches_it_off);
    tcase_add_test(cases, what_finds_it_full_is_kept);
    tcase_add_test(cases, tells_for_how_long);
    tcase_add_test(cases, size_by_cycles);
    tcase_add_test(cases, random_updates);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
