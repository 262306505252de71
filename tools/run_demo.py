#!/usr/bin/env python3
"""Run each Lox script of a directory with GCTRACE=1; show its trace, and a table at the end.

A script's own output is shown in short; its trace lines come as they are written. A script that
fails makes the demo fail.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import threading
import time

SHOWN_LINES = 4  # of a script's own output: the first ones, and how many more there were
TRACE_HEAD = 3  # trace lines shown as they come; later ones are thinned out
TRACE_TAIL = 2
TRACE = re.compile(r"^gc (\d+) @")

LEGEND = """\
How to read a trace line:

    gc 7 @0.184s 11%: 0.01+2.3+0.01 ms clock, 0.02+0/4.5/0+0.02 ms cpu, 8->8->3 MB, 9 MB goal,
    0 MB stacks, 0 MB globals, 2 P

    gc 7 @0.184s  the seventh cycle, 0.184 s after the heap was made
    11%           of the processors' time since then went into collection
    ms clock      how long the cycle took: start + marking + end
    ms cpu        processor time of the same: start + assists/marker threads/idle + end
    8->8->3 MB    the heap when marking began -> when it ended -> what of it was alive
    9 MB goal     the size at which the cycle was to end: by GOGC=100, twice what was alive before
    2 P           processors

Try GOGC=50 ./dev demo, or GOGC=400: less memory for more cycles, or the other way round.
"""


class Run:
    """One script's run: what it printed, what it cost."""

    def __init__(self, script, options=()):
        self.script, self.options = script, options
        self.name = " ".join((script.stem, *options))
        self.output, self.trace, self.errors = [], [], []
        self.wall = self.cpu = self.peak_mib = 0.0
        self.status = None

    def title(self):
        """The first sentence of the script's opening comment, which says what it does."""
        words = []
        for line in self.script.read_text(encoding="utf-8").split("\n"):
            if not line.startswith("//"):
                break
            words += line.removeprefix("//").split()
        sentence = re.match(r".*?\.(?= |$)|.*", " ".join(words)).group()
        return textwrap.shorten(sentence.rstrip("."), 90, placeholder=" ...")

    def cycles(self):
        return max((int(TRACE.match(line).group(1)) for line in self.trace), default=0)

    def execute(self, interpreter, timeout):
        environment = dict(os.environ, GCTRACE="1")
        start = time.monotonic()
        # Not a context manager: the usage of just this child is wanted, so wait4 reaps it.
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*interpreter, *self.options, str(self.script)], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace")
        readers = [threading.Thread(target=self._read_output, args=(process.stdout,)),
                   threading.Thread(target=self._read_trace, args=(process.stderr,))]
        killer = threading.Timer(timeout, process.kill)
        for thread in (*readers, killer):
            thread.start()
        for thread in readers:
            thread.join()
        _, wait_status, usage = os.wait4(process.pid, 0)
        killer.cancel()
        process.returncode = self.status = os.waitstatus_to_exitcode(wait_status)
        self.wall = time.monotonic() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak_mib = usage.ru_maxrss / 1024
        self._print_rest()

    def _read_output(self, pipe):
        self.output = [line.rstrip("\n") for line in pipe]

    def _read_trace(self, pipe):
        for line in pipe:
            line = line.rstrip("\n")
            if not TRACE.match(line):
                self.errors.append(line)
                continue
            self.trace.append(line)
            if len(self.trace) <= TRACE_HEAD:
                print(f"  {line}", flush=True)

    def _print_rest(self):
        rest = self.trace[TRACE_HEAD:]
        if len(rest) > TRACE_TAIL:
            print(f"  ... {len(rest) - TRACE_TAIL} more ...")
        for line in rest[-TRACE_TAIL:]:
            print(f"  {line}")
        for line in self.output[:SHOWN_LINES]:
            print(f"  > {line}")
        if len(self.output) > SHOWN_LINES:
            print(f"  > ... {len(self.output) - SHOWN_LINES} more lines")
        for line in self.errors[-10:]:
            print(f"  ! {line}")


def print_summary(runs):
    width = max(len(run.name) for run in runs)
    print(f"{'script':{width}}   wall s    cpu s   peak MiB   cycles   exit")
    for run in runs:
        print(f"{run.name:{width}} {run.wall:8.2f} {run.cpu:8.2f} {run.peak_mib:10.1f}"
              f" {run.cycles():8d} {run.status:6d}")
    print(f"{'total':{width}} {sum(run.wall for run in runs):8.2f}"
          f" {sum(run.cpu for run in runs):8.2f} {max(run.peak_mib for run in runs):10.1f}"
          f" {sum(run.cycles() for run in runs):8d}   (peak: the largest)")
    print()
    print(LEGEND)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isolates", type=int, metavar="N", help="run the first script once"
                        " more, in N threads on one heap")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one script")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("interpreter", nargs="+")
    arguments = parser.parse_args()

    scripts = sorted(arguments.directory.glob("*.lox"))
    if not scripts:
        sys.exit(f"run_demo: no scripts in {arguments.directory}")
    runs = [Run(script) for script in scripts]
    if arguments.isolates:
        runs.append(Run(scripts[0], ("--isolates", str(arguments.isolates))))
    for number, run in enumerate(runs, 1):
        print(f"[{number}/{len(runs)}] {run.name}: {run.title()}", flush=True)
        run.execute(arguments.interpreter, arguments.timeout)
        print()
    print_summary(runs)
    failed = [run for run in runs if run.status != 0]
    untraced = [run for run in runs if run.status == 0 and run.cycles() == 0]
    for run in untraced:
        print(f"{run.name} ended without a collection")
    if failed:
        print(f"{len(failed)} of {len(runs)} scripts failed:"
              f" {', '.join(run.name for run in failed)}")
        return 1
    print(f"all {len(runs)} scripts ended well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
