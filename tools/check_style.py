#!/usr/bin/env python3
"""Check the rules of the house that need no compiler, and one that needs the objects.

Text:     no tab, no trailing blank, a line end at the end, lines of at most 100 columns (not in
          .md), no mark of unfinished work.
Opening:  a C file begins with `/* name -- what it is`, a public header with `/** @file name`;
          sources of gc/ and runtime/ also say Owns, Invariants, Locks and Callers.
Length:   a function has at most 120 lines; over 80 is told but no failure.
Dialect:  what only gcc and clang know stands in the headers made for it.
Tests:    a test program is named in its directory's meson.build; otherwise nobody runs it.
Globals:  with --objects: no object has a variable that can be written, of whatever scope.

What is excepted is listed below, each with its reason.
"""

import argparse
import pathlib
import re
import subprocess
import sys

from c_source import ROOT, CSource, report, sources

COLUMNS = 100
FUNCTION_LINES_MAX = 120
FUNCTION_LINES_WARN = 80

C_DIRECTORIES = ("include", "gc", "runtime", "examples", "tests")
TEXT_SUFFIXES = {".c", ".h", ".cpp", ".py", ".md", ".txt", ".lox", ".build", ".yml"}
TEXT_FILES = ("dev", ".ci/run", "meson.build", "meson_options.txt", ".clang-format")
TEXT_DIRECTORIES = C_DIRECTORIES + ("tools", "docs")
NO_COLUMN_LIMIT = {".md", ".lox", ".txt"}

# Functions that may be longer than FUNCTION_LINES_MAX: "path:function": reason.
LONG_FUNCTIONS = {
    "examples/lox/interpret.c:interpret": "the interpreter's loop: one case an instruction",
}

# Variables that may be written although no heap owns them: "object symbol": reason.
MUTABLE_GLOBALS = {
    "lock.c held_locks": "what the calling thread holds, in checked builds: belongs to no heap",
    "thread.c binding_key": "the one key that tells of a thread's end, whatever its heaps",
    "thread.c key_once": "creates binding_key",
    "heap_list.c heaps": "fork() and exit() tell nobody which heaps there are",
    "fork.c once": "installs the handlers of fork()",
    "fork.c handlers_are_there": "whether it did",
}

# Where compiler extensions are wrapped, so that nobody else has to name them.
DIALECT_FILES = {"include/trillium/config.h", "gc/base.h", "gc/atomic.h", "gc/bits.h",
                 "gc/lock.h"}
DIALECT = re.compile(r"\b(__atomic_\w+|__sync_\w+|__builtin_\w+|__attribute__|__asm__|__typeof__"
                     r"|typeof)\b|#\s*include\s*<stdatomic\.h>|\(\{")

UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
PARAGRAPHS = ("Owns:", "Invariants:", "Locks:", "Callers:")


def columns(line):
    """Columns of a line; accents that stand above another character take none."""
    return sum(1 for character in line if not 0x300 <= ord(character) <= 0x36F)


def text_files(root):
    found = [root / name for name in TEXT_FILES if (root / name).is_file()]
    for directory in TEXT_DIRECTORIES:
        found += [path for path in (root / directory).rglob("*")
                  if path.suffix in TEXT_SUFFIXES and path.is_file()]
    return sorted(set(found) | set(root.glob("*.md")))


def check_text(path, shown):
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return [f"{shown}: not UTF-8"]
    problems = []
    if text and not text.endswith("\n"):
        problems.append(f"{shown}: no line end at the end")
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{shown}:{number}"
        if "\t" in line and path.suffix != ".lox":
            problems.append(f"{where}: tab")
        if line != line.rstrip() and path.suffix != ".txt":
            problems.append(f"{where}: blank at the end, or a carriage return")
        if path.suffix not in NO_COLUMN_LIMIT and columns(line) > COLUMNS:
            problems.append(f"{where}: {columns(line)} columns, the limit is {COLUMNS}")
        if UNFINISHED.search(line):
            problems.append(f"{where}: unfinished: {line.strip()}")
    return problems


def check_opening(source):
    opening = source.opening_comment()
    if source.shown.startswith("include/"):
        wanted = rf"/\*\*\s*\n \* @file {re.escape(source.name)}\n"
    else:
        wanted = rf"/\* {re.escape(source.name)} -- \S"
    if not re.match(wanted, opening):
        return [f"{source.shown}:1: does not open with a comment that names {source.name}"]
    if source.shown.startswith(("gc/", "runtime/")) and source.path.suffix == ".c":
        return [f"{source.shown}:1: the opening does not say {paragraph}"
                for paragraph in PARAGRAPHS if paragraph not in opening]
    return []


def check_functions(source):
    problems = []
    for name, first, last in source.functions():
        lines = last - first + 1
        if f"{source.shown}:{name}" in LONG_FUNCTIONS:
            continue
        if lines > FUNCTION_LINES_MAX:
            problems.append(f"{source.shown}:{first}: {name} has {lines} lines, the limit is"
                            f" {FUNCTION_LINES_MAX}")
        elif lines > FUNCTION_LINES_WARN:
            print(f"note: {source.shown}:{first}: {name} has {lines} lines")
    return problems


def check_dialect(source):
    if source.shown in DIALECT_FILES \
            or not source.shown.startswith(("include/", "gc/", "runtime/")):
        return []
    return [f"{source.shown}:{number}: {match.group().strip()} belongs behind a macro of"
            f" {', '.join(sorted(DIALECT_FILES))}"
            for number, line in enumerate(source.code, 1)
            for match in DIALECT.finditer(line)]


def check_registered(root):
    problems = []
    for path in sorted((root / "tests").rglob("*_test.c")):
        build = path.parent / "meson.build"
        name = re.escape(path.stem.removesuffix("_test"))
        if not build.is_file() \
                or not re.search(rf"'{name}(?:_test\.c)?'", build.read_text(encoding="utf-8")):
            problems.append(f"{path.relative_to(root)}: not in its directory's meson.build")
    return problems


def check_globals(archive, nm):
    """Symbols in sections that can be written. Tables of constant pointers are not among them:
    the loader writes .data.rel.ro once and then protects it."""
    listing = subprocess.run([nm, "-f", "sysv", "--defined-only", archive], check=True,
                             capture_output=True, text=True).stdout
    problems, objects, member = [], 0, "?"
    for line in listing.split("\n"):
        header = re.match(r"\s*Symbols from .*\[(.*)\]:", line)
        if header:
            member = pathlib.Path(header.group(1)).name
            objects += 1
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 7:
            continue
        name, section = fields[0], fields[6]
        writable = section.startswith((".data", ".bss", ".tdata", ".tbss", "*COM*")) \
            and not section.startswith(".data.rel.ro")
        stem = member.split("_", 1)[-1].removesuffix(".o")
        if writable and f"{stem} {name}" not in MUTABLE_GLOBALS:
            problems.append(f"{archive}: {stem}: {name} can be written ({section}); it belongs"
                            " into a tri_heap")
    if objects == 0:
        problems.append(f"{archive}: no objects")
    return problems


def check(root, archives, nm):
    root = pathlib.Path(root)
    problems, checked = [], 0
    for path in text_files(root):
        problems += check_text(path, str(path.relative_to(root)))
        checked += 1
    for path in sources(root, C_DIRECTORIES):
        source = CSource(path, root)
        problems += check_opening(source) + check_functions(source) + check_dialect(source)
    problems += check_registered(root)
    for archive in archives:
        problems += check_globals(archive, nm)
    return report(problems, "check_style", checked)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=ROOT)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--objects", nargs="*", default=[], metavar="ARCHIVE")
    arguments = parser.parse_args()
    return check(arguments.root, arguments.objects, arguments.nm)


if __name__ == "__main__":
    sys.exit(main())
