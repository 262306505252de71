/* decimal_test.c -- numbers as text: samples of what Go prints, and that all read back. */
#include "runtime/decimal.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/unit/unit.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    double value;
    const char *text;
} samples[] = {
    {0.0, "0"},
    {-0.0, "-0"},
    {1.0, "1"},
    {-1.5, "-1.5"},
    {10.0, "10"},
    {120.0, "120"},
    {0.1, "0.1"},
    {0.25, "0.25"},
    {0.001, "0.001"},
    {0.0001, "0.0001"},
    {0.00012345, "0.00012345"},
    {0.00009, "9e-05"},
    {999999.0, "999999"},
    {999999.5, "999999.5"},
    {1000000.0, "1e+06"},
    {1234567.0, "1.234567e+06"},
    {1e100, "1e+100"},
    {0.0006183550, "0.000618355"},
    {1.0 / 3, "0.3333333333333333"},
    {200.0 / 3, "66.66666666666667"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {-DBL_MIN, "-2.2250738585072014e-308"},
    {5e-324, "5e-324"},
    {NAN, "NaN"},
    {INFINITY, "+Inf"},
    {-INFINITY, "-Inf"},
};

START_TEST(as_go_prints_them)
{
    char text[DECIMAL_BYTES];
    decimal_format(samples[_i].value, text);
    ck_assert_str_eq(text, samples[_i].text);
}
END_TEST

START_TEST(all_read_back)
{
    uint64_t random = unit_seed();
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = unit_random(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        char text[DECIMAL_BYTES];
        decimal_format(value, text);
        ck_assert_uint_lt(strlen(text), DECIMAL_BYTES - 1);
        double back = strtod(text, NULL);
        ck_assert_msg(isnan(value) ? isnan(back) != 0 : back == value, "%a: %s", value, text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decimal");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, as_go_prints_them, 0, LENGTH(samples));
    tcase_add_test(all, all_read_back);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
