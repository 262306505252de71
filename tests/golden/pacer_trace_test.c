/* pacer_trace_test.c -- the lines of gcpacertrace=1 against samples. */
#include "runtime/pacer_trace.h"

#include <math.h>
#include <string.h>

#include "tests/unit/unit.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A cycle begins to mark ------------------------------------------------------------------ */

static const struct {
    struct pacer_begin_figures figures;
    const char *go;
    const char *json;
} begins[] = {
    {{.rate = {.work_per_byte = 1.25, .bytes_per_work = 0.8},
      .heap_scan = 2 * MIB - 1,
      .live = 70 * MIB,
      .goal = 71 * MIB + 5,
      .markers = 2},
     "pacer: assist ratio=1.25 (scan 1 MB in 70->71 MB) workers=2+0",
     "{\"type\":\"pacer_begin\",\"assist_work_per_byte\":1.25,\"assist_bytes_per_work\":0.8,"
     "\"heap_scan_bytes\":2097151,\"live_bytes\":73400320,\"goal_bytes\":74448901,"
     "\"markers\":2,\"fractional_share\":0}"},
    {{.rate = {.work_per_byte = 1e-7, .bytes_per_work = INFINITY},
      .goal = PACER_OFF,
      .fractional_share = 0.25},
     "pacer: assist ratio=1e-07 (scan 0 MB in 0->8796093022207 MB) workers=0+0.25",
     "{\"type\":\"pacer_begin\",\"assist_work_per_byte\":1e-07,\"assist_bytes_per_work\":null,"
     "\"heap_scan_bytes\":0,\"live_bytes\":0,\"goal_bytes\":null,\"markers\":0,"
     "\"fractional_share\":0.25}"},
};

static void check_begin(const struct pacer_begin_figures *figures, tri_trace_form form,
                        const char *expected)
{
    char line[PACER_TRACE_LINE_BYTES];
    pacer_trace_begin_format(figures, form, line);
    ck_assert_str_eq(line, expected);
}

START_TEST(a_cycle_begins)
{
    check_begin(&begins[_i].figures, TRI_TRACE_GO, begins[_i].go);
    check_begin(&begins[_i].figures, TRI_TRACE_GO_1_6, begins[_i].go);
    check_begin(&begins[_i].figures, TRI_TRACE_JSON, begins[_i].json);
}
END_TEST

/* ---- It has marked --------------------------------------------------------------------------- */

static const struct {
    struct pacer_end_figures figures;
    const char *go;
    const char *json;
} ends[] = {
    {{.utilization = 0.289,
      .done = {.heap = 100, .stacks = 20, .globals = 3},
      .expected = {.heap = 90, .stacks = 10, .globals = 1},
      .triggered = 4000000,
      .live = 4100000,
      .goal = 4194304,
      .cons_mark = 0.5},
     "pacer: 28% CPU (25 exp.) for 100+20+3 B work (101 B exp.) in 4000000 B -> 4100000 B "
     "(\u2206goal -94304, cons/mark 0.5)",
     "{\"type\":\"pacer_end\",\"utilization\":0.289,\"expected_utilization\":0.25,"
     "\"heap_work_bytes\":100,\"stack_work_bytes\":20,\"global_work_bytes\":3,"
     "\"expected_work_bytes\":101,\"triggered_bytes\":4000000,\"live_bytes\":4100000,"
     "\"goal_bytes\":4194304,\"cons_mark\":0.5}"},
    {{.utilization = NAN, .live = 10, .goal = 4, .cons_mark = NAN},
     "pacer: 0% CPU (25 exp.) for 0+0+0 B work (0 B exp.) in 0 B -> 10 B "
     "(\u2206goal 6, cons/mark NaN)",
     "{\"type\":\"pacer_end\",\"utilization\":null,\"expected_utilization\":0.25,"
     "\"heap_work_bytes\":0,\"stack_work_bytes\":0,\"global_work_bytes\":0,"
     "\"expected_work_bytes\":0,\"triggered_bytes\":0,\"live_bytes\":10,\"goal_bytes\":4,"
     "\"cons_mark\":null}"},
    {{.utilization = 1.0, .live = 1, .goal = PACER_OFF},
     "pacer: 100% CPU (25 exp.) for 0+0+0 B work (0 B exp.) in 0 B -> 1 B "
     "(\u2206goal -9223372036854775806, cons/mark 0)",
     "{\"type\":\"pacer_end\",\"utilization\":1,\"expected_utilization\":0.25,"
     "\"heap_work_bytes\":0,\"stack_work_bytes\":0,\"global_work_bytes\":0,"
     "\"expected_work_bytes\":0,\"triggered_bytes\":0,\"live_bytes\":1,\"goal_bytes\":null,"
     "\"cons_mark\":0}"},
};

static void check_end(const struct pacer_end_figures *figures, tri_trace_form form,
                      const char *expected)
{
    char line[PACER_TRACE_LINE_BYTES];
    pacer_trace_end_format(figures, form, line);
    ck_assert_str_eq(line, expected);
}

START_TEST(a_cycle_has_marked)
{
    check_end(&ends[_i].figures, TRI_TRACE_GO, ends[_i].go);
    check_end(&ends[_i].figures, TRI_TRACE_GO_1_6, ends[_i].go);
    check_end(&ends[_i].figures, TRI_TRACE_JSON, ends[_i].json);
}
END_TEST

/* ---- All is swept ---------------------------------------------------------------------------- */

static const struct {
    struct pacer_sweep_figures figures;
    const char *go;
    const char *json;
} sweeps[] = {
    {{.live = 29 * MIB, .allocated = MIB - 1, .swept_pages = 3752, .pages_per_byte = 0.000618355},
     "pacer: sweep done at heap size 29MB; allocated 0MB during sweep; swept 3752 pages at "
     "0.000618355 pages/byte",
     "{\"type\":\"pacer_sweep\",\"live_bytes\":30408704,\"allocated_bytes\":1048575,"
     "\"swept_pages\":3752,\"pages_per_byte\":0.000618355}"},
};

static void check_sweep(const struct pacer_sweep_figures *figures, tri_trace_form form,
                        const char *expected)
{
    char line[PACER_TRACE_LINE_BYTES];
    pacer_trace_sweep_format(figures, form, line);
    ck_assert_str_eq(line, expected);
}

START_TEST(all_is_swept)
{
    check_sweep(&sweeps[_i].figures, TRI_TRACE_GO, sweeps[_i].go);
    check_sweep(&sweeps[_i].figures, TRI_TRACE_GO_1_6, sweeps[_i].go);
    check_sweep(&sweeps[_i].figures, TRI_TRACE_JSON, sweeps[_i].json);
}
END_TEST

/* Every figure at its largest fits. */
START_TEST(the_longest_lines)
{
    struct pacer_end_figures end;
    char line[PACER_TRACE_LINE_BYTES];
    memset(&end, 0xff, sizeof end);
    end.utilization = -0.12345678901234567e-300;
    end.cons_mark = -0.12345678901234567e-300;
    pacer_trace_end_format(&end, TRI_TRACE_GO, line);
    ck_assert_str_eq(line + strlen(line) - strlen("e-301)"), "e-301)");
    pacer_trace_end_format(&end, TRI_TRACE_JSON, line);
    ck_assert_str_eq(line + strlen(line) - strlen("e-301}"), "e-301}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pacer_trace");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, a_cycle_begins, 0, LENGTH(begins));
    tcase_add_loop_test(all, a_cycle_has_marked, 0, LENGTH(ends));
    tcase_add_loop_test(all, all_is_swept, 0, LENGTH(sweeps));
    tcase_add_test(all, the_longest_lines);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
