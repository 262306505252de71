#!/usr/bin/env python3
"""check_style passes a file that keeps the rules and fails on each rule broken."""

import shutil
import subprocess
import unittest

import support
import check_style

GOOD = """\
/* span.c -- spans.
 *
 * Owns:       nothing.
 * Invariants: none.
 * Locks:      none.
 * Callers:    anyone.
 */
static int twice(int x)
{
    return 2 * x;
}
"""


class TextTest(support.TreeTest):
    def check_file(self, text, name="gc/span.c"):
        self.write(name, text)
        return check_style.check, self.root, [], "nm"

    def test_good_file(self):
        self.assert_good(*self.check_file(GOOD))

    def test_tab(self):
        self.assert_bad("gc/span.c:10: tab", *self.check_file(GOOD.replace("    r", "\tr")))

    def test_trailing_blank(self):
        self.assert_bad("gc/span.c:10: blank at the end", *self.check_file(
            GOOD.replace("x;\n", "x; \n")))

    def test_carriage_return(self):
        path = self.write("gc/span.c", "")
        path.write_bytes(GOOD.replace("\n", "\r\n").encode())
        self.assert_bad("carriage return", check_style.check, self.root, [], "nm")

    def test_no_line_end(self):
        self.assert_bad("no line end", *self.check_file(GOOD.rstrip()))

    def test_columns_are_characters_not_bytes(self):
        self.assert_good(*self.check_file(GOOD + "/* " + "é" * 94 + " */\n"))
        self.assert_bad("gc/span.c:12: 101 columns", *self.check_file(
            GOOD + "/* " + "é" * 95 + " */\n"))

    def test_columns_of_prose_are_free(self):
        self.write("docs/long.md", "x" * 150 + "\n")
        self.assert_good(*self.check_file(GOOD))

    def test_not_utf8(self):
        self.write("gc/span.c", GOOD)
        (self.root / "gc/bad.h").write_bytes(b"/* bad.h -- \xff */\n")
        with self.assertRaises(UnicodeDecodeError):
            check_style.check(self.root, [], "nm")

    def test_unfinished(self):
        self.assert_bad("unfinished", *self.check_file(GOOD + "/* TO" "DO: more */\n"))

    def test_nothing_checked(self):
        self.assert_bad("nothing was checked", check_style.check, self.root, [], "nm")


class OpeningTest(support.TreeTest):
    check_file = TextTest.check_file

    def test_no_opening(self):
        self.assert_bad("does not open", *self.check_file("int x(void);\n"))

    def test_other_name(self):
        self.assert_bad("does not open with a comment that names span.c",
                        *self.check_file(GOOD.replace("/* span.c", "/* spam.c")))

    def test_each_paragraph_is_wanted(self):
        for paragraph in check_style.PARAGRAPHS:
            with self.subTest(paragraph):
                self.assert_bad(f"does not say {paragraph}",
                                *self.check_file(GOOD.replace(paragraph, "Also:")))

    def test_public_header(self):
        name = "include/trillium/span.h"
        self.assert_good(*self.check_file("/**\n * @file span.h\n * Spans.\n */\n", name))
        self.assert_bad("does not open", *self.check_file("/* span.h -- spans. */\n", name))


class LengthTest(support.TreeTest):
    def long_file(self, name, lines):
        return self.write(name, f"/* {name.split('/')[-1]} -- x */\nstatic void\nrun(int a,\n"
                                "    int b)\n{\n" + "    a++;\n" * (lines - 5) + "}\n")

    def test_limit(self):
        self.long_file("tests/long.c", check_style.FUNCTION_LINES_MAX)
        self.assert_good(check_style.check, self.root, [], "nm")
        self.long_file("tests/long.c", check_style.FUNCTION_LINES_MAX + 1)
        self.assert_bad("tests/long.c:2: run has 121 lines", check_style.check, self.root, [], "nm")

    def test_exception(self):
        path = self.long_file("examples/lox/interpret.c", 500)
        path.write_text(path.read_text().replace("run(int", "interpret(int"), encoding="utf-8")
        self.assert_good(check_style.check, self.root, [], "nm")


class DialectTest(support.TreeTest):
    check_file = TextTest.check_file

    def test_extensions(self):
        for code in ("__atomic_load_n(&a, 0)", "__builtin_clz(1)", "__attribute__((cold))",
                     "({ 1; })", "typeof(a)"):
            with self.subTest(code):
                self.assert_bad("belongs behind a macro", *self.check_file(
                    GOOD.replace("2 * x", code)))

    def test_stdatomic(self):
        self.assert_bad("belongs behind a macro", *self.check_file(
            GOOD + "#include <stdatomic.h>\n"))

    def test_wrappers(self):
        self.write("gc/atomic.h", "/* atomic.h -- a */\n#define a __atomic_load_n\n")
        self.assert_good(*self.check_file(GOOD))

    def test_tests_may(self):
        self.write("tests/t.c", "/* t.c -- t */\nint a = __builtin_clz(1);\n")
        self.assert_good(*self.check_file(GOOD))


class RegisteredTest(support.TreeTest):
    def check_list(self, text):
        self.write("tests/unit/span_test.c", "/* span_test.c -- spans. */\n")
        self.write("tests/unit/meson.build", text)
        return check_style.check, self.root, [], "nm"

    def test_by_module(self):
        self.assert_good(*self.check_list("foreach name : ['span']\n"))

    def test_by_file(self):
        self.assert_good(*self.check_list("executable('x', 'span_test.c')\n"))

    def test_left_out(self):
        self.assert_bad("tests/unit/span_test.c: not in its directory's meson.build",
                        *self.check_list("foreach name : ['span_set']\n"))


@unittest.skipUnless(shutil.which("cc") and shutil.which("ar"), "no compiler")
class GlobalsTest(support.TreeTest):
    def archive(self, code):
        source = self.write("gc_span.c", code)
        subprocess.run(["cc", "-fPIC", "-c", source, "-o", self.root / "gc_span.c.o"], check=True)
        subprocess.run(["ar", "rc", self.root / "lib.a", self.root / "gc_span.c.o"], check=True)
        self.write("dev", "#!/bin/sh\n")
        return check_style.check, self.root, [str(self.root / "lib.a")], "nm"

    def test_constants(self):
        self.assert_good(*self.archive(
            "static const int a[2] = {1, 2};\nstatic const char *const b[] = {\"x\"};\n"
            "const void *f(int i) { return i ? (const void *)&b[i] : &a[i]; }\n"))

    def test_variables(self):
        for code in ("int a = 1;", "int a;", "_Thread_local int a;", "static int a; int *f(void)"
                     "{ return &a; }", "int *f(void) { static int a = 3; return &a; }",
                     "static const char *a[] = {\"x\"}; const char **f(void) { return a; }"):
            with self.subTest(code):
                self.assert_bad("can be written", *self.archive(code + "\n"))

    def test_empty_archive(self):
        self.write("dev", "#!/bin/sh\n")
        subprocess.run(["ar", "rc", self.root / "lib.a"], check=True)
        self.assert_bad("no objects", check_style.check, self.root, [str(self.root / "lib.a")],
                        "nm")


if __name__ == "__main__":
    support.main()
