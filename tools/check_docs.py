#!/usr/bin/env python3
"""Check what the documents say against the code.

Names:   every tri_... and TRI_... in README.md, docs/ and the examples' READMEs is declared in
         include/ (`tri_x_*` stands for any name that begins so), or is one of INTERNAL below.
Code:    every fence marked ```c compiles: as a file, as declarations behind the page's earlier
         fences, or as the body of a function that has `heap` and `mutator`.
Keys:    every key of the environment in runtime/env.c is in docs/tuning.md, and every key that
         stands in the first column of a table there is in runtime/env.c.
Links:   every relative link leads to a file, and to a heading of it where it names one.
"""

import argparse
import pathlib
import re
import subprocess
import sys

from c_source import ROOT, CSource, report, sources

NAME = re.compile(r"\b((?:tri|TRI)_\w+)(\*?)")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
KEY_LITERAL = re.compile(
    r'"([A-Z][A-Z0-9_]{2,}|gc[a-z]+|[a-z]{2,}'
    r'(?:free|verify|delay|safepoint|trace|need|finalizers|thread))"')
KEY_ROW = re.compile(r"^\|\s*`([A-Za-z0-9_]+)[^`|]*`", re.MULTILINE)

# Names that documents may use and hosts may not: "name": where it is from.
INTERNAL = {
    "TRI_CHECKS": "meson -Dchecks=...",
    "TRI_SEED": "environment of the random tests",
    "TRI_REQUIRE": "gc/assert.h",
    "TRI_ASSERT": "gc/assert.h",
    "TRI_ASSERT_SLOW": "gc/assert.h",
    "TRI_NEVER": "gc/assert.h",
}

PRELUDE = """\
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trillium/trillium.h>
#include <trillium/debug.h>
"""
BODY_HEAD = ("void example_body(tri_heap *heap, tri_mutator *mutator);\n"
             "void example_body(tri_heap *heap, tri_mutator *mutator)\n{\n"
             "(void)heap; (void)mutator;\n")
FLAGS = ("-fsyntax-only", "-xc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Werror", "-Wno-unused",
         "-Wno-unused-function")


def documents(root):
    found = [root / "README.md"] if (root / "README.md").is_file() else []
    for directory in ("docs", "examples"):
        found += sorted((root / directory).rglob("*.md"))
    return found


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_names(root, pages):
    declared = set()
    for path in sources(root, ["include"]):
        declared |= set(re.findall(r"\b(?:tri|TRI)_\w+", "\n".join(CSource(path, root).code)))
    problems, checked = [], 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for match in NAME.finditer(text):
            name, star = match.groups()
            checked += 1
            if star or name.endswith("_"):
                known = any(other.startswith(name) for other in declared)
            else:
                known = name in declared or name in INTERNAL
            if not known:
                problems.append(f"{page.relative_to(root)}:{line_of(text, match.start())}:"
                                f" {name} is not declared in include/")
    return problems, checked


def compile_c(root, compiler, text):
    """What the compiler complains of; empty if it does not."""
    result = subprocess.run([*compiler, *FLAGS, f"-I{root / 'include'}", "-"],
                            input=text, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stderr


def check_code(root, pages, compiler):
    problems, checked = [], 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        earlier = ""
        for match in FENCE.finditer(text):
            if match.group(1) != "c":
                continue
            checked += 1
            code = match.group(2)
            if not compile_c(root, compiler, PRELUDE + code):
                if not re.search(r"\bmain\s*\(", code):
                    earlier += code
                continue
            if not compile_c(root, compiler, PRELUDE + earlier + code):
                earlier += code
                continue
            errors = compile_c(root, compiler, PRELUDE + earlier + BODY_HEAD + code + "\n}\n")
            if errors:
                problems.append(f"{page.relative_to(root)}:{line_of(text, match.start())}: the"
                                f" code does not compile:\n{errors}")
    return problems, checked


def check_keys(root):
    table, page = root / "runtime/env.c", root / "docs/tuning.md"
    if not table.is_file() or not page.is_file():
        return [f"{path.relative_to(root)}: there is no such file"
                for path in (table, page) if not path.is_file()], 0
    text = page.read_text(encoding="utf-8")
    keys = set(KEY_LITERAL.findall(table.read_text(encoding="utf-8")))
    rows = set(KEY_ROW.findall(text))
    mentioned = set(re.findall(r"\w+", text))
    problems = [f"docs/tuning.md: {key} of runtime/env.c is not there"
                for key in sorted(keys - mentioned)]
    problems += [f"docs/tuning.md: runtime/env.c does not know {key}"
                 for key in sorted(rows - keys)]
    return problems, len(keys)


def anchors(path):
    """The anchors of a page's headings, as the usual viewers make them."""
    titles = HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_links(root, pages):
    problems, checked = [], 0
    for page in pages:
        text = FENCE.sub(lambda fence: "\n" * fence.group().count("\n"),
                         page.read_text(encoding="utf-8"))
        for match in LINK.finditer(text):
            target, _, anchor = match.group(1).partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            checked += 1
            where = f"{page.relative_to(root)}:{line_of(text, match.start())}"
            path = (page.parent / target).resolve() if target else page
            if not path.exists():
                problems.append(f"{where}: there is no {target}")
            elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                problems.append(f"{where}: {target} has no heading {anchor}")
    return problems, checked


def check(root, compiler):
    root = pathlib.Path(root).resolve()
    pages = documents(root)
    problems, checked = [], 0
    for found, count in (check_names(root, pages), check_code(root, pages, compiler),
                         check_keys(root), check_links(root, pages)):
        problems += found
        checked += count
    return report(problems, "check_docs", checked)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=ROOT)
    parser.add_argument("--compiler", nargs="+", default=["cc"])
    arguments = parser.parse_args()
    return check(arguments.root, arguments.compiler)


if __name__ == "__main__":
    sys.exit(main())
