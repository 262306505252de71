#!/usr/bin/env python3
"""check_barriers passes accesses that name their partner and fails on each that does not."""

import support
import check_barriers


class BarriersTest(support.TreeTest):
    def check_code(self, code):
        self.write("gc/span.c", code)
        return check_barriers.check, self.root

    def test_same_line(self):
        self.assert_good(*self.check_code(
            "x = load_acquire(&a); /* pairs with the release in f */\n"))

    def test_three_lines_above(self):
        self.assert_good(*self.check_code(
            "/* Paired: the acquire in g pairs with this. */\nint b;\nint c;\n"
            "store_release(&a, 1);\n"))

    def test_note(self):
        self.assert_good(*self.check_code("/* [N2 span publication] */\nfence_seq_cst();\n"))

    def test_long_comment_counts_whole(self):
        self.assert_good(*self.check_code(
            "/* pairs with the acquire in g,\n * one\n * two\n * three\n * four\n */\n"
            "store_release(&a, 1);\n"))

    def test_relaxed_needs_nothing(self):
        self.assert_good(*self.check_code(
            "load_relaxed(&a);\nfence_acquire(); /* pairs with f */\n"))

    def test_silent_calls(self):
        for call in ("load_acquire(&a)", "store_release(&a, 1)", "fetch_add_acq_rel(&a, 1)",
                     "cas_relaxed(&a, &b, c)", "cas_weak_acq_rel(&a, &b, c)", "fence_release()",
                     "exchange_acq_rel(&a, 1)", "load_seq_cst(&a)", "TRI_STORE_RELEASE(&a, 1)"):
            with self.subTest(call):
                self.assert_bad("does not say with what it pairs",
                                *self.check_code(f"    {call};\n"))

    def test_four_lines_above_is_too_far(self):
        self.assert_bad("gc/span.c:5: load_acquire", *self.check_code(
            "/* pairs with f */\nint b;\nint c;\nint d;\nload_acquire(&a);\n"))

    def test_code_between_ends_a_long_comment(self):
        self.assert_bad("does not say", *self.check_code(
            "/* pairs with f */\nint b; /* x\n * y\n * z */\nload_acquire(&a);\n"))

    def test_string_is_no_comment(self):
        self.assert_bad("does not say", *self.check_code('f("pairs with"); load_acquire(&a);\n'))

    def test_definitions_are_exempt(self):
        self.write("gc/atomic.h", "#define load_acquire(a) x\n")
        self.assert_good(*self.check_code("load_acquire(&a); /* pairs with f */\n"))

    def test_nothing_to_check(self):
        self.assert_bad("nothing was checked", *self.check_code("int a;\n"))


if __name__ == "__main__":
    support.main()
