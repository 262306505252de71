#!/usr/bin/env python3
"""check_refs passes invariants that are stated and cited, and fails on each that is only one."""

import support
import check_refs

GOOD = """\
/* span.c -- spans.
 *
 * Invariants:
 *   [span.1] A free slot MUST be unmarked; otherwise the next cycle
 *            loses it. [sweep.1] depends on it.
 *   [span.2] The count MUST equal the bits; otherwise a slot is lost.
 * Locks:      none.
 */
int f(void)
{
    return 1; /* [span.1, span.2] */
}
"""
SWEEP = """\
/* sweep.h -- sweeping.
 *   [sweep.1] One party MUST sweep a span; otherwise it is freed twice. */
int g(void); /* [sweep.1] */
"""


class RefsTest(support.TreeTest):
    def setUp(self):
        super().setUp()
        self.write("gc/span.c", GOOD)
        self.write("gc/sweep.h", SWEEP)
        self.write("tests/unit/span_test.c", "/* span_test.c -- */\n/* [span.2] */\n")
        self.write("docs/notes.md", "See [span.1].\n")

    def test_good_tree(self):
        self.assert_good(check_refs.check, self.root)

    def test_dangling_citation(self):
        self.write("gc/span.c", GOOD.replace("[span.1, span.2]", "[span.1, span.2, span.3]"))
        self.assert_bad("gc/span.c:11: [span.3] is stated nowhere", check_refs.check, self.root)

    def test_dangling_citation_in_opening(self):
        self.write("gc/span.c", GOOD.replace("[sweep.1] depends", "[sweep.9] depends"))
        self.assert_bad("[sweep.9] is stated nowhere", check_refs.check, self.root)

    def test_dangling_citation_in_tests(self):
        self.write("tests/unit/span_test.c", "/* span_test.c -- */\n/* [span.7] */\n")
        self.assert_bad("tests/unit/span_test.c:2: [span.7]", check_refs.check, self.root)

    def test_dangling_citation_in_docs(self):
        self.write("docs/notes.md", "See [gone.1].\n")
        self.assert_bad("docs/notes.md:1: [gone.1]", check_refs.check, self.root)

    def test_never_cited(self):
        self.write("gc/span.c", GOOD.replace("[span.1, span.2]", "[span.1]"))
        self.assert_bad("[span.2] is cited nowhere in the code", check_refs.check, self.root)

    def test_code_is_no_citation(self):
        self.write("gc/span.c", GOOD.replace("/* [span.1, span.2] */", '"[span.1, span.2]"'))
        self.assert_bad("[span.1] is cited nowhere in the code", check_refs.check, self.root)

    def test_wish(self):
        self.write("gc/span.c", GOOD.replace("; otherwise a slot is lost", ""))
        self.assert_bad("[span.2] does not say", check_refs.check, self.root)

    def test_foreign_statement(self):
        self.write("gc/sweep.h", SWEEP + "/* [span.1] */\n")
        self.write("gc/mark.c", "/* mark.c -- x\n *   [other.1] A MUST b; otherwise c. */\n"
                                "/* [other.1] */\n")
        self.assert_bad("states [other.1], which is not of mark", check_refs.check, self.root)

    def test_stated_twice(self):
        self.write("gc/span.h", "/* span.h -- spans.\n"
                                " *   [span.1] A MUST b; otherwise c. */\n")
        self.assert_bad("[span.1] is stated in", check_refs.check, self.root)

    def test_nothing_stated(self):
        self.write("gc/span.c", "/* span.c -- spans. */\n")
        self.write("gc/sweep.h", "/* sweep.h -- sweeping. */\n")
        self.write("tests/unit/span_test.c", "")
        self.write("docs/notes.md", "")
        self.assert_bad("nothing was checked", check_refs.check, self.root)


if __name__ == "__main__":
    support.main()
