/* json_line_test.c -- lines of JSON against samples: each kind of member, what is escaped, and what
 * does not fit.
 */
#include "runtime/json_line.h"

#include <math.h>
#include <string.h>

#include "tests/unit/unit.h"

START_TEST(each_kind_of_member)
{
    struct json_line line;
    json_begin(&line, "sample");
    json_count(&line, "most", UINT64_MAX);
    json_difference(&line, "least", INT64_MIN);
    json_real(&line, "share", 0.25);
    json_real(&line, "large", 1e30);
    json_real(&line, "nan", NAN);
    json_real(&line, "infinite", -INFINITY);
    json_flag(&line, "yes", true);
    json_flag(&line, "no", false);
    json_limit(&line, "some", 7);
    json_limit(&line, "none", UINT64_MAX);
    json_text(&line, "text", "to-safepoint");
    ck_assert_str_eq(json_end(&line),
                     "{\"type\":\"sample\",\"most\":18446744073709551615,"
                     "\"least\":-9223372036854775808,\"share\":0.25,\"large\":1e+30,"
                     "\"nan\":null,\"infinite\":null,\"yes\":true,\"no\":false,\"some\":7,"
                     "\"none\":null,\"text\":\"to-safepoint\"}");
}
END_TEST

START_TEST(what_is_escaped)
{
    struct json_line line;
    json_begin(&line, "sample");
    json_text(&line, "thread", "a\"b\\c\n\x01 d/\x7f\xc3\xa4");
    json_text(&line, "empty", "");
    ck_assert_str_eq(json_end(&line), "{\"type\":\"sample\",\"thread\":"
                                      "\"a\\u0022b\\u005cc\\u000a\\u0001 d/???\","
                                      "\"empty\":\"\"}");
}
END_TEST

/* A text of any length is cut off between two characters. */
START_TEST(long_texts)
{
    char text[2000];
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct json_line line;
    json_begin(&line, "sample");
    json_text(&line, "text", text);
    const char *ended = json_end(&line);
    const char *first = strstr(ended, "\\u0022");
    ck_assert_ptr_nonnull(first);
    size_t escaped = strlen(first) - strlen("\"}");
    ck_assert_uint_eq(escaped % strlen("\\u0022"), 0);
    ck_assert_uint_gt(escaped, 100);
    ck_assert_str_eq(first + escaped, "\"}");
}
END_TEST

/* What does not fit is left out, and the object is one all the same. */
START_TEST(too_many_members)
{
    struct json_line line;
    json_begin(&line, "sample");
    for (int i = 0; i < 1000; i++) {
        json_count(&line, "member", UINT64_MAX);
    }
    json_flag(&line, "f", true); /* short enough for what is left, or not */
    const char *ended = json_end(&line);
    size_t length = strlen(ended);
    ck_assert_uint_lt(length, JSON_LINE_BYTES);
    ck_assert_uint_gt(length, JSON_LINE_BYTES - 40);
    ck_assert_int_eq(ended[length - 1], '}');
    ck_assert_msg(strcmp(ended + length - 4, "615}") == 0 ||
                      strcmp(ended + length - 5, "true}") == 0,
                  "%s", ended + length - 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_line");
    TCase *all = tcase_create("all");
    tcase_add_test(all, each_kind_of_member);
    tcase_add_test(all, what_is_escaped);
    tcase_add_test(all, long_texts);
    tcase_add_test(all, too_many_members);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
