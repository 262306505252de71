#!/usr/bin/env python3
"""Make a static library that shows nothing but its public symbols.

All objects of the given archives are linked into one relocatable object in which every symbol of
hidden visibility is made local; that object alone goes into the library. So a host may define a
function of the same name as an internal one of the library without a clash.
"""

import argparse
import os
import subprocess
import sys


def link(compiler, objcopy, ar, inputs, output):
    merged = output + ".o"
    subprocess.run([*compiler, "-r", "-nostdlib", "-o", merged,
                    "-Wl,--whole-archive", *inputs, "-Wl,--no-whole-archive"], check=True)
    subprocess.run([objcopy, "--localize-hidden", merged], check=True)
    if os.path.exists(output):
        os.remove(output)  # ar would add to an old library what it should replace
    subprocess.run([ar, "rcsD", output, merged], check=True)
    os.remove(merged)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objcopy", required=True)
    parser.add_argument("--ar", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("inputs", nargs="+", help="archives with the objects")
    parser.add_argument("--compiler", required=True, nargs=argparse.REMAINDER,
                        help="the compiler's command, last")
    arguments = parser.parse_args()
    try:
        link(arguments.compiler, arguments.objcopy, arguments.ar, arguments.inputs,
             arguments.output)
    except subprocess.CalledProcessError as error:
        sys.exit(f"link_static: {' '.join(error.cmd)}: exit status {error.returncode}")


if __name__ == "__main__":
    main()
