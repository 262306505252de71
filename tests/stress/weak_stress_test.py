#!/usr/bin/env python3
"""The random test of what is weak, and of finalizers, can fail, and says why.

    weak_stress_test.py PROGRAM
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
    ("drop-root", "the heap has no object at its address|the object at its address is another one"),
    ("keep-root", "the heap has more or fewer objects than are reachable"),
    ("clear-weak", "was cleared, and its target is reachable"),
    ("lose-finalizer", "is unreachable, and was not finalized"),
    ("repeat-finalizer", "is finalized without a finalizer, or once more"),
    ("lose-cleanup", "is unreachable, and its cleanup has not run"),
    ("clear-key", "was cleared, and its target is reachable"),
    ("lose-value", "the heap has no object at its address|the object at its address is another one|"
     "has another value"),
    ("lose-entry", "has more or fewer entries than live|"
     "is reachable, and was cleared from what holds it weakly"),
    ("keep-entry", "has more or fewer entries than live|has an entry that it should not have"),
    ("clear-slot", "was cleared, and its target is reachable"),
    ("keep-slot", "was not cleared, and its target is unreachable"),
]


MET = ["cleared", "revived", "finalized", "resurrected", "cleaned", "values", "entries", "lost",
       "slots", "checked"]


def run(program, *arguments):
    return subprocess.run([program, *arguments], env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def check_fault(program, fault, wanted):
    arguments = ["--seed", "11", "--mutators", "1", "--ops", "30000"]
    done = run(program, *arguments, "--fault", fault)
    problems = []
    if done.returncode != -signal.SIGABRT:
        problems.append(f"ended with {done.returncode}, not by SIGABRT")
    for pattern in ["MISMATCH found by mutator 0 in round 4: (" + wanted + ")",
                    "replay: " + " ".join(arguments) + " --fault " + fault]:
        if not re.search(pattern, done.stdout):
            problems.append(f"does not say: {pattern}")
    return [f"{fault}: {problem}\n{done.stdout}" for problem in problems]


def check_sound(program):
    """It finds nothing where there is nothing, and has met all that it is about."""
    done = run(program, "--seed", "3", "--mutators", "2", "--ops", "60000")
    problems = [] if done.returncode == 0 else [f"ended with {done.returncode}\n{done.stdout}"]
    for count in MET:
        if not re.search(count + r" [1-9]\d+ ", done.stdout):
            problems.append(f"hardly anything was {count}\n{done.stdout}")
    return problems


def check_campaign(program):
    """Without a number of mutators: all configurations, each in its share of the operations."""
    done = run(program, "--seed", "5", "--ops", "60000")
    runs = re.findall(r"seed (\d+) mutators (\d+) operations (\d+)", done.stdout)
    total = re.search(r"campaign of (\d+) runs: operations (\d+) failures 0", done.stdout)
    problems = []
    if done.returncode != 0 or not total or int(total.group(1)) != len(runs):
        problems.append(f"the campaign ended with {done.returncode}\n{done.stdout}")
    elif int(total.group(2)) != sum(int(operations) for _, _, operations in runs):
        problems.append(f"the campaign has lost operations\n{done.stdout}")
    if not {"1", "2", "16"} <= {mutators for _, mutators, _ in runs}:
        problems.append(f"the campaign lacks mutators\n{done.stdout}")
    return problems


def main():
    program = sys.argv[1]
    problems = check_sound(program) + check_campaign(program)
    for fault, wanted in FAULTS:
        problems += check_fault(program, fault, wanted)
    for arguments in (["--mutators", "17"], ["--ops"], ["--fault", "none"], ["--what", "1"]):
        if run(program, *arguments).returncode != 2:
            problems.append(f"{arguments} are taken")
    print("\n".join(problems) or "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
