/* scenarios_test.c -- each scenario keeps its bounds; and the simulator itself, that it is even,
 * and that a bound can be broken.
 */
#include "tests/pacer/scenarios.h"

#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

static void tell_broken(const struct scenario_entry *entry, const struct judge *judge)
{
    for (unsigned i = 0; i < judge->count; i++) {
        const struct bound *bound = &judge->bounds[i];
        if (bound->broken != 0) {
            printf("%s: %s: %g ... %g is not within %g ... %g, in %u of %u cycles, first in %u\n",
                   entry->name, bound->what, bound->least, bound->most, bound->low, bound->high,
                   bound->broken, bound->looks, bound->first);
        }
    }
}

START_TEST(keeps_its_bounds)
{
    const struct scenario_entry *entry = scenario_at((unsigned)_i);
    struct scenario_run *run = malloc(sizeof *run);
    ck_assert_ptr_nonnull(run);
    scenario_run(entry, run);
    tell_broken(entry, &run->judge);
    ck_assert_msg(judge_is_content(&run->judge), "%s", entry->name);
    /* More than what is asked of every cycle of any scenario. */
    ck_assert_uint_gt(run->judge.count, 2);
    free(run);
}
END_TEST

START_TEST(repeats_itself)
{
    struct scenario_run *runs = calloc(2, sizeof *runs);
    ck_assert_ptr_nonnull(runs);
    for (unsigned i = 0; i < scenario_count(); i++) {
        scenario_run(scenario_at(i), &runs[0]);
        scenario_run(scenario_at(i), &runs[1]);
        for (unsigned n = 0; n < runs[0].scenario.cycles; n++) {
            const struct cycle_record *records[] = {&runs[0].records[n], &runs[1].records[n]};
            ck_assert_uint_eq(records[0]->trigger, records[1]->trigger);
            ck_assert_uint_eq(records[0]->goal, records[1]->goal);
            ck_assert_uint_eq(records[0]->peak, records[1]->peak);
            ck_assert(records[0]->utilization == records[1]->utilization);
        }
    }
    free(runs);
}
END_TEST

START_TEST(names_differ)
{
    for (unsigned i = 0; i < scenario_count(); i++) {
        for (unsigned j = 0; j < i; j++) {
            ck_assert_str_ne(scenario_at(i)->name, scenario_at(j)->name);
        }
    }
}
END_TEST

START_TEST(judges)
{
    struct judge judge = {0};
    ck_assert(!judge_is_content(&judge)); /* nothing was looked at */
    judge_within(&judge, "size", 1.0, 0.0, 1.0);
    judge_within(&judge, "size", 0.0, 0.0, 1.0);
    ck_assert(judge_is_content(&judge));
    judge_within(&judge, "size", 5.0, 0.0, 10.0); /* another bound, by its values */
    ck_assert_uint_eq(judge.count, 2);
    judge.cycle = 7;
    judge_within(&judge, "size", nextafter(1.0, 2.0), 0.0, 1.0);
    ck_assert(!judge_is_content(&judge));
    ck_assert_uint_eq(judge.bounds[0].broken, 1);
    ck_assert_uint_eq(judge.bounds[0].first, 7);
    ck_assert_uint_eq(judge.bounds[0].looks, 3);
    ck_assert(judge.bounds[0].least == 0.0);

    judge = (struct judge){0};
    judge_within(&judge, "size", -0.1, 0.0, 1.0);
    ck_assert(!judge_is_content(&judge));
    judge = (struct judge){0};
    judge_within(&judge, "size", NAN, -INFINITY, INFINITY);
    ck_assert(!judge_is_content(&judge));
}
END_TEST

START_TEST(streams)
{
    struct stream stream = stream_constant(3.0);
    stream_add_ramp(&stream, 8.0, 4, 2);
    stream_add_unit(&stream, 100.0, 3);
    const double want[] = {3.0, 3.0, 3.0, 105.0, 7.0, 9.0, 11.0, 11.0};
    for (unsigned i = 0; i < ARRAY_LENGTH(want); i++) {
        ck_assert_double_eq(stream_at(&stream, i), want[i]);
    }
    stream = stream_constant(0.0);
    stream_add_oscillation(&stream, 2.0, 8);
    ck_assert_double_eq_tol(stream_at(&stream, 2), 2.0, 1e-9);
    ck_assert_double_eq_tol(stream_at(&stream, 14), -2.0, 1e-9);
    stream = (struct stream){0};
    stream_add_random(&stream, 5.0, 1);
    double least = 0.0;
    double most = 0.0;
    for (unsigned i = 0; i < 1000; i++) {
        double value = stream_at(&stream, i);
        ck_assert(value == stream_at(&stream, i));
        least = fmin(least, value);
        most = fmax(most, value);
    }
    ck_assert(least >= -5.0 && least < -4.9 && most < 5.0 && most > 4.9);
}
END_TEST

/* The example for a limit of 512 MiB, as a number. */
START_TEST(headroom)
{
    ck_assert_uint_eq(limit_less_headroom(512 * MIB), 520764785);
    ck_assert_uint_eq(limit_less_headroom(10 * MIB), 9 * MIB);
    ck_assert_uint_eq(limit_less_headroom(MIB), MIB);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pacer scenarios");
    TCase *cases = tcase_create("scenarios");
    tcase_add_loop_test(cases, keeps_its_bounds, 0, (int)scenario_count());
    tcase_add_test(cases, repeats_itself);
    tcase_add_test(cases, names_differ);
    suite_add_tcase(suite, cases);
    cases = tcase_create("simulator");
    tcase_add_test(cases, judges);
    tcase_add_test(cases, streams);
    tcase_add_test(cases, headroom);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
