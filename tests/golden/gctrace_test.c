/* gctrace_test.c -- the trace line in its three forms against samples: times, whole lines, what is
 * cut off.
 */
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
    const char *go;
    const char *go_1_6;
    const char *json;
} lines[] = {
    {{.number = 1, .processors = 1},
     "gc 1 @0.000s 0%: 0+0+0 ms clock, 0+0/0/0+0 ms cpu, 0->0->0 MB, 0 MB goal, 0 MB stacks, "
     "0 MB globals, 1 P",
     "gc 1 @0.000s 0%: 0+0+0 ms clock, 0+0/0/0+0 ms cpu, 0->0->0 MB, 0 MB goal, 1 P",
     "{\"type\":\"gc\",\"number\":1,\"forced\":false,\"start_ns\":0,\"utilization\":0,"
     "\"begin_stall_ns\":0,\"mark_ns\":0,\"end_stall_ns\":0,\"begin_cpu_ns\":0,"
     "\"assist_cpu_ns\":0,\"background_cpu_ns\":0,\"idle_cpu_ns\":0,\"end_cpu_ns\":0,"
     "\"heap_before_bytes\":0,\"heap_after_bytes\":0,\"marked_bytes\":0,\"marked_objects\":0,"
     "\"scanned_bytes\":0,\"goal_bytes\":0,\"stack_bytes\":0,\"global_bytes\":0,"
     "\"external_bytes\":0,\"flush_rounds\":0,\"processors\":1}"},
    {{.number = 12,
      .forced = true,
      .start_ns = 115999999,
      .begin_stall_ns = 1000,
      .mark_ns = 7400000,
      .end_stall_ns = 500,
      .mark_cpu_ns = 3400000,
      .assist_cpu_ns = 400000,
      .idle_cpu_ns = 1250000,
      .heap_before = 4 * MIB,
      .heap_after = 4 * MIB,
      .marked_bytes = 2 * MIB + 1,
      .marked_objects = 4711,
      .scanned_bytes = MIB,
      .goal = 5 * MIB - 1,
      .stack_bytes = MIB,
      .global_bytes = 3 * MIB,
      .external_bytes = 77,
      .rounds = 2,
      .processors = 2,
      .utilization = 0.159},
     "gc 12 @0.115s 15%: 0.001+7.4+0 ms clock, 0.001+0.40/1.7/1.2+0 ms cpu, 4->4->2 MB, 4 MB goal, "
     "1 MB stacks, 3 MB globals, 2 P (forced)",
     "gc 12 @0.115s 15%: 0.001+7.4+0 ms clock, 0.001+0.40/1.7/1.2+0 ms cpu, 4->4->2 MB, 4 MB goal, "
     "2 P (forced)",
     "{\"type\":\"gc\",\"number\":12,\"forced\":true,\"start_ns\":115999999,"
     "\"utilization\":0.159,\"begin_stall_ns\":1000,\"mark_ns\":7400000,\"end_stall_ns\":500,"
     "\"begin_cpu_ns\":1000,\"assist_cpu_ns\":400000,\"background_cpu_ns\":1750000,"
     "\"idle_cpu_ns\":1250000,\"end_cpu_ns\":500,\"heap_before_bytes\":4194304,"
     "\"heap_after_bytes\":4194304,\"marked_bytes\":2097153,\"marked_objects\":4711,"
     "\"scanned_bytes\":1048576,\"goal_bytes\":5242879,\"stack_bytes\":1048576,"
     "\"global_bytes\":3145728,\"external_bytes\":77,\"flush_rounds\":2,\"processors\":2}"},
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
     "1048575->1048576->524288 MB, 8796093022207 MB goal, 0 MB stacks, 1024 MB globals, 64 P",
     "gc 123456789 @987654.321s 100%: 1234+9.9+0.10 ms clock, 1234+0/638999/0+0.10 ms cpu, "
     "1048575->1048576->524288 MB, 8796093022207 MB goal, 64 P",
     "{\"type\":\"gc\",\"number\":123456789,\"forced\":false,\"start_ns\":987654321098765,"
     "\"utilization\":1,\"begin_stall_ns\":1234567890,\"mark_ns\":9999999,"
     "\"end_stall_ns\":100000,\"begin_cpu_ns\":1234567890,\"assist_cpu_ns\":0,"
     "\"background_cpu_ns\":638999999999,\"idle_cpu_ns\":0,\"end_cpu_ns\":100000,"
     "\"heap_before_bytes\":1099511627775,\"heap_after_bytes\":1099511627776,"
     "\"marked_bytes\":549755813888,\"marked_objects\":0,\"scanned_bytes\":0,"
     "\"goal_bytes\":null,\"stack_bytes\":1048575,\"global_bytes\":1073741824,"
     "\"external_bytes\":0,\"flush_rounds\":0,\"processors\":64}"},
};

static void check_form(const struct gctrace_values *values, tri_trace_form form,
                       const char *expected)
{
    char line[GCTRACE_LINE_BYTES];
    gctrace_format(values, form, line);
    ck_assert_str_eq(line, expected);
}

START_TEST(whole_lines)
{
    struct gctrace_values values = gctrace_values(&lines[_i].figures);
    check_form(&values, TRI_TRACE_GO, lines[_i].go);
    check_form(&values, TRI_TRACE_GO_1_6, lines[_i].go_1_6);
    check_form(&values, TRI_TRACE_JSON, lines[_i].json);
}
END_TEST

/* Figures that were read at different moments may contradict each other; what is printed does
 * not. */
START_TEST(nothing_absurd_is_printed)
{
    struct cycle_figures figures = {
        .mark_cpu_ns = 5, .assist_cpu_ns = 9, .idle_cpu_ns = 3, .utilization = NAN};
    struct gctrace_values values = gctrace_values(&figures);
    ck_assert_uint_eq(values.assist_cpu_ns, 9);
    ck_assert_uint_eq(values.background_cpu_ns, 0);
    ck_assert_uint_eq(values.idle_cpu_ns, 3);
    ck_assert(values.utilization == 0.0);
    static const double shares[][2] = {{-1.0, 0.0}, {INFINITY, 1.0}, {-INFINITY, 0.0}, {0.5, 0.5}};
    for (size_t i = 0; i < LENGTH(shares); i++) {
        figures.utilization = shares[i][0];
        ck_assert(gctrace_values(&figures).utilization == shares[i][1]);
    }
}
END_TEST

/* Every figure at its largest fits, in every form. */
START_TEST(the_longest_line)
{
    struct gctrace_values values;
    char line[GCTRACE_LINE_BYTES];
    memset(&values, 0xff, sizeof values);
    values.goal_bytes--;
    values.forced = true;
    values.utilization = 0.12345678901234567;
    gctrace_format(&values, (tri_trace_form)_i, line);
    ck_assert_uint_lt(strlen(line), GCTRACE_LINE_BYTES - 1);
    static const char *const ends[] = {" P (forced)", " P (forced)",
                                       "\"processors\":18446744073709551615}"};
    ck_assert_str_eq(line + strlen(line) - strlen(ends[_i]), ends[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gctrace");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, times_as_go_writes_them, 0, LENGTH(times));
    tcase_add_test(all, times_by_the_rule);
    tcase_add_loop_test(all, whole_lines, 0, LENGTH(lines));
    tcase_add_test(all, nothing_absurd_is_printed);
    tcase_add_loop_test(all, the_longest_line, TRI_TRACE_GO, TRI_TRACE_JSON + 1);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
