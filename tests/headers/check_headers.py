#!/usr/bin/env python3
"""Compile each public header by itself, twice in a row, as C and as C++, with all warnings on; and
uses.h, which uses their macros and inline functions, with optimization.

The headers given must be the ones in include/: what is not installed is not tested, and a host
cannot include it either.
"""

import argparse
import pathlib
import subprocess
import sys

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wundef", "-Werror")
C_WARNINGS = ("-Wstrict-prototypes", "-Wmissing-prototypes")
CXX_WARNINGS = ("-Wno-old-style-cast",)
USES = pathlib.Path(__file__).resolve().parent / "uses.h"
C_STANDARDS = ("c11", "c17", "gnu11")
CXX_STANDARDS = ("c++17", "c++20", "gnu++17")


def compiles(command, language, standard, include, header):
    warnings = C_WARNINGS if language == "c" else CXX_WARNINGS
    if header == USES:
        text, mode = f'#include "{USES}"\n', ("-O2", "-S", "-o", "/dev/null")
    else:
        text = f"#include <{header}>\n" * 2 + "int translation_unit_is_not_empty;\n"
        mode = ("-fsyntax-only",)
    result = subprocess.run(
        [*command, f"-x{language}", f"-std={standard}", *WARNINGS, *warnings, f"-I{include}",
         *mode, "-"],
        input=text, text=True, capture_output=True, check=False)
    if result.returncode != 0:
        print(f"{header} as {standard}:\n{result.stderr}")
    return result.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--cc", action="append", required=True, help="a word of the C compiler")
    parser.add_argument("--cxx", action="append", default=[], help="a word of the C++ compiler")
    parser.add_argument("headers", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()

    include = arguments.include.resolve()
    given = {path.resolve().relative_to(include) for path in arguments.headers}
    present = {path.relative_to(include) for path in include.rglob("*.h")}
    results = []
    for header in sorted(given ^ present):
        print(f"{header} is not in include/meson.build" if header in present
              else f"{header} is in include/meson.build and does not exist")
        results.append(False)
    for header in [*sorted(given & present), USES]:
        for standard in C_STANDARDS:
            results.append(compiles(arguments.cc, "c", standard, include, header))
        for standard in CXX_STANDARDS if arguments.cxx else ():
            results.append(compiles(arguments.cxx, "c++", standard, include, header))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
