"""The machine: runs programs, and knows how many processors they really had.

Virtual machines sometimes keep two busy threads on one processor for a minute. So a thread of idle
priority spins on each processor while this measures throughput, a short loop of arithmetic before
and after each run tells whether two processors are there (a factor near 2), and a run that had less
than 1.6 is repeated, up to a bound.

Where single operations are timed, nothing spins: even a thread of idle priority now and then gets
the processor, and keeps it until the next tick of the clock, 4 ms.
"""

import contextlib
import os
import platform
import re
import subprocess
import sys
import time

TWO_PROCESSORS = 1.6  # the least factor at which two threads count as having two processors
ATTEMPTS = 3  # how often a run is made for want of a second processor
PATIENCE_S = 60  # how long, in all, runs wait for a second processor before they begin
TIMEOUT_S = 1200

# Settings of the peers and of Trillium that a user's environment may carry.
FOREIGN_VARIABLES = re.compile(
    r"^(GC|GO|MEMLIMIT|MALLOC_|MIMALLOC_|_RJEM|LD_PRELOAD|GLIBC_TUNABLES)"
)


class BenchError(Exception):
    """Something that makes the figures worthless."""


def figures_of(output, messages=None):
    """Of lines "name text"."""
    return dict(line.split(None, 1) for line in output.splitlines() if line.strip())


class Machine:
    """Runs programs, and knows how many processors they really had."""

    def __init__(self, tool, attempts=ATTEMPTS, patience_s=PATIENCE_S, pause=time.sleep):
        self.tool = tool
        self.attempts = attempts
        self.patience_s = patience_s
        self.pause = pause
        self.processors = len(os.sched_getaffinity(0))
        self.notes = []
        self.settings = {}  # implementation: environment variables of its programs
        self.environment = {
            name: value for name, value in os.environ.items() if not FOREIGN_VARIABLES.match(name)
        }

    def lines(self, command, environment=None, timeout=TIMEOUT_S, parse=None):
        """The output of a program as {name: text}; what is in `environment` is set for it. `parse`
        makes that of its output and its messages, which are otherwise passed on."""
        environment = environment or {}
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if parse else None,
            text=True,
            env=dict(self.environment, **environment),
            timeout=timeout,
        )
        if parse and (done.returncode != 0 or "GCTRACE" in environment):
            sys.stderr.write(done.stderr)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} ended with status {done.returncode}")
        return (parse or figures_of)(done.stdout, done.stderr)

    def factor(self):
        """How much more two threads do than one; 2 where that is not to be had anyway."""
        if self.processors < 2:
            return 2.0
        return float(self.lines([self.tool, "factor"])["factor"])

    def wait_for_two_processors(self):
        factor = self.factor()
        while factor < TWO_PROCESSORS and self.patience_s > 0:
            self.pause(1)
            self.patience_s -= 1
            factor = self.factor()
        return factor

    def measure(self, command, environment=None, parse=None):
        """One run: its metrics, and the lesser of the factors before and after. Of several attempts
        the one with the best factor."""
        best = None
        for _ in range(self.attempts):
            before = self.wait_for_two_processors()
            lines = self.lines([self.tool, "run"] + command, environment, parse=parse)
            factor = min(before, self.factor())
            if best is None or factor > best[1]:
                best = (lines, factor)
            if factor >= TWO_PROCESSORS:
                break
        return best

    @contextlib.contextmanager
    def spinners(self):
        """A thread of idle priority on each processor, in this session: in another one it would be
        given a session's share of the processor."""
        spinner = subprocess.Popen([self.tool, "spin"])
        try:
            yield
        finally:
            if spinner.poll() is not None:
                self.notes.append("the threads of idle priority did not run all the time")
            spinner.kill()
            spinner.wait()


def machine_text():
    model = "unknown processor"
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as info:
        names = re.findall(r"^model name\s*:\s*(.*)$", info.read(), re.MULTILINE)
        model = names[0] if names else platform.machine()
    count = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {count} processors, {memory:.0f} GiB, Linux {platform.release()}"
