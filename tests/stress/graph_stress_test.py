#!/usr/bin/env python3
"""The random-graph test can fail, says where, and repeats what it did.

    graph_stress_test.py PROGRAM
"""

import os
import re
import signal
import subprocess
import sys

# Without the library's own checks: the program alone must notice.
ENVIRONMENT = {**os.environ, "GCDEBUG": ""}

# Fault, and what the report must say of it.
FAULTS = [
    ("drop-root", ["the heap has none|is another one's|a word differs",
                   r"object: +0x\w+ at 0x\w+, type pair", r"slot: +word \d+, role \w",
                   "expected:", "found:"]),
    ("keep-root", [r"the object at 0x\w+ \(type pair, .*is on the heap after a collection, but"
                   " nothing refers to it"]),
    ("lose-store", ["a word differs|not the one|contents", r"object: +0x\w+ at 0x\w+, type \w+",
                    r"slot: +word \d+, role \w", r"expected: 0x\w+", r"found: +0x\w+"]),
]


def run(program, *arguments):
    return subprocess.run([program, *arguments], env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def check_fault(program, fault, wanted):
    arguments = ["--seed", "11", "--mutators", "1", "--ops", "60000"]
    done = run(program, *arguments, "--fault", fault)
    problems = []
    if done.returncode != -signal.SIGABRT:
        problems.append(f"ended with {done.returncode}, not by SIGABRT")
    for pattern in ["MISMATCH found by mutator 0", *wanted, "last ones:", r"\d+  store ",
                    "replay: " + " ".join(arguments) + " --fault " + fault]:
        if not re.search(pattern, done.stdout):
            problems.append(f"does not say: {pattern}")
    return [f"{fault}: {problem}\n{done.stdout}" for problem in problems]


def check_repeats(program, mutators, seed):
    fingerprints = set()
    for _ in range(2):
        done = run(program, "--seed", str(seed), "--mutators", str(mutators), "--ops", "60000")
        found = re.search(r"operations (\d+) .*fingerprint (\w+) .*failures 0", done.stdout)
        if done.returncode != 0 or not found or int(found.group(1)) < 60000:
            return [f"seed {seed}, {mutators} mutators: ended with {done.returncode}\n"
                    f"{done.stdout}"]
        fingerprints.add(found.group(2))
    return [] if len(fingerprints) == 1 else [
        f"seed {seed}, {mutators} mutators: two runs differ: {fingerprints}"]


def check_seeds_differ(program):
    """A fingerprint that is always the same would repeat as well."""
    found = {re.search(r"fingerprint (\w+)",
                       run(program, "--seed", seed, "--mutators", "1", "--ops", "5000").stdout)
             .group(1) for seed in ("1", "2")}
    return [] if len(found) == 2 else ["seeds 1 and 2 do the same"]


def main():
    program = sys.argv[1]
    problems = []
    for fault, wanted in FAULTS:
        problems += check_fault(program, fault, wanted)
    for mutators in (1, 3):
        problems += check_repeats(program, mutators, 5)
    problems += check_seeds_differ(program)
    for arguments in (["--mutators", "17"], ["--ops"], ["--fault", "none"], ["--what", "1"]):
        if run(program, *arguments).returncode != 2:
            problems.append(f"{arguments} are taken")
    print("\n".join(problems) or "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
