#!/usr/bin/env python3
"""wrap_comments wraps what is too long, keeps indents, and leaves everything else as it is."""

import unittest

import support
import wrap_comments

LONG = "word " * 25  # 125 columns


class WrapTest(unittest.TestCase):
    def wrapped(self, text):
        result = wrap_comments.wrap(text)
        self.assertEqual(wrap_comments.wrap(result), result, "a second time changes it again")
        self.assertEqual(result.replace("*", " ").split(), text.replace("*", " ").split())
        return result.split("\n")

    def assert_fits(self, lines):
        self.assertLessEqual(max(map(len, lines)), wrap_comments.LIMIT, "\n".join(lines))

    def test_short_comments_stay(self):
        text = "/* short */\nint a; /* b\n * c */\n"
        self.assertEqual(wrap_comments.wrap(text), text)

    def test_long_code_stays(self):
        text = "int a = " + "1 + " * 40 + "1;\n"
        self.assertEqual(wrap_comments.wrap(text), text)

    def test_one_line(self):
        lines = self.wrapped(f"/* {LONG}*/\nint a;\n")
        self.assert_fits(lines)
        self.assertTrue(lines[1].startswith(" * word"))
        self.assertTrue(lines[1].endswith(" */"))

    def test_indented(self):
        lines = self.wrapped(f"{{\n    /* {LONG}*/\n}}\n")
        self.assert_fits(lines)
        self.assertTrue(lines[2].startswith("     * word"))

    def test_paragraph_is_filled(self):
        lines = self.wrapped(f"/* a.h -- b\n *\n * {LONG}\n * and more.\n *\n * Next.\n */\n")
        self.assert_fits(lines)
        self.assertTrue(lines[3].endswith("word and more."))
        self.assertEqual(lines[4:6], [" *", " * Next."])

    def test_hanging_indent(self):
        lines = self.wrapped(f"/* a.c -- b\n * Owns:       {LONG}\n * Locks:      none.\n */\n")
        self.assert_fits(lines)
        self.assertTrue(lines[2].startswith(" *             word"))
        self.assertEqual(lines[3], " * Locks:      none.")

    def test_invariant(self):
        lines = self.wrapped(f"/* a.c -- b\n *   [a.1] {LONG}\n *         end.\n"
                             " *   [a.2] x\n */\n")
        self.assert_fits(lines)
        self.assertTrue(lines[2].startswith(" *         word"))
        self.assertTrue(lines[2].endswith("word end."))
        self.assertEqual(lines[3], " *   [a.2] x")

    def test_behind_code(self):
        lines = self.wrapped(f"    int a; /**< {LONG}*/\n    int b;\n")
        self.assert_fits(lines)
        self.assertTrue(lines[1].startswith(" " * 16 + "word"))
        self.assertEqual(lines[2], "    int b;")

    def test_several_lines_behind_code(self):
        lines = self.wrapped(f"    int a; /* {LONG}\n              * and more */\n    int b;\n")
        self.assert_fits(lines)
        self.assertEqual(lines[-2], "    int b;")

    def test_ruler(self):
        result = wrap_comments.wrap("/* ---- Title " + "-" * 100 + " */\n").split("\n")
        self.assertEqual(len(result[0]), 100)
        self.assertTrue(result[0].endswith("--- */"))

    def test_sample_of_code_stays(self):
        text = f"/* a\n *\n *     f(x); // {LONG}\n *     g(y);\n */\n"
        self.assertEqual(wrap_comments.wrap(text), text)

    def test_comment_in_a_string(self):
        text = f'const char *a = "/* {LONG}*/";\n'
        self.assertEqual(wrap_comments.wrap(text), text)


if __name__ == "__main__":
    support.main()
