/* pacer_test.c -- goals, as a table. */
#include "gc/pacer.h"

#include "tests/unit/unit.h"

#define MARGIN (64 * KIB) /* what any goal leaves above what is marked */
#define NEVER  UINT64_MAX
#define OFF    INT64_MAX

static const struct {
    const char *what;
    struct pacer_inputs in;
    uint64_t want;
} goals[] = {
    /* By percentage. */
    {"new heap", {100, OFF, 4 * MIB, 0, 0, 0}, 4 * MIB},
    {"new heap, 200", {200, OFF, 4 * MIB, 0, 0, 0}, 8 * MIB},
    {"new heap, 50", {50, OFF, 4 * MIB, 0, 0, 0}, 2 * MIB},
    {"new heap, 1", {1, OFF, 4 * MIB, 0, 0, 0}, MARGIN},
    {"new heap, no minimum", {100, OFF, 0, 0, 0, 0}, MARGIN},
    {"twice what is live", {100, OFF, 4 * MIB, 10 * MIB, 0, 0}, 20 * MIB},
    {"roots count", {100, OFF, 4 * MIB, 10 * MIB, 3 * MIB, 0}, 23 * MIB},
    {"roots count by percent", {200, OFF, 4 * MIB, 10 * MIB, 3 * MIB, 0}, 36 * MIB},
    {"half", {50, OFF, 4 * MIB, 10 * MIB, 2 * MIB, 0}, 16 * MIB},
    {"the minimum holds", {100, OFF, 64 * MIB, 10 * MIB, 0, 0}, 64 * MIB},
    {"the minimum, scaled", {1000, OFF, 4 * MIB, 3 * MIB, 0, 0}, 40 * MIB},
    {"not a multiple of 100", {100, OFF, 0, MIB + 33, 0, 0}, 2 * (MIB + 33)},
    {"rounded down", {50, OFF, 0, MIB + 33, 0, 0}, MIB + 33 + (MIB + 33) / 2},
    {"zero percent", {0, OFF, 4 * MIB, 10 * MIB, 5 * MIB, 0}, 10 * MIB + MARGIN},
    {"one percent of little", {1, OFF, 0, 100 * KIB, 0, 0}, 100 * KIB + MARGIN},
    {"overhead is none of it", {100, OFF, 4 * MIB, 10 * MIB, 0, 99 * MIB}, 20 * MIB},
    /* Off. */
    {"off", {-1, OFF, 4 * MIB, 10 * MIB, 0, 0}, NEVER},
    {"off, the smallest number", {INT32_MIN, OFF, 4 * MIB, 0, 0, 0}, NEVER},
    {"off, with a limit", {-1, 100 * MIB, 4 * MIB, 10 * MIB, 0, 0}, 100 * MIB},
    {"off, with overhead", {-1, 100 * MIB, 4 * MIB, 10 * MIB, 0, 30 * MIB}, 70 * MIB},
    /* By limit. */
    {"far limit", {100, 100 * MIB, 4 * MIB, 10 * MIB, 0, 1 * MIB}, 20 * MIB},
    {"near limit", {100, 16 * MIB, 4 * MIB, 10 * MIB, 0, 1 * MIB}, 15 * MIB},
    {"limit below the minimum", {100, 3 * MIB, 4 * MIB, 0, 0, 0}, 3 * MIB},
    {"limit below what is live", {100, 5 * MIB, 4 * MIB, 32 * MIB, 0, 0}, 34 * MIB},
    {"limit all overhead", {100, 5 * MIB, 4 * MIB, 32 * MIB, 0, 6 * MIB}, 34 * MIB},
    {"limit exactly overhead", {100, 5 * MIB, 4 * MIB, 0, 0, 5 * MIB}, MARGIN},
    {"limit 0", {100, 0, 4 * MIB, 0, 0, 0}, MARGIN},
    {"limit 0, live", {100, 0, 4 * MIB, 160 * MIB, 0, 0}, 170 * MIB},
    {"percentage asks less than the limit's least",
     {1, 0, 0, 160 * MIB, 0, 0},
     160 * MIB + 160 * MIB / 100},
    {"largest limit but one", {-1, OFF - 1, 4 * MIB, 0, 0, 0}, OFF - 1},
    /* Overflow: it never comes round. */
    {"huge percent", {INT32_MAX, OFF, 4 * MIB, 0, 0, 0}, 4 * MIB *(uint64_t)INT32_MAX / 100},
    {"huge heap", {INT32_MAX, OFF, 4 * MIB, UINT64_MAX / 2, 0, 0}, NEVER},
    {"growth over the top", {100, OFF, 0, UINT64_MAX / 2 + 2, 0, 0}, NEVER},
    {"roots over the top", {100, OFF, 0, UINT64_MAX - 5, 100, 0}, NEVER},
    {"margin over the top", {0, OFF, 0, UINT64_MAX - 5, 0, 0}, NEVER},
    {"limit's least over the top", {-1, 0, 0, UINT64_MAX - 5, 0, 0}, NEVER},
    {"minimum over the top", {200, OFF, UINT64_MAX, 0, 0, 0}, NEVER},
};

START_TEST(goal)
{
    uint64_t got = pacer_goal(&goals[_i].in);
    ck_assert_msg(got == goals[_i].want, "%s: %" PRIu64 " instead of %" PRIu64, goals[_i].what, got,
                  goals[_i].want);
}
END_TEST

static uint64_t random_size(uint64_t *random)
{
    return unit_random(random) >> unit_random_below(random, 64);
}

/* [pacer.1]: whatever the inputs are, there is a margin above what is live; and more of what makes
 * room never makes the goal smaller. */
START_TEST(properties)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 1000000; i++) {
        struct pacer_inputs in = {
            .percent = (int32_t)(random_size(&random) & INT32_MAX),
            .memory_limit = (int64_t)(random_size(&random) & INT64_MAX),
            .heap_minimum = random_size(&random),
            .marked = random_size(&random),
            .roots = random_size(&random),
            .overhead = random_size(&random),
        };
        uint64_t got = pacer_goal(&in);
        if (got - in.marked < MARGIN && got != NEVER) {
            ck_abort_msg("goal %" PRIu64 " over %" PRIu64 " marked", got, in.marked);
        }
        struct pacer_inputs more = in;
        more.percent = in.percent == INT32_MAX ? in.percent : in.percent + 1;
        more.memory_limit = in.memory_limit == INT64_MAX ? INT64_MAX : in.memory_limit + 1;
        more.heap_minimum = in.heap_minimum == UINT64_MAX ? UINT64_MAX : in.heap_minimum + 1;
        more.roots = in.roots == UINT64_MAX ? UINT64_MAX : in.roots + 1;
        more.overhead = in.overhead / 2;
        if (pacer_goal(&more) < got) {
            ck_abort_msg("goal %" PRIu64 " becomes %" PRIu64, got, pacer_goal(&more));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pacer");
    TCase *cases = tcase_create("pacer");
    tcase_add_loop_test(cases, goal, 0, (int)ARRAY_LENGTH(goals));
    tcase_add_test(cases, properties);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
