#!/usr/bin/env python3
"""Check real trace lines, in each form, with the expressions by which public tools read Go's log.

usage: gctrace_check.py --document docs/reading-the-log.md --samples SAMPLES -- PROGRAM...

The programs are tests/golden/gctrace_load.c and log_samples.c; what PROGRAM begins with, if it is
several words, runs programs of another processor. Each expression is first tried on lines that Go
itself has printed, so that a slip of the pen here is not taken for a fault of the line. What the
members of the JSON form mean stands in the document: its tables and the lines must have the same
names.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

# Go 1.5 and before 1.19 had no stacks and globals.
GO_1_6_LINE = ("gc 3 @0.182s 4%: 0.022+1.9+0.061 ms clock, 0.17+0.72/2.2/0.36+0.49 ms cpu, "
               "4->4->2 MB, 5 MB goal, 8 P")
GO_1_19_LINE = ("gc 14 @1.274s 2%: 0.031+2.3+0.004 ms clock, 0.25+0.28/3.9/0+0.036 ms cpu, "
                "7->8->4 MB, 9 MB goal, 0 MB stacks, 0 MB globals, 8 P (forced)")

# github.com/tebeka/gctrace
TEBEKA = re.compile(
    r"gc (?P<num>\d+) @(?P<start>\d+\.(\d+)?s) (?P<prec>[^%]+)%: (?P<clock>[^ ]+) ms clock, "
    r"(?P<cpu>[^ ]+) ms cpu, (?P<before>\d+)->(?P<after>\d+)->(?P<live>\d+) MB, "
    r"(?P<goal>\d+) MB goal,.*?(?P<cores>\d+) P")

# github.com/aclements/go-misc, gctrace.py
ACLEMENTS = re.compile(
    r"gc #?(?P<n>[0-9]+) @(?P<start>[0-9.]+)s (?P<util>[0-9]+)%: (?P<parts>.*)")

# github.com/davecheney/gcvis, which knows the lines of Go 1.6 to 1.18 only
GCVIS = re.compile(
    r"gc #?\d+ @(?P<ElapsedTime>[\d.]+)s \d+%: (?P<STWSclock>[^+]+)\+(?P<MASclock>[^+]+)\+"
    r"(?P<STWMclock>[^+]+) ms clock, (?P<STWScpu>[^+]+)\+(?P<MASAssistcpu>[^+]+)/"
    r"(?P<MASBGcpu>[^+]+)/(?P<MASIdlecpu>[^+]+)\+(?P<STWMcpu>[^+]+) ms cpu, "
    r"\d+->\d+->\d+ MB, (?P<Heap1>\d+) MB goal, \d+ P")

# As scripts do that plot the log of a Go of today: they insist on stacks and globals.
PLOTTER = re.compile(
    r"gc\s+\d+\s+@[0-9.]+s\s+\d+%:\s+(?P<clock>[^,]+) ms clock, (?P<cpu>[^,]+) ms cpu,"
    r"\s+[0-9.]+->[0-9.]+->[0-9.]+ MB,\s+[0-9.]+ MB goal,\s+(?P<stacks>[0-9.]+) MB stacks,"
    r"\s+(?P<globals>[0-9.]+) MB globals,\s+(?P<procs>\d+) P")

TOOLS = {"tebeka/gctrace": TEBEKA, "aclements' gctrace.py": ACLEMENTS, "gcvis": GCVIS,
         "plotters": PLOTTER}

# What the runtimes of Go print, to the letter.
TIME = r"(?:0|0\.00[1-9]|0\.0[1-9]\d|0\.[1-9]\d|[1-9]\.\d|[1-9]\d+)"
EXACT = (rf"gc [1-9]\d* @\d+\.\d{{3}}s \d{{1,3}}%: {TIME}\+{TIME}\+{TIME} ms clock, "
         rf"{TIME}\+{TIME}/{TIME}/{TIME}\+{TIME} ms cpu, \d+->\d+->\d+ MB, \d+ MB goal, "
         r"<roots>[1-9]\d* P( \(forced\))?")
GO_1_6 = re.compile(EXACT.replace("<roots>", ""))
GO_1_27 = re.compile(EXACT.replace("<roots>", r"\d+ MB stacks, \d+ MB globals, "))

# Our own lines of GCTRACE=2: after each cycle, and the table at the end of the heap.
STALLS = re.compile(
    r"stalls gc \d+ \(count p50/p99\.9/max us\):( [a-z-]+ \d+ \d+\.\d/\d+\.\d/\d+\.\d)+"
    r"|stalls cause, us +count +total +p50 +p99 +p99\.9 +max +cpu p99\.9 +cpu max"
    r"|stalls [a-z-]+ +\d+( +\d+\.\d){7}")
SLOW = re.compile(r"trillium: thread '.*' came to a safepoint only after \d+\.\d ms \(.*")

SUMMARY = re.compile(r"(\d+) cycles, (\d+) forced, (\d+) bytes live at the last\n")


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


# What each form must be matched by; all others of the tools must not match it.
FORMS = {
    "go": (GO_1_27, {"tebeka/gctrace", "aclements' gctrace.py", "plotters"}),
    "go-1.6": (GO_1_6, {"tebeka/gctrace", "aclements' gctrace.py", "gcvis"}),
}

REAL_MEMBERS = {"utilization", "expected_utilization", "assist_work_per_byte",
                "assist_bytes_per_work", "fractional_share", "cons_mark", "pages_per_byte"}
FLAG_MEMBERS = {"forced", "at_end", "controller_reset"}
TEXT_MEMBERS = {"type", "cause", "thread", "handshake"}
LIMIT_MEMBERS = {"goal_bytes"}  # null where there is none


def tools_that_read(line):
    return {name for name, expression in TOOLS.items() if expression.search(line)}


def check_expressions():
    for form, line in ("go-1.6", GO_1_6_LINE), ("go", GO_1_19_LINE):
        exact, tools = FORMS[form]
        expect(tools_that_read(line) == tools, f"the expressions of the tools: {line}")
        expect(exact.fullmatch(line), f"the form {form}")
        for other in FORMS:
            expect(other == form or not FORMS[other][0].fullmatch(line), f"not of {other}: {line}")
        time = line.split("+")[1].split(" ")[0]
        for spoilt in (line.replace(" P", " P."), line.replace(f"+{time}", f"+{time}4", 1),
                       line.replace("/0", "", 1).replace("/2.2", "", 1),
                       line.replace("74s", "7s").replace("82s", "8s"), line.replace("%:", ".0%:"),
                       line.replace("MB goal,", "MB  goal,"), line.replace(" MB, ", ".0 MB, ", 1)):
            expect(spoilt != line and not exact.fullmatch(spoilt), f"matched: {spoilt}")


def run(command, **variables):
    """The program's stdout, and its stderr as lines."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("GOGC", "MEMLIMIT", "GOMEMLIMIT", "GCTRACE", "GODEBUG")}
    environment.update(variables)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    expect(done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout, done.stderr.splitlines()


# ---- The forms of Go -----------------------------------------------------------------------------

def check_line(line, number, form):
    """One line, by each tool's expression; what tebeka's gives."""
    exact, tools = FORMS[form]
    expect(exact.fullmatch(line), f"not of the form {form}: {line}")
    expect(tools_that_read(line) == tools, f"read by {tools_that_read(line)}: {line}")
    tebeka = TEBEKA.search(line)
    aclements = ACLEMENTS.search(line)
    expect(int(tebeka["num"]) == int(aclements["n"]) == number, f"not number {number}: {line}")
    expect(len(tebeka["clock"].split("+")) == 3, f"clock: {line}")
    expect(len(re.split(r"[+/]", tebeka["cpu"])) == 5, f"cpu: {line}")
    expect(int(tebeka["cores"]) == len(os.sched_getaffinity(0)), f"processors: {line}")
    expect(0 <= int(aclements["util"]) <= 100, f"share: {line}")
    expect(int(tebeka["live"]) <= int(tebeka["after"]), f"more live than there was: {line}")
    return tebeka


def read_summary(stdout):
    summary = SUMMARY.fullmatch(stdout)
    expect(summary, f"the program said: {stdout}")
    cycles, forced, live = (int(number) for number in summary.groups())
    expect(cycles > forced >= 3, "some cycles were to be triggered by allocation")
    return cycles, forced, live


def check_trace(stdout, lines, form="go"):
    cycles, forced, live = read_summary(stdout)
    expect(len(lines) == cycles, f"{len(lines)} lines of {cycles} cycles: {lines}")
    expect(sum(line.endswith(" P (forced)") for line in lines) == forced, "forced cycles")
    parsed = [check_line(line, number, form) for number, line in enumerate(lines, 1)]
    starts = [float(match["start"].rstrip("s")) for match in parsed]
    expect(starts == sorted(starts), f"the clock goes back: {starts}")
    expect(int(parsed[-1]["live"]) == live >> 20, f"live at the last: {lines[-1]}")
    first_forced = next(match for match in parsed if match.string.endswith("(forced)"))
    expect(int(first_forced["live"]) == 8000000 >> 20, f"not 8 MB: {first_forced.string}")
    return cycles


def check_stalls_beside(stdout, lines):
    """With GCTRACE=2 no tool takes one of the other lines for a cycle's."""
    traces = [line for line in lines if line.startswith("gc ")]
    others = [line for line in lines if not line.startswith("gc ")]
    expect(len(others) > len(traces), f"no stalls: {others}")
    for line in others:
        expect(STALLS.fullmatch(line) or SLOW.fullmatch(line), f"neither cycle nor stalls: {line}")
        expect(not tools_that_read(line), f"a tool for Go's log reads it: {line}")
    return check_trace(stdout, traces)


# ---- JSON ----------------------------------------------------------------------------------------

def refuse(constant):
    raise Failure(f"{constant} is not JSON")


def parse_object(line):
    """A line as (member, value) pairs; strictly."""
    try:
        pairs = json.loads(line, parse_constant=refuse, object_pairs_hook=list)
    except ValueError as error:
        raise Failure(f"not JSON: {error}: {line}") from error
    expect(isinstance(pairs, list) and len(dict(pairs)) == len(pairs), f"not an object: {line}")
    for name, value in pairs:
        wanted = (bool if name in FLAG_MEMBERS else str if name in TEXT_MEMBERS
                  else (int, float) if name in REAL_MEMBERS
                  else (int, type(None)) if name in LIMIT_MEMBERS else int)
        expect(isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)),
               f"{name} is {value!r}: {line}")
        expect(not isinstance(value, (int, float)) or value >= 0, f"{name} is negative: {line}")
    return dict(pairs)


def documented(document):
    """{type of line: names in its table} of the document's headings `"type":"..."`."""
    text = document.read_text(encoding="utf-8")
    tables = {}
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE):
        heading = re.match(r'`"type":"(\w+)"`', part)
        if heading:
            tables[heading.group(1)] = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    return tables


def check_members(lines, tables):
    """The lines as objects, each with the members that the document explains, in its order."""
    objects = [parse_object(line) for line in lines]
    for line, values in zip(lines, objects):
        names = tables.get(values["type"])
        expect(names, f'no table of "type":"{values["type"]}" in the document')
        expect(["type", *names] == list(values), f"members: {list(values)}, documented: {names}")
        expect(not tools_that_read(line), f"a tool for Go's log reads it: {line}")
    return objects


def check_json(stdout, lines, tables):
    cycles, forced, live = read_summary(stdout)
    objects = check_members(lines, tables)
    traces = [values for values in objects if values["type"] == "gc"]
    expect([values["number"] for values in traces] == list(range(1, cycles + 1)), "numbers")
    expect(sum(values["forced"] for values in traces) == forced, "forced cycles")
    expect(traces[-1]["marked_bytes"] == live, "live at the last")
    expect(next(values for values in traces if values["forced"])["marked_objects"] >= 31250,
           "objects")
    for values in traces:
        expect(values["utilization"] <= 1, f"share: {values}")
        expect(values["processors"] == len(os.sched_getaffinity(0)), f"processors: {values}")
        expect(values["marked_bytes"] <= values["heap_after_bytes"], f"too much live: {values}")
    return objects


def check_json_forms(command, samples, tables):
    load = [*command, "json"]
    objects = check_json(*run(load, GCTRACE="1"), tables)
    expect(all(values["type"] == "gc" for values in objects), "GCTRACE=1 is one line a cycle")
    debug = os.environ.get("GCDEBUG", "") + ",slowsafepoint=1"
    objects = check_json(*run(load, GCTRACE="2", GCDEBUG=debug), tables)
    stalls = [values for values in objects if values["type"] == "stall"]
    # Which handshakes it answered itself depends on when it was blocked; it always took pages.
    expect("grow" in {values["cause"] for values in stalls}, "causes")
    expect({values["at_end"] for values in stalls} == {False, True}, "stalls at the end")
    stdout, _ = run([*command[:-1], samples])
    others = check_members(stdout.splitlines(), tables)
    types = {values["type"] for values in objects + others} | {"slow_safepoint"}
    expect(types == set(tables), f"documented: {sorted(tables)}, printed: {sorted(types)}")
    return len(objects) + len(others)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--document", type=pathlib.Path, required=True)
    parser.add_argument("--samples", required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    command = arguments.command
    try:
        check_expressions()
        count = 0
        for variables in ({"GCTRACE": "1"}, {"GODEBUG": "gctrace=1"},
                          {"GODEBUG": "madvdontneed=1,gctrace=1", "GOGC": "50"}):
            count += check_trace(*run(command, **variables))
        old = check_trace(*run([*command, "go-1.6"], GCTRACE="1"), "go-1.6")
        count += check_stalls_beside(*run(command, GCTRACE="2"))
        objects = check_json_forms(command, arguments.samples,
                                   documented(arguments.document))
        for variables in ({}, {"GCTRACE": "0"}, {"GODEBUG": "gctrace=1", "GCTRACE": "0"}):
            stdout, lines = run(command, **variables)
            expect(SUMMARY.fullmatch(stdout) and not lines, f"{variables}: {lines}")
    except Failure as failure:
        sys.exit(f"gctrace_check: {failure}")
    print(f"{count} lines read by the expressions of tebeka/gctrace, aclements' gctrace.py and "
          f"plotters, as of Go since 1.19; {old} by those of tebeka, aclements and gcvis, as of Go "
          f"1.6; {objects} objects of JSON with the members that the document explains")


if __name__ == "__main__":
    main()
