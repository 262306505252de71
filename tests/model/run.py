#!/usr/bin/env python3
"""Check the models: every configuration that must hold, and every rule's absence.

For each configuration of configurations.py, Spin makes a checker out of its model, gcc compiles
it, and it explores every state that can be reached. A sound configuration passes if the checker
got to the end and found nothing. One that lacks a rule passes if an assertion was violated; a
checker that ran out of memory or depth has shown nothing, and fails either way.

One line a configuration, with the processor seconds of building and running its checker; the last
line is "N passed, M failed".
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import namedtuple

from configurations import CONFIGURATIONS

MODELS = pathlib.Path(__file__).resolve().parent
DEPTH = 1500000
HASH_BITS = 24
MEMORY_MIB = 4000
MEMORY_FULL_MIB = 9000

Result = namedtuple("Result", "passed outcome states seconds text")


def judge(configuration, text):
    """(whether it is as it must be, what the checker found, states or None)."""
    counted = re.search(r"^\s*(\S+) states, stored", text, re.MULTILINE)
    states = int(float(counted.group(1))) if counted else None
    errors = re.search(r"\berrors: (\d+)", text)
    violated = re.search(r"assertion violated .+ \(at depth", text)
    if counted is None or errors is None:
        return False, "the checker did not finish", states
    if errors.group(1) != "0":
        if violated is None:
            return False, "an error, but no violated assertion", states
        return not configuration.sound, "violated", states
    for sign in ("max search depth too small", "out of memory", "Search not completed"):
        if sign in text:
            return False, "not exhaustive: " + sign, states
    return configuration.sound, "holds", states


def command(arguments, directory):
    """(whether it succeeded, output of both streams, processor seconds) of a command."""
    with subprocess.Popen(arguments, cwd=directory, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True) as process:
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    return status == 0, text, usage.ru_utime + usage.ru_stime


def spin_arguments(configuration):
    """What Spin is to read, and with which switches."""
    return [*("-D" + define for define in configuration.defines),
            str(MODELS / configuration.model)]


def check(configuration, tools, directory, memory):
    """Build the checker in `directory` and run it."""
    compact = ["-DHC4"] if configuration.compact else []
    steps = (
        [tools.spin, "-a", *spin_arguments(configuration)],
        # Where a rule is missing, building the checker mostly takes longer than running it.
        [tools.cc, "-O2" if configuration.deep else "-O0", "-w", "-DSAFETY", "-DNOFAIR",
         "-DMEMLIM=%d" % memory, *compact, "-o", "pan", "pan.c"],
        # -E: where a rule is missing, the checker looks for a lost object, not for a deadlock.
        ["./pan", "-m%d" % DEPTH, "-w%d" % HASH_BITS] + ([] if configuration.sound else ["-E"]),
    )
    seconds = 0.0
    for step in steps:
        succeeded, text, used = command(step, directory)
        seconds += used
        if not succeeded and step is not steps[-1]:
            return Result(False, "%s failed" % step[0], None, seconds, text)
    passed, outcome, states = judge(configuration, text)
    return Result(passed, outcome, states, seconds, text)


def counterexample(configuration, tools, directory):
    """The steps that led to the violation, as Spin replays them."""
    trails = sorted(pathlib.Path(directory).glob("*.trail"))
    if not trails:
        return "no counterexample\n"
    return command([tools.spin, "-k", str(trails[0]), "-p", "-g",
                    *spin_arguments(configuration)], directory)[1]


def line(configuration, result):
    return "%-4s %-52s %-9s %12s states %7.1f s" % (
        "ok" if result.passed else "FAIL", configuration.name, result.outcome,
        "?" if result.states is None else result.states, result.seconds)


def row(configuration, result):
    """The same for the table of docs/correctness.md."""
    outcome = {"holds": "**holds**"}.get(result.outcome, result.outcome)
    return "| %s | `%s` | %s | %s | %.1f |" % (
        configuration.name, " ".join(configuration.defines), outcome,
        "?" if result.states is None else "{:,}".format(result.states).replace(",", " "),
        result.seconds)


def chosen(options):
    return [configuration for configuration in CONFIGURATIONS
            if (options.full or not configuration.full or options.names)
            and (not options.names or any(name in configuration.name for name in options.names))]


def run_one(configuration, options):
    with tempfile.TemporaryDirectory() as directory:
        result = check(configuration, options, directory,
                       MEMORY_FULL_MIB if configuration.full else MEMORY_MIB)
        if options.trail:
            result = result._replace(text=counterexample(configuration, options, directory))
        return result


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only configurations whose name contains one")
    parser.add_argument("--full", action="store_true", help="the big ones too: much time, 8 GB")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="print rows of a Markdown table")
    parser.add_argument("--trail", action="store_true", help="print each counterexample")
    parser.add_argument("--spin", default="spin", help=argparse.SUPPRESS)
    parser.add_argument("--cc", default="gcc", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def run_all(options):
    """The result of each configuration, printed as they come. The sound ones take longest."""
    results = {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(run_one, configuration, options): configuration
                   for configuration in sorted(chosen(options), key=lambda c: not c.sound)}
        for future in concurrent.futures.as_completed(running):
            configuration, result = running[future], future.result()
            results[configuration] = result
            print(line(configuration, result), flush=True)
            if options.trail or not result.passed:
                print(result.text, flush=True)
    return results


def main(arguments):
    options = parse(arguments)
    results = run_all(options)
    if options.table:
        for configuration in chosen(options):
            print(row(configuration, results[configuration]))
    passed = sum(result.passed for result in results.values())
    failed = len(results) - passed
    print("%d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
