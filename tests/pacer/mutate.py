#!/usr/bin/env python3
"""Take one formula at a time from the pacer and the CPU limiter, and see which scenarios notice.

    mutate.py [--check] --compiler CC... --libraries ARCHIVE... README

Each entry of MUTATIONS is a text of gc/pacer.c or gc/cpu_limit.c, and what stands there instead.
The source that results is compiled, linked with simulate.c before the libraries, and run. A
mutation that no scenario notices is a failure, and so is one whose text is not there any more.
README gets the table between the comments `mutations: begin` and `mutations: end`; with --check it
must have it already.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import plot

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACER, LIMITER = "gc/pacer.c", "gc/cpu_limit.c"
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-w", f"-I{ROOT}", f"-I{ROOT / 'include'}")
SECONDS_MAX = 120

# Nothing is taken away: then nothing may be noticed.
UNCHANGED = ("nothing", PACER, "", "")

# (what is taken away, file, text, text instead)
MUTATIONS = (
    ("the goal: roots", PACER,
     "scale(saturating_add(full, roots), percent)", "scale(full, percent)"),
    ("the goal: the least goal", PACER,
     "size_max(scale(pacer->heap_minimum, percent), saturating_add(full, growth))",
     "saturating_add(full, growth)"),
    ("the goal: put off while sweeping goes on", PACER,
     "size_max(pacer->percent_goal, pacer->sweep_end)", "pacer->percent_goal"),
    ("the goal: 64 KiB for a cycle that began late", PACER,
     "goal = size_max(goal, saturating_add(pacer->triggered, runway));", ""),
    ("distances: smaller where the least goal is", PACER,
     "return size_min(bytes, pacer->heap_minimum / (HEAP_MINIMUM_BYTES / bytes));",
     "return bytes;"),
    ("the limit: not decided by it", PACER, "by_limit < pacer->percent_goal", "false"),
    ("the limit: what is mapped beside the heap", PACER,
     "saturating_add(other, overage)", "overage"),
    ("the limit: what is mapped above it", PACER, "saturating_add(other, overage)", "other"),
    ("the limit: free pages are room", PACER,
     "saturating_add(memory->free, memory->objects)", "memory->objects"),
    ("the limit: headroom", PACER, "goal = goal < 2 * headroom ? headroom : goal - headroom;", ""),
    ("the limit: headroom by percent", PACER,
     "size_max(goal / 100 * LIMIT_HEADROOM_PERCENT, LIMIT_HEADROOM_MIN_BYTES)",
     "LIMIT_HEADROOM_MIN_BYTES"),
    ("the limit: its goal is at least what is marked", PACER,
     "return size_max(goal, pacer->marked); /* [pacer.1] */", "return goal;"),
    ("the limit: not put off by sweeping", PACER,
     "return (struct pacer_target){.goal = by_limit, .by_limit = true};",
     "return (struct pacer_target){.goal = size_max(by_limit, pacer->sweep_end),"
     " .by_limit = true, .trigger = pacer->sweep_end};"),
    ("the runway", PACER,
     "to_bytes(pacer->cons_mark * mutators_share * (double)total(&pacer->last))", "0"),
    ("the runway: three quarters to one", PACER, "(1.0 - MARKER_SHARE) / MARKER_SHARE", "1.0"),
    ("the runway: roots", PACER, "mutators_share * (double)total(&pacer->last)",
     "mutators_share * (double)pacer->last.heap"),
    ("the trigger: 45 64ths at the least", PACER,
     "least = size_max(least, target.trigger);", "least = target.trigger;"),
    ("the trigger: 61 64ths at the most", PACER,
     "uint64_t most = part_of_way(pacer->marked, goal, TRIGGER_MOST_64THS);",
     "uint64_t most = goal;"),
    ("the trigger: 4 MiB before a large goal are enough", PACER,
     "most = size_max(most, goal - HEAP_MINIMUM_BYTES);", ""),
    ("the trigger: not while sweeping goes on", PACER,
     "least = size_max(least, target.trigger);", ""),
    ("cons/mark: assists are marking", PACER,
     "(double)(effort->background_ns + effort->assist_ns) / time",
     "(double)effort->background_ns / time"),
    ("cons/mark: mutators have what markers leave", PACER, "(work * (1.0 - marking))", "work"),
    ("cons/mark: the largest of five", PACER,
     "pacer->cons_mark = before[i] > pacer->cons_mark ? before[i] : pacer->cons_mark;", ""),
    ("the rate: nothing is owed", PACER,
     ".work_per_byte = left / room,", ".work_per_byte = 0 * left / room,"),
    ("the rate: what is done already", PACER, "double left = expected - work;",
     "double left = expected;"),
    ("the rate: more than expected", PACER, "if (work > expected) {", "if (false) {"),
    ("the rate: the hard goal", PACER, "return extended < hard ? extended : hard;",
     "return extended;"),
    ("the rate: a tenth past the goal", PACER, "limit *= PACER_PAST_GOAL;", ""),
    ("the limiter: goes on", LIMITER, "limit->on = limit->fill_ns >= limit->capacity_ns;",
     "limit->on = false;"),
    ("the limiter: goes off", LIMITER, "limit->on = limit->fill_ns >= limit->capacity_ns;",
     "limit->on = limit->on || limit->fill_ns >= limit->capacity_ns;"),
    ("the limiter: what the program has empties it", LIMITER,
     "limit->fill_ns -= size_min(ns, limit->fill_ns);", ""),
    ("the limiter: what flows over is kept", LIMITER,
     "limit->capacity_ns + limit->capacity_ns / CPU_LIMIT_KEPT_PART", "limit->capacity_ns"),
    ("the limiter: by processors", LIMITER, "(double)CPU_LIMIT_CAPACITY_MIN_NS * processors",
     "(double)CPU_LIMIT_CAPACITY_MIN_NS * 1000.0 * processors"),
)


def command_for(arguments, source, simulate, program):
    return [*arguments.compiler, *FLAGS, "-o", program, source, simulate, *arguments.libraries,
            "-lm"]


def names_with_broken_bounds(output):
    """The scenarios with a broken bound, in their order."""
    names, last = [], None
    for line in output.splitlines():
        record = json.loads(line)
        if record["kind"] == "scenario":
            last = record["name"]
        elif record["kind"] == "bound" and record["broken"] and last not in names:
            names.append(last)
    return names


def try_mutation(arguments, directory, simulate, index, mutation):
    """The names of the scenarios that notice, or a text that says what went wrong."""
    what, name, old, new = mutation
    text = (ROOT / name).read_text(encoding="utf-8")
    if old and text.count(old) != 1:
        return f"{what}: {name} has this {text.count(old)} times: {old}"
    source = directory / f"mutation_{index}.c"
    source.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    program = directory / f"mutation_{index}"
    made = subprocess.run(command_for(arguments, source, simulate, program), text=True,
                          capture_output=True, check=False)
    if made.returncode != 0:
        return f"{what}: does not compile:\n{made.stderr}"
    run = subprocess.run([program], text=True, stdout=subprocess.PIPE, timeout=SECONDS_MAX,
                         check=False)
    if run.returncode not in (0, 1):
        return f"{what}: the simulator ended with {run.returncode}"
    names = names_with_broken_bounds(run.stdout)
    if not old:
        return f"{what}: {', '.join(names)} fail all the same" if names else []
    return names or f"{what}: no scenario notices"


def try_all(arguments, directory, mutations):
    simulate = directory / "simulate.o"
    subprocess.run([*arguments.compiler, *FLAGS, "-c", "-o", simulate,
                    ROOT / "tests/pacer/simulate.c"], check=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tries = [pool.submit(try_mutation, arguments, directory, simulate, index, mutation)
                 for index, mutation in enumerate(mutations)]
        return [one.result() for one in tries]


def table(mutations, results):
    lines = ["| without | what notices |", "|---|---|"]
    for mutation, names in zip(mutations, results):
        shown = names if len(names) <= 5 else [*names[:4], f"{len(names) - 4} more"]
        lines.append(f"| {mutation[0]} | {', '.join(shown)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--compiler", nargs="+", required=True)
    parser.add_argument("--libraries", nargs="+", required=True)
    parser.add_argument("readme", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        unchanged, *results = try_all(arguments, pathlib.Path(directory), (UNCHANGED, *MUTATIONS))
    problems = [result for result in (unchanged, *results) if isinstance(result, str)]
    if not problems:
        page = arguments.readme.read_text(encoding="utf-8")
        new = plot.replace_section(page, "mutations", table(MUTATIONS, results))
        if not arguments.check:
            arguments.readme.write_text(new, encoding="utf-8")
        elif new != page:
            problems.append(f"{arguments.readme}: the table differs; ./dev pacer makes it anew")
    for problem in problems:
        print(f"mutate: {problem}")
    print(f"{len(results)} mutations, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
