#!/usr/bin/env python3
"""Check what a host sees of the built libraries: the functions of the public headers, no more.

Every global symbol that a library defines is declared with TRI_API in a public header, and every
function so declared is defined. The static library must show no more than the shared one.
"""

import argparse
import pathlib
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DECLARATION = re.compile(r"\bTRI_API\b[^;{(]*?\b(tri_\w+)\s*\(")


def declared_in(include):
    """The functions that the public headers mark with TRI_API."""
    names = set()
    for path in include.rglob("*.h"):
        text = COMMENT.sub(" ", path.read_text(encoding="utf-8"))
        text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.MULTILINE)
        # An attribute with arguments before the name would end the search early.
        text = re.sub(r"\bTRI_PRINTF\([^)]*\)", " ", text)
        names |= set(DECLARATION.findall(text))
    return names


def defined_in(nm, library, dynamic):
    """The global symbols that a library defines."""
    command = [nm, "--defined-only", "--dynamic" if dynamic else "--extern-only", str(library)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {fields[2] for fields in map(str.split, listing.split("\n")) if len(fields) == 3}


def check(library, defined, declared):
    problems = [f"{library}: {name} is global and not declared with TRI_API"
                for name in sorted(defined - declared)]
    problems += [f"{library}: {name} is declared with TRI_API and not defined"
                 for name in sorted(declared - defined)]
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("libraries", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()

    declared = declared_in(arguments.include)
    if not declared:
        sys.exit("check_symbols: no public function was found")
    problems = []
    for library in arguments.libraries:
        defined = defined_in(arguments.nm, library, dynamic=library.suffix != ".a")
        problems += check(library.name, defined, declared)
    for problem in problems:
        print(problem)
    print(f"check_symbols: {len(declared)} functions, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
