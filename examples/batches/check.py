#!/usr/bin/env python3
"""Run both programs: the same report, and by how much the second one costs less.

usage: check.py [--no-rss] LEAKY FIXED [WRAPPER...]

What is compared is memory and the number of collections, not time. --no-rss: only the heap counts,
because a sanitizer or an emulator needs most of the process's memory.
"""

import re
import subprocess
import sys

MEMORY_CUT = 58  # percent, at the least
COLLECTIONS_CUT = 80

COSTS = re.compile(r"peak memory +(?P<rss>\d+) KiB, of it heap (?P<heap>\d+) KiB\n"
                   r"collections +(?P<collections>\d+)\n"
                   r"longest stall +[\d.]+ ms \(.+\)\n$")


def run(command):
    """The report, and the costs as numbers."""
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    costs = COSTS.search(output)
    if not costs:
        sys.exit(f"{command}: no costs at the end of:\n{output}")
    report = output[:costs.start()]
    if not re.search(r"after 100 batches: 200000 requests", report):
        sys.exit(f"{command}: not the whole report:\n{report}")
    print(costs.group())
    return report, {name: int(number) for name, number in costs.groupdict().items()}


def check_cut(what, before, after, percent):
    cut = 100 - after * 100 / before
    print(f"{what}: {before} -> {after}, {cut:.1f} % less")
    if cut <= percent:
        sys.exit(f"{what}: to be cut by more than {percent} %")


def main():
    arguments = sys.argv[1:]
    no_rss = arguments[0] == "--no-rss"
    leaky, fixed, *wrapper = arguments[no_rss:]
    leaky_report, before = run([*wrapper, leaky])
    fixed_report, after = run([*wrapper, fixed])
    if leaky_report != fixed_report:
        sys.exit(f"not the same report:\n{leaky_report}\n{fixed_report}")
    check_cut("heap, KiB", before["heap"], after["heap"], MEMORY_CUT)
    if not no_rss:
        check_cut("peak memory, KiB", before["rss"], after["rss"], MEMORY_CUT)
    check_cut("collections", before["collections"], after["collections"], COLLECTIONS_CUT)


if __name__ == "__main__":
    main()
