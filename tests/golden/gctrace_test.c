/* gctrace_test.c -- the trace line against samples: times, whole lines, what is cut off. */
#include "runtime/gctrace.h"

#include <math.h>
#include <string.h>

#include "tests/unit/unit.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Times ----------------------------------------------------------------------------------- */

static const struct {
    uint64_t ns;
    const char *text;
} times[] = {
    {0, "0"},
    {1, "0"},
    {999, "0"},
    {1000, "0.001"},
    {1999, "0.001"},
    {2000, "0.002"},
    {9999, "0.009"},
    {10000, "0.010"},
    {12345, "0.012"},
    {99000, "0.099"},
    {99999, "0.099"},
    {100000, "0.10"},
    {109999, "0.10"},
    {110000, "0.11"},
    {123456, "0.12"},
    {990000, "0.99"},
    {999999, "0.99"},
    {1000000, "1.0"},
    {1099999, "1.0"},
    {1100000, "1.1"},
    {1234567, "1.2"},
    {9900000, "9.9"},
    {9990000, "9.9"},
    {9999999, "9.9"},
    {10000000, "10"},
    {10999999, "10"},
    {11000000, "11"},
    {123456789, "123"},
    {UINT64_C(60000000000), "60000"},
    {UINT64_MAX, "18446744073709"},
};

START_TEST(times_as_go_writes_them)
{
    char text[24];
    gctrace_format_ms(times[_i].ns, text);
    ck_assert_str_eq(text, times[_i].text);
}
END_TEST

/* What the rule says of any time below 10 ms: never above the truth, off by less than one unit of
 * its last digit, two significant digits, three decimals at most. */
static void check_time(uint64_t ns)
{
    char text[24];
    gctrace_format_ms(ns, text);
    const char *point = strchr(text, '.');
    unsigned decimals = point == NULL ? 0 : (unsigned)strlen(point + 1);
    double unit = pow(10, -(double)decimals);
    double shown = strtod(text, NULL);
    double truth = (double)ns / 1e6;
    const char *digits = text + strspn(text, "0.");
    unsigned significant = 0;
    for (const char *at = digits; *at != '\0'; at++) {
        significant += *at != '.';
    }
    if (ns < 1000) {
        ck_assert_str_eq(text, "0");
        return;
    }
    ck_assert_msg(decimals <= 3 && significant <= 2 && (significant == 2 || decimals == 3) &&
                      shown <= truth + 1e-9 && truth - shown < unit + 1e-9,
                  "%ju ns: %s", (uintmax_t)ns, text);
}

START_TEST(times_by_the_rule)
{
    uint64_t random = unit_seed();
    for (int i = 0; i < 20000; i++) {
        check_time(unit_random_below(&random, UINT64_C(10000000)));
        check_time(unit_random_below(&random, UINT64_C(200000)));
    }
}
END_TEST

/* ---- Lines ----------------------------------------------------------------------------------- */

static const struct {
    struct cycle_figures figures;
    const char *line;
} lines[] = {
    {{.number = 1, .processors = 1},
     "gc 1 @0.000s 0%: 0+0+0 ms clock, 0+0/0/0+0 ms cpu, 0->0->0 MB, 0 MB goal, 0 MB stacks, "
     "0 MB globals, 1 P"},
    {{.number = 12,
      .forced = true,
      .start_ns = 115999999,
      .begin_stall_ns = 1000,
      .mark_ns = 7400000,
      .end_stall_ns = 500,
      .mark_cpu_ns = 3400000,
      .assist_cpu_ns = 400000,
      .heap_before = 4 * MIB,
      .heap_after = 4 * MIB,
      .marked_bytes = 2 * MIB + 1,
      .goal = 5 * MIB - 1,
      .stack_bytes = MIB,
      .global_bytes = 3 * MIB,
      .processors = 2,
      .utilization = 0.159},
     "gc 12 @0.115s 15%: 0.001+7.4+0 ms clock, 0.001+0.40/3.0/0+0 ms cpu, 4->4->2 MB, 4 MB goal, "
     "1 MB stacks, 3 MB globals, 2 P (forced)"},
    {{.number = 123456789,
      .start_ns = UINT64_C(987654321098765),
      .begin_stall_ns = UINT64_C(1234567890),
      .mark_ns = UINT64_C(9999999),
      .end_stall_ns = UINT64_C(100000),
      .mark_cpu_ns = UINT64_C(638999999999),
      .heap_before = 1024 * GIB - 1,
      .heap_after = 1024 * GIB,
      .marked_bytes = 512 * GIB,
      .goal = UINT64_MAX, /* GOGC=off */
      .stack_bytes = MIB - 1,
      .global_bytes = GIB,
      .processors = 64,
      .utilization = 1.0},
     "gc 123456789 @987654.321s 100%: 1234+9.9+0.10 ms clock, 1234+0/638999/0+0.10 ms cpu, "
     "1048575->1048576->524288 MB, 8796093022207 MB goal, 0 MB stacks, 1024 MB globals, 64 P"},
};

START_TEST(whole_lines)
{
    char line[GCTRACE_LINE_BYTES];
    gctrace_format(&lines[_i].figures, line);
    ck_assert_str_eq(line, lines[_i].line);
}
END_TEST

/* Every figure at its largest fits. */
START_TEST(the_longest_line)
{
    struct cycle_figures figures;
    char line[GCTRACE_LINE_BYTES];
    memset(&figures, 0xff, sizeof figures);
    figures.forced = true;
    figures.utilization = 1.0;
    gctrace_format(&figures, line);
    ck_assert_uint_lt(strlen(line), GCTRACE_LINE_BYTES - 1);
    ck_assert_str_eq(line + strlen(line) - strlen(" P (forced)"), " P (forced)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gctrace");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, times_as_go_writes_them, 0, LENGTH(times));
    tcase_add_test(all, times_by_the_rule);
    tcase_add_loop_test(all, whole_lines, 0, LENGTH(lines));
    tcase_add_test(all, the_longest_line);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
