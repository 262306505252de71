/* scavenge_trace_test.c -- the line of scavtrace=1 against samples. */
#include "runtime/scavenge_trace.h"

#include <string.h>

#include "tests/unit/unit.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    struct scavenge_figures figures;
    const char *go;
    const char *json;
} lines[] = {
    {{.background_bytes = 0},
     "scav 0 KiB work (bg), 0 KiB work (eager), 0 KiB now, 0% util",
     "{\"type\":\"scavenge\",\"background_bytes\":0,\"eager_bytes\":0,\"released_now_bytes\":0,"
     "\"in_use_bytes\":0,\"retained_bytes\":0,\"forced\":false,\"controller_reset\":false}"},
    {{.background_bytes = 8 * KIB + 1023,
      .eager_bytes = 3 * MIB,
      .released_now_bytes = 4344 * KIB,
      .in_use = 999,
      .retained = 1000,
      .forced = true,
      .reset = true},
     "scav 8 KiB work (bg), 3072 KiB work (eager), 4344 KiB now, 99% util (forced)",
     "{\"type\":\"scavenge\",\"background_bytes\":9215,\"eager_bytes\":3145728,"
     "\"released_now_bytes\":4448256,\"in_use_bytes\":999,\"retained_bytes\":1000,"
     "\"forced\":true,\"controller_reset\":true}"},
    {{.released_now_bytes = UINT64_MAX, .in_use = TIB, .retained = TIB, .reset = true},
     "scav 0 KiB work (bg), 0 KiB work (eager), 18014398509481983 KiB now, 100% util [controller "
     "reset]",
     "{\"type\":\"scavenge\",\"background_bytes\":0,\"eager_bytes\":0,"
     "\"released_now_bytes\":18446744073709551615,\"in_use_bytes\":1099511627776,"
     "\"retained_bytes\":1099511627776,\"forced\":false,\"controller_reset\":true}"},
};

static void check_form(const struct scavenge_figures *figures, tri_trace_form form,
                       const char *expected)
{
    char line[SCAVTRACE_LINE_BYTES];
    scavtrace_format(figures, form, line);
    ck_assert_str_eq(line, expected);
}

START_TEST(whole_lines)
{
    check_form(&lines[_i].figures, TRI_TRACE_GO, lines[_i].go);
    check_form(&lines[_i].figures, TRI_TRACE_GO_1_6, lines[_i].go);
    check_form(&lines[_i].figures, TRI_TRACE_JSON, lines[_i].json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scavenge_trace");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, whole_lines, 0, LENGTH(lines));
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
