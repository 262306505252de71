#!/usr/bin/env python3
"""Check that each ordered atomic access says with what it pairs.

Ordered are acquire, release, sequentially consistent accesses, fences and every compare-and-swap.
"pairs with", "paired" or a Note ("[N2 ...]") must stand in a comment on the line of the call or on
one of the three lines above it; a comment that reaches into those lines counts as a whole.
"""

import argparse
import pathlib
import re
import sys

from c_source import ROOT, CSource, report, sources

DIRECTORIES = ("include", "gc", "runtime")
DEFINITIONS = ("gc/atomic.h", "include/trillium/config.h")  # where the wrappers are defined
LINES_ABOVE = 3
ORDERED = re.compile(
    r"\b((?:load|store|fetch|exchange|cas|fence|TRI_LOAD|TRI_STORE)\w*"
    r"(?:acquire|release|acq_rel|seq_cst|ACQUIRE|RELEASE)|cas_\w+)\s*\(")
PAIRED = re.compile(r"\b[Pp]air(?:s|ed|ing)?\b|\[N\d+")


def comment_near(source, index):
    """The comments of line `index` and of the three above, whole where they begin earlier."""
    first = max(0, index - LINES_ABOVE)
    while first > 0 and source.comments[first].strip() and not source.code[first].strip() \
            and not source.comments[first].lstrip().startswith(("/*", "//")):
        first -= 1
    return "\n".join(source.comments[first:index + 1])


def check(root):
    root = pathlib.Path(root)
    problems, calls = [], 0
    for path in sources(root, DIRECTORIES):
        source = CSource(path, root)
        if source.shown in DEFINITIONS:
            continue
        for index, line in enumerate(source.code):
            for call in ORDERED.finditer(line):
                calls += 1
                if not PAIRED.search(comment_near(source, index)):
                    problems.append(f"{source.shown}:{index + 1}: {call.group(1)} does not say"
                                    " with what it pairs")
    return report(problems, "check_barriers", calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=ROOT)
    return check(parser.parse_args().root)


if __name__ == "__main__":
    sys.exit(main())
