#!/usr/bin/env python3
"""Check the numbers of invariants: each [file.N] that is cited is stated, each stated one is cited.

An invariant is stated in the opening comment of the file whose name it bears, in the form
`[page_alloc.3] X MUST ...; otherwise ...`. It is cited in comments of the code, where it is kept or
checked. Citations in tests/ and docs/ must be of stated invariants, too, but do not count as kept.
"""

import argparse
import pathlib
import re
import sys

from c_source import ROOT, CSource, report, sources

CODE = ("include", "gc", "runtime")
ALSO_CITING = ("tests", "examples")
ITEM = r"[a-z_]\w*\.\d+"
GROUP = re.compile(rf"\[({ITEM}(?:,\s*{ITEM})*)\]")
STATED = re.compile(rf"^\s*(?:\*\s*)?\[({ITEM})\]\s+(?=\S)", re.MULTILINE)
SECTION = re.compile(r"^\s*(?:\*\s*)?[A-Z][a-z]+:", re.MULTILINE)


def stated_in(source):
    """{number: text} of the invariants in the file's opening comment."""
    comment = source.opening_comment()
    starts = list(STATED.finditer(comment))
    found = {}
    for index, start in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(comment)
        section = SECTION.search(comment, start.end(), end)
        found[start.group(1)] = comment[start.end():section.start() if section else end]
    return found


def cited(lines, first=0):
    """(line number, invariant) of each citation in these lines."""
    for number, line in enumerate(lines[first:], first + 1):
        for group in GROUP.finditer(line):
            for item in re.split(r",\s*", group.group(1)):
                yield number, item


def check_statement(source, number, text):
    problems = []
    if number.split(".")[0] != source.stem:
        problems.append(f"{source.shown}: states [{number}], which is not of {source.stem}")
    if "MUST" not in text or "otherwise" not in text:
        problems.append(f"{source.shown}: [{number}] does not say what MUST hold and what happens"
                        " otherwise")
    return problems


def check(root):
    root = pathlib.Path(root)
    problems, statements, kept = [], {}, set()
    files = [CSource(path, root) for path in sources(root, CODE)]
    for source in files:
        for number, text in stated_in(source).items():
            if number in statements:
                problems.append(f"{source.shown}: [{number}] is stated in"
                                f" {statements[number]}, too")
            statements[number] = source.shown
            problems += check_statement(source, number, text)

    for source in files:
        opening = source.opening_comment()
        own = set(stated_in(source))
        after = opening.count("\n") + 1
        for line, number in cited(source.comments[:after]):
            if number not in own and number not in statements:
                problems.append(f"{source.shown}:{line}: [{number}] is stated nowhere")
        for line, number in cited(source.comments, after):
            kept.add(number)
            if number not in statements:
                problems.append(f"{source.shown}:{line}: [{number}] is stated nowhere")
    for number, where in statements.items():
        if number not in kept:
            problems.append(f"{where}: [{number}] is cited nowhere in the code")

    others = [(source.shown, source.comments) for source in
              (CSource(path, root) for path in sources(root, ALSO_CITING))]
    others += [(str(path.relative_to(root)), path.read_text(encoding="utf-8").split("\n"))
               for path in sorted((root / "docs").rglob("*.md"))]
    for shown, lines in others:
        problems += [f"{shown}:{line}: [{number}] is stated nowhere"
                     for line, number in cited(lines) if number not in statements]
    return report(problems, "check_refs", len(statements))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=ROOT)
    return check(parser.parse_args().root)


if __name__ == "__main__":
    sys.exit(main())
