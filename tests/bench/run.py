#!/usr/bin/env python3
"""Measure Trillium beside its peers: `./dev bench`.

Workloads, implementations and metrics are described in docs/benchmarks.md. For each variant of a
workload the implementations run in turn, A B C A B C, so that what the machine does to one it does
to all; a figure is the median over the runs, a ratio the median of the ratios within each turn.
machine.py says what is done about processors that are not there; what stays is said.
"""

import argparse
import contextlib
import datetime
import fnmatch
import itertools
import os
import shutil
import subprocess
import sys

import calibration
import charts
from executables import Programs
from machine import BenchError, Machine, machine_text
from rows import measure_variant
from tables import print_goals, print_sizes, print_summary, print_variant
from workloads import IMPLEMENTATIONS, WORKLOADS

WORKLOAD_NAMES = [calibration.NAME] + [workload.name for workload in WORKLOADS]
RUNS = 5
QUICK_RUNS = 2

GO_ABSENT = (
    "go is not installed, so Go's rows are left out: take it from https://go.dev/dl or your "
    "distribution's package (golang) and put it on PATH, or name it with --go PATH"
)


def chosen(names, patterns):
    return [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns)]


def split(values):
    return [part for value in values for part in value.split(",") if part]


def choose_variants(workload, options):
    if options.variant:
        return chosen(workload.variants, split(options.variant))
    return workload.quick_variants if options.quick else workload.default_variants


def choose_implementations(workload, options):
    if options.implementation:
        names = [implementation.name for implementation in IMPLEMENTATIONS]
        wanted = chosen(names, split(options.implementation))
        possible = [i for i in IMPLEMENTATIONS if i.name in wanted]
        # Go's second collector has all workloads' programs, the others only their own.
        return [i for i in possible if workload.name in i.workloads or i.is_go]
    return [i for i in IMPLEMENTATIONS if workload.name in i.workloads]


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description=__doc__.splitlines()[0],
        epilog="Lists and patterns may be given: --variant 'p*' --implementation trillium,go",
    )
    parser.add_argument("--build-dir", required=True, help="a meson build directory")
    parser.add_argument("--runs", type=positive, help=f"runs a figure is the median of ({RUNS})")
    parser.add_argument("--quick", action="store_true", help="a smoke test: small counts")
    names = ", ".join(WORKLOAD_NAMES)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"only these: {names}")
    parser.add_argument("--workload", action="append", help="the same")
    parser.add_argument("--variant", action="append", help="only these; see --list")
    parser.add_argument("--implementation", action="append", help="only these")
    parser.add_argument("--json", help="write one object a line to this file")
    parser.add_argument("--svg", metavar="DIR", help="draw a chart of each variant there")
    parser.add_argument("--go", help="the go command, where it is not on PATH")
    parser.add_argument("--gctrace", help="run Trillium's programs with GCTRACE=GCTRACE")
    parser.add_argument("--no-calibration", action="store_true", help="not the machine's figures")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they are")
    parser.add_argument("--list", action="store_true", help="show what there is, and end")
    options = parser.parse_intermixed_args(arguments)
    options.workload = split(options.workloads + (options.workload or []))
    unknown = [name for name in options.workload if not chosen(WORKLOAD_NAMES, [name])]
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)} (there are {names})")
    return options


def print_list():
    print(f"{calibration.NAME}: What the machine allows; at the head of every run.")
    for workload in WORKLOADS:
        names = [i.name for i in IMPLEMENTATIONS if workload.name in i.workloads]
        print(f"{workload.name}: {workload.__doc__}")
        print(f"  variants         {' '.join(workload.variants)}")
        print(f"  by default       {' '.join(workload.default_variants)}")
        print(f"  implementations  {' '.join(names)}")


def plan(options, programs):
    """[(workload, variant, implementations)], and notes on what is missing."""
    names = chosen(WORKLOAD_NAMES, options.workload or ["*"])
    workloads = [w for w in WORKLOADS if w.name in names]
    result = []
    missing = {}
    for workload in workloads:
        wanted = choose_implementations(workload, options)
        for variant in choose_variants(workload, options):
            takers = []
            for implementation in wanted:
                if not programs.has(implementation, workload.program(variant)):
                    missing[implementation.name] = implementation
                elif workload.takes(implementation, variant):
                    takers.append(implementation)
            if takers:
                result.append((workload, variant, takers))
    notes = []
    for implementation in missing.values():
        if implementation.is_go and programs.go is None:
            if GO_ABSENT not in notes:
                notes.append(GO_ABSENT)
        elif implementation.package:
            notes.append(f"no {implementation.name}: it needs the package {implementation.package}")
        else:
            notes.append(f"no {implementation.name}: its program is not there")
    return result, notes


def date_text():
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}"


def print_opening(options, programs, machine, steps, runs):
    if options.quick:
        print("QUICK: small counts; a smoke test, not a measurement\n")
    build, warning = programs.description()
    print(f"date     {date_text()}")
    print(f"machine  {machine_text()}")
    print(f"build    {build}")
    seen = {}
    for workload, variant, implementations in steps:
        for implementation in implementations:
            path = programs.path(implementation, workload.program(variant))
            seen.setdefault(implementation.name, [path, workload.version])
    for name, command in seen.items():
        version = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(f"         {name}: {version.stdout.strip()}")
    print(f"runs     {runs}, interleaved; medians; ratios are medians of those within each turn")
    if machine.processors < 2:
        print("note     one processor: variants with several threads show no parallelism")
    if runs < RUNS and not options.quick:
        print(f"note     fewer than {RUNS} runs: indicative only")
    if warning:
        print(f"note     {warning}")
    print(flush=True)


def append(path, records):
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(records)


def measure_machine(options, programs, machine):
    figures = calibration.calibrate(machine, programs, options.quick)
    calibration.print_calibration(figures)
    if options.json:
        append(options.json, calibration.calibration_records(figures, options.quick))


def measure_all(options, programs, machine, steps, runs):
    rows = []
    for workload, variant, implementations in steps:
        with machine.spinners() if workload.spinners else contextlib.nullcontext():
            fresh = measure_variant(
                machine, programs, workload, variant, implementations, runs, options.quick
            )
        known = {(row.workload, row.variant, row.implementation): row for row in rows}
        for row in fresh:
            row.add_against(known.get((workload, workload.base(variant), row.implementation)))
        print_variant(workload, variant, fresh)
        rows += fresh
        if options.json:
            append(options.json, itertools.chain.from_iterable(row.records() for row in fresh))
    return rows


def main(arguments=None):
    options = parse(arguments)
    if options.list:
        print_list()
        return 0
    programs = Programs(options.build_dir, options.go or shutil.which("go"))
    if not options.no_build:
        programs.build()
    steps, notes = plan(options, programs)
    for note in notes:
        print(f"note     {note}")
    if not steps and calibration.NAME not in options.workload:
        print("nothing to measure: see --list for the names", file=sys.stderr)
        return 2
    if not os.path.exists(programs.tool()):
        print(f"{programs.tool()} is missing", file=sys.stderr)
        return 2
    if options.json:
        open(options.json, "w", encoding="utf-8").close()
    runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
    machine = Machine(programs.tool())
    if options.gctrace is not None:
        machine.settings["trillium"] = {"GCTRACE": options.gctrace}
    if options.quick:
        machine.attempts, machine.patience_s = 1, 0
    print_opening(options, programs, machine, steps, runs)
    try:
        if not options.no_calibration:
            measure_machine(options, programs, machine)
        rows = measure_all(options, programs, machine, steps, runs)
    except (BenchError, subprocess.TimeoutExpired) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    label = " (QUICK)" if options.quick else ""
    if options.svg:
        charts.write(options.svg, rows, f"{date_text()}, {machine_text()}, {runs} runs{label}")
    print_summary(rows, label)
    print_sizes(rows, label)
    print_goals(rows, label)
    for note in dict.fromkeys(machine.notes):
        print(f"note     {note}")
    return 1 if programs.failed else 0


if __name__ == "__main__":
    sys.exit(main())
