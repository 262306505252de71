#!/usr/bin/env python3
"""check_docs passes documents that agree with the code and fails on each disagreement."""

import support
import check_docs

README = """\
# Trillium

See [tuning](docs/tuning.md#the-keys) and `tri_alloc`, `tri_set_*`, `TRI_SEED`.

```c
struct pair { int head; };
static int first(void) { return 1; }
```

```c
int second = 0; second += first(); tri_alloc(mutator);
```

```c
int main(void) { return 0; }
```

```sh
tri_not_checked is no name here? it is: see below
```
"""
TUNING = """\
# Tuning

## The keys

| key | meaning |
|---|---|
| `GOGC=100` | growth |
| `gcverify=1` | checks |
"""


class DocsTest(support.TreeTest):
    def setUp(self):
        super().setUp()
        self.write("include/trillium/trillium.h",
                   "typedef struct tri_heap tri_heap;\ntypedef struct tri_mutator tri_mutator;\n"
                   "void tri_alloc(tri_mutator *m);\nvoid tri_set_gc_percent(void);\n"
                   "/* tri_commented */\n")
        self.write("include/trillium/debug.h", "")
        self.write("runtime/env.c", 'x = {"GOGC", "gcverify"};\n')
        self.write("docs/tuning.md", TUNING)
        self.readme(README.replace("tri_not_checked is", "this is"))

    def readme(self, text):
        self.write("README.md", text)

    def good(self):
        self.assert_good(check_docs.check, self.root, ["cc"])

    def bad(self, message):
        self.assert_bad(message, check_docs.check, self.root, ["cc"])

    def test_good_tree(self):
        self.good()

    def test_unknown_name(self):
        self.readme("# T\n\n`tri_gone`\n")
        self.bad("README.md:3: tri_gone is not declared")

    def test_name_in_a_fence(self):
        self.readme(README)
        self.bad("tri_not_checked is not declared")

    def test_name_only_in_a_comment(self):
        self.readme("`tri_commented`\n")
        self.bad("tri_commented is not declared")

    def test_unknown_pattern(self):
        self.readme("`TRI_LIMIT_*`\n")
        self.bad("TRI_LIMIT_ is not declared")

    def test_example_readme(self):
        self.write("examples/hello/README.md", "`tri_gone`\n")
        self.bad("examples/hello/README.md:1: tri_gone")

    def test_code_that_does_not_compile(self):
        self.readme("# T\n\n```c\nint x = no_such_thing();\n```\n")
        self.bad("README.md:3: the code does not compile")

    def test_code_needs_earlier_fences_only(self):
        self.readme("```c\nfirst();\n```\n\n```c\nstatic void first(void) { }\n```\n")
        self.bad("README.md:1: the code does not compile")

    def test_key_not_documented(self):
        self.write("runtime/env.c", 'x = {"GOGC", "gcverify", "MEMLIMIT"};\n')
        self.bad("MEMLIMIT of runtime/env.c is not there")

    def test_key_not_in_code(self):
        self.write("docs/tuning.md", TUNING + "| `GCGONE=1` | nothing |\n")
        self.bad("runtime/env.c does not know GCGONE")

    def test_link_to_nothing(self):
        self.readme("[x](docs/gone.md)\n")
        self.bad("there is no docs/gone.md")

    def test_link_to_no_heading(self):
        self.readme("[x](docs/tuning.md#gone)\n")
        self.bad("has no heading gone")


if __name__ == "__main__":
    support.main()
