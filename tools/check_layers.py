#!/usr/bin/env python3
"""Check that every file includes only what stands above it in the list of docs/architecture.md.

The list is the fenced block marked `layers`, bottom first:

    gc/                  L0 ground: knows no heap          (a directory, at the margin)
      base.h             integers, sizes, alignment        (a file of it, indented)
      assert.[hc]        three levels of checking          (a header and its source)

Checked are include/, gc/ and runtime/: each file is on the list and each listed file exists; a file
includes only files of earlier lines, or, a source, the header of its own line; and gc/, which knows
no operating system, includes only the system headers named below.
"""

import argparse
import pathlib
import re
import sys

from c_source import ROOT, CSource, report, sources

DIRECTORIES = ("include", "gc", "runtime")
INCLUDE_PATHS = ("", "include")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# What gc/ may include of the C library: no environment, no file, no thread, no clock, no malloc.
GC_SYSTEM_HEADERS = {
    "inttypes.h", "limits.h", "math.h", "setjmp.h", "stdalign.h", "stdarg.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdnoreturn.h", "string.h",
}


def read_layers(text):
    """The files of the list, as (path, position); position is the same for both of name.[hc]."""
    block = re.search(r"^```layers\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if not block:
        sys.exit("check_layers: docs/architecture.md has no fenced block marked `layers`")
    layers, directory = {}, ""
    for position, line in enumerate(block.group(1).split("\n")):
        if not line.strip():
            continue
        word = line.split()[0]
        if not line.startswith(" "):
            directory = word
            continue
        names = [word.replace("[hc]", half) for half in "hc"] if "[hc]" in word else [word]
        for name in names:
            path = directory + name
            if path in layers:
                sys.exit(f"check_layers: docs/architecture.md lists {path} twice")
            layers[path] = position
    return layers


def resolve(root, source, name):
    """The path from root of an included file of ours, None for a system header."""
    candidates = [pathlib.Path(prefix) / name for prefix in INCLUDE_PATHS]
    candidates.append(pathlib.Path(source.shown).parent / name)
    for candidate in candidates:
        if (root / candidate).is_file():
            return str(candidate)
    return None


def check_includes(root, source, layers):
    problems = []
    for number, line in enumerate(source.lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        where, name = f"{source.shown}:{number}", match.group(2)
        target = resolve(root, source, name)
        if target is None:
            if match.group(1) == '"':
                problems.append(f'{where}: there is no "{name}"')
            elif source.shown.startswith("gc/") and name not in GC_SYSTEM_HEADERS:
                problems.append(f"{where}: gc/ must not include <{name}>; ask for it in gc/port.h")
            continue
        if target not in layers or source.shown not in layers:
            continue  # reported once, as not listed
        below, here = layers[target], layers[source.shown]
        own_header = source.shown.endswith(".c") and target == source.shown[:-1] + "h"
        if below > here or (below == here and not own_header):
            problems.append(f"{where}: {source.shown} is listed above {target} and must not"
                            " include it")
    return problems


def check(root):
    root = pathlib.Path(root)
    layers = read_layers((root / "docs/architecture.md").read_text(encoding="utf-8"))
    files = [CSource(path, root) for path in sources(root, DIRECTORIES)]
    present = {source.shown for source in files}
    problems = [f"docs/architecture.md: {path} is listed and does not exist"
                for path in layers if path not in present]
    for source in files:
        if source.shown not in layers:
            problems.append(f"{source.shown}: not listed in docs/architecture.md")
        problems += check_includes(root, source, layers)
    return report(problems, "check_layers", len(files))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=ROOT)
    return check(parser.parse_args().root)


if __name__ == "__main__":
    sys.exit(main())
