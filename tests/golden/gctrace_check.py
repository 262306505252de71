#!/usr/bin/env python3
"""Check real trace lines with the expressions by which public tools read Go's log.

usage: gctrace_check.py PROGRAM...

The program is tests/golden/gctrace_load.c. Each expression is first tried on lines that Go itself
has printed, so that a slip of the pen here is not taken for a fault of the line.
"""

import os
import re
import subprocess
import sys

# Go 1.5 and before 1.19 had no stacks and globals.
GO_1_6 = ("gc 3 @0.182s 4%: 0.022+1.9+0.061 ms clock, 0.17+0.72/2.2/0.36+0.49 ms cpu, "
          "4->4->2 MB, 5 MB goal, 8 P")
GO_1_19 = ("gc 14 @1.274s 2%: 0.031+2.3+0.004 ms clock, 0.25+0.28/3.9/0+0.036 ms cpu, "
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

# What Go 1.27's runtime prints, to the letter.
GO_1_27 = re.compile(
    r"gc [1-9]\d* @\d+\.\d{3}s \d{1,3}%: (T\+T\+T) ms clock, (T\+T/T/T\+T) ms cpu, "
    r"\d+->\d+->\d+ MB, \d+ MB goal, \d+ MB stacks, \d+ MB globals, [1-9]\d* P( \(forced\))?"
    .replace("T", r"(?:0|0\.00\d|0\.0\d\d|0\.\d\d|\d\.\d|[1-9]\d+)"))

SUMMARY = re.compile(r"(\d+) cycles, (\d+) forced, (\d+) bytes live at the last\n")


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


def check_expressions():
    for line in GO_1_6, GO_1_19:
        expect(TEBEKA.search(line) and ACLEMENTS.search(line), f"not matched: {line}")
    expect(GCVIS.search(GO_1_6) and not GCVIS.search(GO_1_19), "the expression of gcvis")
    expect(GO_1_27.fullmatch(GO_1_19) and not GO_1_27.fullmatch(GO_1_6), "the form of Go 1.27")
    for spoilt in (GO_1_19.replace("8 P", "8 P."), GO_1_19.replace("2.3", "2.34"),
                   GO_1_19.replace("0.28/3.9/0", "0.28/3.9"), GO_1_19.replace("1.274s", "1.27s")):
        expect(not GO_1_27.fullmatch(spoilt), f"matched: {spoilt}")


def run(command, **variables):
    """The program's stdout, and its stderr as lines."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("GOGC", "MEMLIMIT", "GOMEMLIMIT", "GCTRACE", "GODEBUG")}
    environment.update(variables)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    expect(done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout, done.stderr.splitlines()


def check_line(line, number):
    """One line, by each tool's expression; what tebeka's gives."""
    expect(GO_1_27.fullmatch(line), f"not of Go's form: {line}")
    tebeka = TEBEKA.search(line)
    aclements = ACLEMENTS.search(line)
    expect(tebeka, f"not matched by tebeka/gctrace: {line}")
    expect(aclements, f"not matched by aclements' gctrace.py: {line}")
    expect(not GCVIS.search(line), f"matched by gcvis, which no Go since 1.19 is: {line}")
    expect(int(tebeka["num"]) == int(aclements["n"]) == number, f"not number {number}: {line}")
    expect(len(tebeka["clock"].split("+")) == 3, f"clock: {line}")
    expect(len(re.split(r"[+/]", tebeka["cpu"])) == 5, f"cpu: {line}")
    expect(int(tebeka["cores"]) == len(os.sched_getaffinity(0)), f"processors: {line}")
    expect(0 <= int(aclements["util"]) <= 100, f"share: {line}")
    expect(int(tebeka["live"]) <= int(tebeka["after"]), f"more live than there was: {line}")
    return tebeka


def check_trace(stdout, lines):
    summary = SUMMARY.fullmatch(stdout)
    expect(summary, f"the program said: {stdout}")
    cycles, forced, live = (int(number) for number in summary.groups())
    expect(len(lines) == cycles, f"{len(lines)} lines of {cycles} cycles: {lines}")
    expect(sum(line.endswith(" P (forced)") for line in lines) == forced, "forced cycles")
    expect(cycles > forced >= 3, "some cycles were to be triggered by allocation")
    parsed = [check_line(line, number) for number, line in enumerate(lines, 1)]
    starts = [float(match["start"].rstrip("s")) for match in parsed]
    expect(starts == sorted(starts), f"the clock goes back: {starts}")
    expect(int(parsed[-1]["live"]) == live >> 20, f"live at the last: {lines[-1]}")
    first_forced = next(match for match in parsed if match.string.endswith("(forced)"))
    expect(int(first_forced["live"]) == 8000000 >> 20, f"not 8 MB: {first_forced.string}")
    return cycles


def main():
    command = sys.argv[1:]
    try:
        check_expressions()
        count = 0
        for variables in ({"GCTRACE": "1"}, {"GODEBUG": "gctrace=1"},
                          {"GODEBUG": "madvdontneed=1,gctrace=1", "GOGC": "50"}):
            count += check_trace(*run(command, **variables))
        for variables in ({}, {"GCTRACE": "0"}, {"GODEBUG": "gctrace=1", "GCTRACE": "0"}):
            stdout, lines = run(command, **variables)
            expect(SUMMARY.fullmatch(stdout) and not lines, f"{variables}: {lines}")
    except Failure as failure:
        sys.exit(f"gctrace_check: {failure}")
    print(f"{count} lines read by the expressions of tebeka/gctrace and aclements' gctrace.py; "
          "gcvis reads none, as of any Go since 1.19")


if __name__ == "__main__":
    main()
