#!/usr/bin/env python3
"""Run Lox test scripts and REPL transcripts, and compare what they do with what they say.

Usage: run.py --lox BINARY [options] DIR_OR_FILE...

A script (*.lox) carries its expectations as comments, each reaching to the end of its line:

    print 1 + 2;   // out: 3                      the next line of standard output
    // out:                                       an empty line of standard output
    print nil + 1; // err: Operands must be ...   the next line of standard error
    // err*63: [line 4] in down()                 the same line 63 times
    // exit: 70                                   the exit status; 0 where there is none

A script that has to be free of comments (an empty one, say) has them in a file beside it, with
".expect" added to its name. A script without any expectation is an error.

A transcript (*.repl) is what a person would see on a terminal:

    # a remark
    > print 1 + 2;       what is typed
    3                    a line of standard output
    ! Undefined ...      a line of standard error
    = 0                  the exit status, where it is not 0

The prompt and the line break that follow the end of the input are expected without being written.

Standard output, standard error and the exit status are each compared completely and exactly.
With --isolates N each script is run by N machines at once; then every line is expected N times,
and the lines may come in any order. (Transcripts are for one machine, and left out.)
Exit status: 0 if all passed, 1 if any failed or none was found, 2 if the arguments are wrong.
"""

import argparse
import difflib
import os
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

EXPECTATION = re.compile(r"// (out|err|exit)(?:\*(\d+))?:(?: (.*))?$")
LOOKS_LIKE_EXPECTATION = re.compile(
    r"//\s*(out|err|exit|stdout|stderr)\s*(\*\s*\d*)?\s*:", re.IGNORECASE)
PROMPT = "> "
# These make the collector write to standard error, which would be taken for the script's own.
NOISY_VARIABLES = ("GCTRACE", "GODEBUG")


class BadTest(Exception):
    """A test file that cannot be understood."""


class Outcome:
    """What a run wrote and how it ended; also what it is expected to."""

    def __init__(self, out="", err="", status=0):
        self.out = out
        self.err = err
        self.status = status


def of_isolates(expected, count):
    """What is expected of a script that several machines run at once; see in_any_order."""
    return Outcome(expected.out * count, expected.err * count, expected.status)


def in_any_order(outcome):
    return Outcome(*("".join(sorted(text.splitlines(keepends=True)))
                     for text in (outcome.out, outcome.err)), outcome.status)


class Test:
    def __init__(self, path, name, expected, arguments, stdin):
        self.path = path
        self.name = name
        self.expected = expected
        self.arguments = arguments
        self.stdin = stdin


def read_text(path):
    # Bytes that are not UTF-8 survive, so that a test may contain them.
    return path.read_bytes().decode("utf-8", "surrogateescape")


def parse_script(path):
    beside = path.with_name(path.name + ".expect")
    source = beside if beside.exists() else path
    out, err, status = [], [], None
    for number, line in enumerate(read_text(source).split("\n"), 1):
        line = line.rstrip("\r")
        match = EXPECTATION.search(line)
        if not match:
            if LOOKS_LIKE_EXPECTATION.search(line):
                raise BadTest(f"{source}:{number}: malformed expectation: {line.strip()}")
            continue
        kind, times, text = match.group(1), int(match.group(2) or 1), match.group(3) or ""
        if kind == "exit":
            if status is not None:
                raise BadTest(f"{source}:{number}: a second exit status")
            if not text.isdigit():
                raise BadTest(f"{source}:{number}: the exit status must be a number")
            status = int(text)
        else:
            (out if kind == "out" else err).extend([text + "\n"] * times)
    if not out and not err and status is None:
        raise BadTest(f"{source}: no expectation at all")
    return Outcome("".join(out), "".join(err), status or 0), [str(path)], ""


def parse_transcript(path):
    typed, out, err, status = [], [], [], 0
    for line in read_text(path).splitlines():
        if line.startswith("# ") or line == "#":
            continue
        if line.startswith(PROMPT) or line == PROMPT.rstrip():
            typed.append(line[len(PROMPT):] + "\n")
            out.append(PROMPT)
        elif line.startswith("! "):
            err.append(line[2:] + "\n")
        elif line.startswith("= "):
            status = int(line[2:])
        else:
            out.append(line + "\n")
    if not typed:
        raise BadTest(f"{path}: nothing is typed")
    out.append(PROMPT + "\n")
    return Outcome("".join(out), "".join(err), status), [], "".join(typed)


PARSERS = {".lox": parse_script, ".repl": parse_transcript}


def find_tests(roots, name_filter, skipped):
    """Return (tests, list of (name, complaint) about files that are no tests)."""
    tests, bad = [], []
    for root in map(Path, roots):
        if not root.exists():
            bad.append((str(root), "no such file or directory"))
            continue
        paths = [root] if root.is_file() else sorted(
            path for path in root.rglob("*") if path.is_file() and path.suffix in PARSERS)
        for path in paths:
            name = path.name if root.is_file() else str(path.relative_to(root))
            if name_filter not in name or any(text in name for text in skipped):
                continue
            if path.suffix not in PARSERS:
                bad.append((name, "neither a .lox script nor a .repl transcript"))
                continue
            try:
                tests.append(Test(path, name, *PARSERS[path.suffix](path)))
            except BadTest as complaint:
                bad.append((name, str(complaint)))
    return tests, bad


def describe_status(status):
    if status >= 0:
        return str(status)
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def execute(test, command, environment, timeout):
    """Return the outcome, or a string that says why there is none."""
    try:
        done = subprocess.run(
            command + test.arguments, input=test.stdin.encode("utf-8", "surrogateescape"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"did not end within {timeout:g} s"
    except OSError as error:
        return f"cannot be run: {error}"
    return Outcome(done.stdout.decode("utf-8", "surrogateescape"),
                   done.stderr.decode("utf-8", "surrogateescape"), done.returncode)


def compare(expected, actual, ordered=True):
    """Return the lines that tell the differences; none if there are none."""
    if isinstance(actual, str):
        return [actual]
    if not ordered:
        expected, actual = in_any_order(expected), in_any_order(actual)
    report = []
    if expected.status != actual.status:
        report.append(f"exit status: expected {describe_status(expected.status)}, "
                      f"got {describe_status(actual.status)}")
    for label, wanted, got in (("standard output", expected.out, actual.out),
                               ("standard error", expected.err, actual.err)):
        if wanted == got:
            continue
        report.append(f"{label}: (- expected, + got)")
        lines = list(difflib.unified_diff(wanted.split("\n"), got.split("\n"), lineterm="", n=2))
        report.extend(lines[2:42])
        if len(lines) > 42:
            report.append(f"... {len(lines) - 42} more lines")
    return report


def printable(text):
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Run Lox test scripts and REPL transcripts.",
        epilog="The format of a test is described at the top of this file.")
    parser.add_argument("--lox", required=True, metavar="BINARY", help="the virtual machine")
    parser.add_argument("--wrapper", default="", metavar="COMMAND",
                        help="put before the binary, e.g. \"qemu-aarch64 -L DIR\"")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="tests at a time (2)")
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS",
                        help="for one test (60)")
    parser.add_argument("--filter", default="", metavar="TEXT",
                        help="only tests with TEXT in the name")
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT",
                        help="no test with TEXT in the name; may be given again")
    parser.add_argument("--isolates", type=int, default=0, metavar="N",
                        help="let N machines run each script at once")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                        help="set in the environment of each test; may be given again")
    parser.add_argument("--generate-into", metavar="DIR",
                        help="let generate.py write the big scripts to DIR, and run them too")
    parser.add_argument("--verbose", action="store_true", help="name the tests that pass as well")
    parser.add_argument("roots", nargs="+", metavar="DIR_OR_FILE")
    options = parser.parse_args(argv)
    if options.jobs < 1:
        parser.error("--jobs needs a number of at least 1")
    if options.isolates < 0:
        parser.error("--isolates needs a number of at least 1")
    for setting in options.env:
        if "=" not in setting:
            parser.error(f"--env {setting}: expected NAME=VALUE")
    if not Path(options.lox).is_file() or not os.access(options.lox, os.X_OK):
        parser.error(f"--lox {options.lox}: not an executable file")
    return options


def main(argv):
    options = parse_arguments(argv)
    roots = list(options.roots)
    if options.generate_into:
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(Path(__file__).resolve().parent))
        import generate
        generate.write_all(Path(options.generate_into))
        roots.append(options.generate_into)
    environment = {k: v for k, v in os.environ.items() if k not in NOISY_VARIABLES}
    environment.update(setting.split("=", 1) for setting in options.env)
    command = shlex.split(options.wrapper) + [os.path.abspath(options.lox)]

    tests, bad = find_tests(roots, options.filter, options.skip)
    if options.isolates:
        tests = [test for test in tests if test.path.suffix == ".lox"]
        for test in tests:
            test.expected = of_isolates(test.expected, options.isolates)
            test.arguments = ["--isolates", str(options.isolates)] + test.arguments
    failed = len(bad)
    for name, complaint in bad:
        print(f"FAIL {name}\n    {printable(complaint)}")
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = pool.map(
            lambda test: execute(test, command, environment, options.timeout), tests)
        for test, outcome in zip(tests, outcomes):
            report = compare(test.expected, outcome, ordered=not options.isolates)
            if report:
                failed += 1
                print(f"FAIL {test.name}")
                for line in report:
                    print("    " + printable(line))
            elif options.verbose:
                print(f"ok   {test.name}")
            sys.stdout.flush()
    if not tests and not bad:
        print("no tests found in " + ", ".join(roots)
              + (f" with \"{options.filter}\" in the name" if options.filter else ""))
    print(f"{len(tests) + len(bad) - failed} passed, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
