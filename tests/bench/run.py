#!/usr/bin/env python3
"""Measure Trillium beside its peers: `./dev bench`.

Workloads, implementations and metrics are described in docs/benchmarks.md. For each variant of a
workload the implementations run in turn, A B C A B C, so that what the machine does to one it does
to all; a figure is the median over the runs, a ratio the median of the ratios within each turn.

Virtual machines sometimes keep two busy threads on one processor for a minute. So a thread of idle
priority spins on each processor while this measures throughput, a short loop of arithmetic before
and after each run tells whether two processors are there (a factor near 2), and a run that had less
than 1.6 is repeated, up to a bound. What stays below is said.

Where single operations are timed, nothing spins: even a thread of idle priority now and then gets
the processor, and keeps it until the next tick of the clock, 4 ms.
"""

import argparse
import contextlib
import datetime
import fnmatch
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))

RUNS = 5
QUICK_RUNS = 3
TWO_PROCESSORS = 1.6  # the least factor at which two threads count as having two processors
ATTEMPTS = 3  # how often a run is made for want of a second processor
PATIENCE_S = 60  # how long, in all, runs wait for a second processor before they begin
TIMEOUT_S = 1200

UNITS = {
    "ns_op": "ns",
    "cpu_ns_op": "ns",
    "full_ms": "ms",
    "full_cpu_ms": "ms",
    "build_s": "s",
    "mean_ns": "ns",
    "p50_ns": "ns",
    "p99_ns": "ns",
    "p999_ns": "ns",
    "p9999_ns": "ns",
    "max_us": "us",
    "watcher_max_us": "us",
    "watcher_over_100us": "1",
    "watcher_over_1ms": "1",
    "collector_max_us": "us",
    "collector_p999_us": "us",
    "collector_cpu_p999_us": "us",
    "collector_cpu_max_us": "us",
    "collections": "1",
    "allocations": "1",
    "run_s": "s",
    "run_cpu_s": "s",
    "wall_s": "s",
    "cpu_s": "s",
    "peak_rss_mb": "MiB",
    "interval_ms": "ms",
    "peak_heap_mb": "MiB",
    "gc_share_pct": "%",
    "gc_share_max_pct": "%",
    "start_ns_op": "ns",
    "throughput_pct": "%",
    "throughput_end_pct": "%",
    "overshoot_pct": "%",
    "limiter_s": "s",
    "gave_up": "1",
    "handler_s": "s",
    "rss_spike_mb": "MiB",
    "rss_0s_mb": "MiB",
    "rss_1s_mb": "MiB",
    "rss_2s_mb": "MiB",
    "rss_5s_mb": "MiB",
    "rss_10s_mb": "MiB",
    "rss_released_mb": "MiB",
    "rss_mb": "MiB",
    "goal_mb": "MiB",
    "rss_goal": "1",
    "rss_live": "1",
    "ratio": "trillium/this",
    "cpu_ratio": "trillium/this",
    "p9999_ratio": "trillium/this",
    "max_ratio": "trillium/this",
    "cycles_ratio": "trillium/this",
    "share_ratio": "trillium/this",
    "memory_ratio": "trillium/this",
}

# Settings of the peers and of Trillium that a user's environment may carry.
FOREIGN_VARIABLES = re.compile(
    r"^(GC|GO|MEMLIMIT|MALLOC_|MIMALLOC_|_RJEM|LD_PRELOAD|GLIBC_TUNABLES)"
)

GO_ABSENT = (
    "go is not installed, so Go's rows are left out: take it from https://go.dev/dl or your "
    "distribution's package (golang) and put it on PATH, or name it with --go PATH"
)


class Implementation:
    """One column of the comparison: a program for each of its workloads."""

    def __init__(self, name, workloads, program=None, arguments=(), experiment=None, package=None):
        self.name = name
        self.workloads = workloads  # those it takes part in unless it is asked for by name
        self.program = program or name  # the last part of the executable's name
        self.arguments = list(arguments)
        self.experiment = experiment  # Go only: GOEXPERIMENT of the build; "" for none
        self.package = package  # where to get what it needs

    @property
    def is_go(self):
        return self.experiment is not None


IMPLEMENTATIONS = [
    Implementation(
        "trillium", ["churn", "gogc", "mark", "memlimit", "ring", "rss", "stall", "trees"]
    ),
    Implementation(
        "go",
        ["churn", "gogc", "mark", "memlimit", "ring", "rss", "stall", "trees"],
        experiment="",
    ),
    Implementation("go-nogreentea", ["mark", "trees"], experiment="nogreenteagc"),
    Implementation(
        "boehm", ["churn", "mark", "ring", "rss", "stall", "trees"], package="libgc-dev"
    ),
    Implementation(
        "boehm-default",
        ["churn", "mark", "ring", "trees"],
        "boehm",
        ["interior=1"],
        package="libgc-dev",
    ),
    Implementation("mimalloc", ["churn", "ring", "trees"], package="libmimalloc-dev"),
    Implementation("jemalloc", ["churn", "ring", "trees"], package="libjemalloc-dev"),
    Implementation("glibc", ["churn", "ring", "stall", "trees"]),
    Implementation("limit", ["churn", "mark", "ring", "stall"]),
]

# Ratios of Trillium's figure by another's: the title of the summary's table.
RATIO_TITLES = {
    "ratio": "Time",
    "cpu_ratio": "Processor time",
    "p9999_ratio": "What one operation in 10 000 exceeds",
    "max_ratio": "The longest stall",
    "cycles_ratio": "Cycles",
    "share_ratio": "Collecting's share of processor time",
    "memory_ratio": "Memory",
}


class Workload:
    """What all workloads have: name, spinners, metric, ratios, columns, go_sources, variants."""

    def program(self, variant):
        """The workload whose program runs this variant."""
        return self.name

    def environment(self, variant):
        """Settings that every implementation is given, in Go's names."""
        return {}

    def derived(self, variant, quick, values):
        """Metrics that follow from what a run printed, {metric: value}."""
        return {}

    def goals(self, variant):
        """What Trillium is to reach: (metric, "<=" or ">=", value)."""
        return []

    def base(self, variant):
        """The variant with one thread, for the scaling; None for that itself."""
        return None

    def takes(self, implementation, variant):
        return True


class Churn(Workload):
    """10 000 live objects, each allocation takes the place of the oldest."""

    name = "churn"
    spinners = True
    metric = "ns_op"
    ratios = {"ratio": "ns_op", "cpu_ratio": "cpu_ns_op"}
    columns = ["cpu_ns_op", "cpu_ratio", "collections"]
    go_sources = ["churn.go", "bench.go"]
    kinds = ["p", "a"]
    sizes = [16, 32, 64, 128, 512]

    def __init__(self):
        single = [f"{kind}{size}" for kind in self.kinds for size in self.sizes]
        self.variants = [
            variant + threads for threads in ("", "/2", "/4") for variant in single
        ]
        self.default_variants = single + ["p32/2", "p32/4", "p128/2", "p128/4"]
        self.quick_variants = ["p32", "a64", "p32/2"]

    def arguments(self, variant, quick):
        kind, size, threads = re.fullmatch(r"([pa])(\d+)(?:/(\d+))?", variant).groups()
        count = {128: 20_000_000, 512: 10_000_000}.get(int(size), 40_000_000)
        return [
            f"kind={kind}",
            f"size={size}",
            f"threads={threads or 1}",
            f"count={count // 20 if quick else count}",
        ]

    def base(self, variant):
        return variant.split("/")[0] if "/" in variant else None

    def scaling(self, variant, ns_op, base_ns_op):
        """How many times the work of one thread is done in the same time."""
        return int(variant.split("/")[1]) * base_ns_op / ns_op


class Mark(Workload):
    """Forced full collections of a heap of 2^24 live nodes."""

    name = "mark"
    spinners = True
    metric = "full_ms"
    ratios = {"ratio": "full_ms", "cpu_ratio": "full_cpu_ms"}
    columns = ["full_cpu_ms", "cpu_ratio", "build_s"]
    go_sources = ["mark.go", "graph.go", "bench.go"]

    def __init__(self):
        self.variants = [f"{g}/{m}" for g in ("list", "tree", "random") for m in (1, 2)]
        self.default_variants = self.variants
        self.quick_variants = ["list/1", "tree/1", "random/1", "random/2"]

    def arguments(self, variant, quick):
        graph, markers = variant.split("/")
        return [f"graph={graph}", f"markers={markers}", f"count={2 ** (20 if quick else 24)}"]

    def takes(self, implementation, variant):
        return implementation.name != "limit" or variant.endswith("/1")


class Ring(Workload):
    """Messages of 1 KiB, each in place of the oldest of 200 000; every push timed."""

    name = "ring"
    spinners = False
    metric = "mean_ns"
    ratios = {
        "ratio": "mean_ns",
        "cpu_ratio": "cpu_ns_op",
        "p9999_ratio": "p9999_ns",
        "max_ratio": "max_us",
    }
    columns = ["cpu_ns_op", "cpu_ratio", "p50_ns", "p99_ns", "p999_ns", "p9999_ns", "p9999_ratio"]
    columns += ["max_us", "max_ratio", "collector_max_us", "collections"]
    go_sources = ["ring.go", "latency.go", "collector.go", "bench.go"]

    def __init__(self):
        self.variants = self.default_variants = self.quick_variants = ["200k"]

    def arguments(self, variant, quick):
        return [f"pushes={500_000 if quick else 5_000_000}", "slots=200000"]

    def live_mb(self, variant, quick):
        return 200_000 * 1024 / 2**20


class Stall(Workload):
    """Threads that time every allocation while a graph of 64 MiB, 1 GiB, 4 GiB is live."""

    name = "stall"
    spinners = False
    metric = "max_us"
    ratios = {"max_ratio": "max_us", "p9999_ratio": "p9999_ns", "cpu_ratio": "cpu_ns_op"}
    columns = ["p50_ns", "p99_ns", "p999_ns", "p9999_ns", "p9999_ratio", "watcher_max_us"]
    columns += ["watcher_over_100us", "watcher_over_1ms", "collector_max_us"]
    columns += ["collector_cpu_p999_us", "collector_cpu_max_us", "cpu_ns_op"]
    columns += ["cpu_ratio", "collections", "run_s"]
    go_sources = ["stall.go", "graph.go", "latency.go", "collector.go", "bench.go"]
    nodes = {"64m": 2**20, "1g": 2**24, "4g": 2**26}

    def __init__(self):
        self.variants = ["64m/1", "1g/1", "1g/2", "1g/16", "4g/1"]
        self.default_variants = self.variants[:-1]  # 4g/1 needs more memory than many have
        self.quick_variants = ["64m/1", "1g/2", "1g/16"]

    def arguments(self, variant, quick):
        """A second thread is one that watches; more are mutators."""
        graph, threads = variant.split("/")
        times = (200, 1000) if quick else (15_000, 45_000)
        return [
            f"nodes={2**18 if quick else self.nodes[graph]}",
            f"mutators={1 if threads == '2' else threads}",
            f"watcher={1 if threads == '2' else 0}",
            "cycles=3",
            f"least_ms={times[0]}",
            f"most_ms={times[1]}",
        ]


class Trees(Workload):
    """Binary trees: many that die young beside one that stays."""

    name = "trees"
    spinners = True
    metric = "wall_s"
    ratios = {"ratio": "wall_s", "cpu_ratio": "cpu_s", "memory_ratio": "peak_rss_mb"}
    columns = ["cpu_s", "cpu_ratio", "peak_rss_mb", "memory_ratio", "rss_live", "collections"]
    go_sources = ["trees.go", "collector.go", "bench.go"]

    def __init__(self):
        self.variants = self.default_variants = ["20/1", "18/1", "18/2", "18/4"]
        self.quick_variants = ["18/1", "18/2"]

    def shape(self, variant, quick):
        depth, mutators = (int(part) for part in variant.split("/"))
        return depth - 4 if quick else depth, mutators

    def arguments(self, variant, quick):
        depth, mutators = self.shape(variant, quick)
        return [f"depth={depth}", f"mutators={mutators}"]

    def live_mb(self, variant, quick):
        """Of each mutator at most: the first tree, or the one that stays beside one as large."""
        depth, mutators = self.shape(variant, quick)
        return mutators * 2 ** (depth + 2) * 16 / 2**20

    def derived(self, variant, quick, values):
        return {"rss_live": values["peak_rss_mb"] / self.live_mb(variant, quick)}


class Gogc(Workload):
    """A million objects of 1 KiB that nobody keeps, under settings of GOGC and MEMLIMIT."""

    name = "gogc"
    spinners = True
    metric = "run_s"
    ratios = {
        "ratio": "run_s",
        "cpu_ratio": "run_cpu_s",
        "cycles_ratio": "collections",
        "memory_ratio": "peak_heap_mb",
    }
    columns = ["run_cpu_s", "cpu_ratio", "collections", "cycles_ratio", "interval_ms"]
    columns += ["peak_heap_mb", "memory_ratio"]
    go_sources = ["gogc.go", "memory.go", "collector.go", "bench.go"]
    settings = {
        "100": {"GOGC": "100"},
        "25": {"GOGC": "25"},
        "off128m": {"GOGC": "off", "GOMEMLIMIT": "128MiB"},
    }

    def __init__(self):
        self.variants = self.default_variants = self.quick_variants = list(self.settings)

    def arguments(self, variant, quick):
        return [f"count={200_000 if quick else 1_000_000}"]

    def environment(self, variant):
        return self.settings[variant]


class Memlimit(Workload):
    """A program that leaks until it is at its memory limit of 128 MiB, and beyond."""

    name = "memlimit"
    spinners = True
    metric = "gc_share_max_pct"
    ratios = {"share_ratio": "gc_share_max_pct", "memory_ratio": "rss_mb"}
    columns = ["gc_share_pct", "start_ns_op", "throughput_pct", "throughput_end_pct"]
    columns += ["overshoot_pct", "rss_mb", "memory_ratio", "limiter_s", "gave_up", "handler_s"]
    columns += ["allocations", "collections", "run_s"]
    go_sources = ["memlimit.go", "memory.go", "collector.go", "bench.go"]

    def __init__(self):
        self.variants = ["128m", "128m/alloc"]
        self.default_variants = self.quick_variants = ["128m"]

    def arguments(self, variant, quick):
        """alloc: the mutator does nothing but allocate."""
        work = 0 if variant.endswith("/alloc") else 2500
        return [
            "limit_mb=128",
            f"keep={32 if quick else 256}",
            f"work={work}",
            f"most_ms={8_000 if quick else 90_000}",
            "give_up_s=1",
        ]

    def environment(self, variant):
        return {"GOGC": "off", "GOMEMLIMIT": "128MiB"}

    def goals(self, variant):
        if variant.endswith("/alloc"):
            return []
        return [
            ("gc_share_max_pct", "<=", 50),
            ("gc_share_pct", "<=", 50),
            ("throughput_pct", ">=", 40),
            ("throughput_end_pct", ">=", 40),
            ("overshoot_pct", "<=", 2),
            ("gave_up", ">=", 1),
        ]


class Rss(Workload):
    """Memory of the system: what a spike leaves, and how much more than what is live."""

    name = "rss"
    spinners = False
    metric = "rss_mb"
    ratios = {"memory_ratio": "rss_mb"}
    columns = ["rss_live", "rss_spike_mb", "rss_0s_mb", "rss_1s_mb", "rss_2s_mb", "rss_5s_mb"]
    columns += ["rss_10s_mb", "goal_mb", "rss_goal", "rss_released_mb"]
    go_sources = ["rss.go", "memory.go", "graph.go", "bench.go"]

    def __init__(self):
        self.variants = ["spike", "spike/64m", "trees", "ring"]
        self.default_variants = self.quick_variants = self.variants
        self.workloads = {"trees": (Trees(), "20/1"), "ring": (Ring(), "200k")}

    def program(self, variant):
        return variant if variant in self.workloads else self.name

    def arguments(self, variant, quick):
        if variant in self.workloads:
            workload, measured = self.workloads[variant]
            return workload.arguments(measured, quick)
        return [
            f"nodes={2 ** (20 if quick else 24)}",
            f"keep={64 if variant == 'spike/64m' else 0}",
            f"seconds={1 if quick else 10}",
        ]

    def derived(self, variant, quick, values):
        """Of the programs of other workloads, which print no memory of their own."""
        if variant not in self.workloads:
            return {}
        workload, measured = self.workloads[variant]
        peak = values["peak_rss_mb"]
        return {"rss_mb": peak, "rss_live": peak / workload.live_mb(measured, quick)}

    def goals(self, variant):
        return [("rss_goal", "<=", 1.1)] if variant == "spike/64m" else []


WORKLOADS = [Churn(), Mark(), Ring(), Stall(), Trees(), Gogc(), Memlimit(), Rss()]


class BenchError(Exception):
    """Something that makes the figures worthless."""


# ---- The machine -------------------------------------------------------------------------------


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

    def lines(self, command, environment=None, timeout=TIMEOUT_S):
        """The output of a program as {name: text}; what is in `environment` is set for it."""
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(self.environment, **(environment or {})),
            timeout=timeout,
        )
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} ended with status {done.returncode}")
        return dict(line.split(None, 1) for line in done.stdout.splitlines() if line.strip())

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

    def measure(self, command, environment=None):
        """One run: its metrics, and the lesser of the factors before and after. Of several attempts
        the one with the best factor."""
        best = None
        for _ in range(self.attempts):
            before = self.wait_for_two_processors()
            lines = self.lines([self.tool, "run"] + command, environment)
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


# ---- Programs ----------------------------------------------------------------------------------


class Programs:
    """The executables of a build directory, and Go's beside them."""

    def __init__(self, build_dir, go):
        self.directory = os.path.join(build_dir, "tests", "bench")
        self.build_dir = build_dir
        self.go = go
        self.failed = False

    def build(self):
        """Build what there is to build; what cannot be built is missing afterwards."""
        if os.path.exists(os.path.join(self.build_dir, "build.ninja")):
            done = subprocess.run(
                ["ninja", "-C", self.build_dir, "-k", "0", "bench-programs"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode != 0:
                self._fail(done.stdout)
        if self.go is None:
            return
        for implementation in IMPLEMENTATIONS:
            if implementation.is_go:
                for workload in WORKLOADS:
                    self._build_go(implementation, workload)

    def _fail(self, output):
        print(output, file=sys.stderr)
        print("some programs could not be built, see above; going on without", file=sys.stderr)
        self.failed = True

    def _build_go(self, implementation, workload):
        sources = [os.path.join(HERE, "go", name) for name in workload.go_sources]
        environment = dict(
            os.environ,
            GOCACHE=os.path.join(os.path.abspath(self.directory), "go-cache"),
            GOEXPERIMENT=implementation.experiment,
            GOTOOLCHAIN="local",
            GOFLAGS="",
            GOWORK="off",
            CGO_ENABLED="0",
        )
        target = self.path(implementation, workload.name)
        os.makedirs(self.directory, exist_ok=True)
        done = subprocess.run(
            [self.go, "build", "-o", target] + sources,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        if done.returncode != 0:
            with contextlib.suppress(FileNotFoundError):
                os.remove(target)  # of an earlier build
            self._fail(done.stdout)

    def path(self, implementation, program):
        """Of the program of a workload, by that one's name."""
        return os.path.join(
            os.path.abspath(self.directory), f"bench_{program}_{implementation.program}"
        )

    def tool(self):
        return os.path.join(os.path.abspath(self.directory), "bench_machine")

    def has(self, implementation, program):
        if implementation.is_go and self.go is None:
            return False
        return os.path.exists(self.path(implementation, program))

    def description(self):
        """(text, warning) about how the library was built."""
        path = os.path.join(self.build_dir, "meson-info", "intro-buildoptions.json")
        try:
            with open(path, encoding="utf-8") as file:
                options = {option["name"]: option["value"] for option in json.load(file)}
        except OSError:
            return "build options unknown", None
        names = ("buildtype", "optimization", "checks", "b_sanitize")
        text = ", ".join(f"{name}={options.get(name)}" for name in names)
        fast = (
            options.get("optimization") in ("2", "3")
            and options.get("checks") == "none"
            and options.get("b_sanitize") == "none"
        )
        warning = "this is not how a release is built: use -Dbuildtype=release -Dchecks=none"
        return text, None if fast else warning


# ---- Measuring ---------------------------------------------------------------------------------


class Row:
    """What one implementation did in one variant."""

    def __init__(self, workload, variant, implementation, quick=False):
        self.workload = workload
        self.variant = variant
        self.implementation = implementation
        self.quick = quick
        self.values = {}  # metric: one value a run
        self.checks = []
        self.factors = []
        self.trillium = self  # the row that this one is compared with

    def add(self, lines, factor):
        figures = {metric: float(text) for metric, text in lines.items() if metric != "check"}
        if "check" not in lines:
            raise BenchError(f"{self.title()}: the program printed no result")
        figures.update(self.workload.derived(self.variant, self.quick, figures))
        for metric, value in figures.items():
            if metric not in UNITS:
                raise BenchError(f"{self.title()}: unknown metric {metric}")
            self.values.setdefault(metric, []).append(value)
        if self.workload.metric not in figures:
            raise BenchError(f"{self.title()}: the program printed no result")
        self.checks.append(lines["check"])
        self.factors.append(factor)

    def title(self):
        return f"{self.workload.name} {self.variant} {self.implementation.name}"

    def median(self, metric):
        return statistics.median(self.values[metric]) if metric in self.values else None

    def add_ratios(self, trillium):
        """Trillium's figures by this one's, turn by turn."""
        if trillium in (None, self):
            return
        self.trillium = trillium
        for ratio, metric in self.workload.ratios.items():
            if metric in self.values and metric in trillium.values:
                pairs = zip(trillium.values[metric], self.values[metric])
                ratios = [ours / theirs for ours, theirs in pairs if theirs > 0]
                if ratios:
                    self.values[ratio] = ratios

    def packed(self):
        """The factors of the runs that had less than two processors."""
        return [factor for factor in self.factors if factor < TWO_PROCESSORS]

    def packed_turns(self):
        """In how many turns this row or the one it is compared with had less."""
        turns = zip(self.factors, self.trillium.factors)
        return sum(min(turn) < TWO_PROCESSORS for turn in turns)

    def is_doubtful(self):
        """Whether too few turns had two processors for a median to mean anything."""
        return 2 * self.packed_turns() >= len(self.factors)

    def json_lines(self, quick):
        for metric, values in self.values.items():
            record = {
                "workload": self.workload.name,
                "variant": self.variant,
                "implementation": self.implementation.name,
                "metric": metric,
                "unit": UNITS[metric],
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "runs": len(values),
            }
            if quick:
                record["quick"] = True
            packed = self.packed_turns() if metric.endswith("ratio") else len(self.packed())
            if packed:
                record["packed_runs"] = packed
            yield json.dumps(record)


def measure_variant(machine, programs, workload, variant, implementations, runs, quick):
    """A row for each implementation, their runs interleaved."""
    rows = [Row(workload, variant, implementation, quick) for implementation in implementations]
    for _ in range(runs):
        for row in rows:
            command = [programs.path(row.implementation, workload.program(variant))]
            command += workload.arguments(variant, quick) + row.implementation.arguments
            environment = dict(workload.environment(variant))
            environment.update(machine.settings.get(row.implementation.name, {}))
            row.add(*machine.measure(command, environment))
    checks = {check for row in rows for check in row.checks}
    if len(checks) > 1:
        found = ", ".join(f"{row.implementation.name} {sorted(set(row.checks))}" for row in rows)
        raise BenchError(f"{workload.name} {variant}: implementations did different work: {found}")
    trillium = next((row for row in rows if row.implementation.name == "trillium"), None)
    for row in rows:
        row.add_ratios(trillium)
    return rows


# ---- Tables ------------------------------------------------------------------------------------


def figure(value):
    """Three digits that count."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def ratio_text(row, metric):
    ratio = row.median(metric)
    if ratio is None:
        return "-"
    return f"{ratio:.2f}" + ("?" if row.is_doubtful() else "")


def cell_text(row, metric):
    return ratio_text(row, metric) if metric in RATIO_TITLES else figure(row.median(metric))


def packed_text(row):
    """What is to be said about runs without a second processor."""
    return (
        f"  {row.implementation.name}: in {len(row.packed())} of {len(row.factors)} runs two "
        f"threads had less than two processors (factor {min(row.packed()):.2f}): indicative only"
    )


def print_table(header, lines):
    """As Markdown, aligned: the first column to the left, figures to the right."""
    widths = [max(len(line[i]) for line in [header] + lines) for i in range(len(header))]

    def text(cells):
        aligned = [cells[0].ljust(widths[0])]
        aligned += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(aligned) + " |"

    print(text(header))
    print("|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (w + 1) + ":" for w in widths[1:]]) + "|")
    for line in lines:
        print(text(line))
    print(flush=True)


def print_variant(workload, variant, rows, scalings):
    print(f"{workload.name} {variant}")
    # What nobody measured in this variant has no column.
    columns = [name for name in workload.columns if any(name in row.values for row in rows)]
    own_ratio = next(name for name, metric in workload.ratios.items() if metric == workload.metric)
    header = ["implementation", workload.metric, "min", "max", "trillium/this"]
    header += ["trillium/this" if name in RATIO_TITLES else name for name in columns]
    process = {"wall_s": "wall_s", "cpu_s": "cpu_s", "peak_rss_mb": "peak MiB"}
    shown = [name for name in process if name not in columns + [workload.metric]]
    header += [process[name] for name in shown] + (["scaling"] if scalings else [])
    lines = []
    for row in rows:
        values = row.values[workload.metric]
        line = [row.implementation.name, figure(row.median(workload.metric))]
        line += [figure(min(values)), figure(max(values)), ratio_text(row, own_ratio)]
        line += [cell_text(row, name) for name in columns]
        line += [figure(row.median(metric)) for metric in shown]
        if scalings:
            line.append(figure(scalings.get(row.implementation.name)))
        lines.append(line)
    print_table(header, lines)
    packed = [packed_text(row) for row in rows if row.packed()]
    print("".join(line + "\n" for line in packed) + "\n" if packed else "", end="", flush=True)


def print_summary(rows, label):
    """Trillium by each peer, all variants at a glance: a table for each kind of ratio."""
    for ratio, title in RATIO_TITLES.items():
        rows_with = [row for row in rows if ratio in row.workload.ratios]
        print_ratios(rows_with, ratio, f"{title}, Trillium by each{label}")


def print_ratios(rows, metric, title):
    names = [
        implementation.name
        for implementation in IMPLEMENTATIONS
        if any(row.implementation is implementation for row in rows)
    ]
    others = [name for name in names if name != "trillium"]
    if "trillium" not in names or not others:
        return
    doubt = any(row.is_doubtful() for row in rows)
    print(title + ": below 1 Trillium is better" + ("; ? = without two processors" * doubt))
    cells = {(row.workload.name, row.variant, row.implementation.name): row for row in rows}
    lines = []
    for workload, variant in dict.fromkeys((row.workload.name, row.variant) for row in rows):
        peers = [cells.get((workload, variant, name)) for name in others]
        ratios = ["-" if row is None else ratio_text(row, metric) for row in peers]
        lines.append([f"{workload} {variant}"] + ratios)
    print_table(["variant"] + others, lines)


def goal_lines(row):
    """A line for each goal of a row of Trillium's: what, the median, the goal, and whether."""
    for metric, relation, goal in row.workload.goals(row.variant):
        value = row.median(metric)
        reached = value is not None and (value <= goal if relation == "<=" else value >= goal)
        verdict = "reached" if reached else "MISSED"
        what = f"{row.workload.name} {row.variant} {metric}"
        yield [what, figure(value), f"{relation} {goal:g}", verdict]


def print_goals(rows, label):
    lines = []
    for row in rows:
        if row.implementation.name == "trillium":
            lines += goal_lines(row)
    if lines:
        print(f"Goals of Trillium{label}")
        print_table(["figure", "median", "goal", ""], lines)


# ---- The command -------------------------------------------------------------------------------


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
    names = ", ".join(workload.name for workload in WORKLOADS)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"only these: {names}")
    parser.add_argument("--workload", action="append", help="the same")
    parser.add_argument("--variant", action="append", help="only these; see --list")
    parser.add_argument("--implementation", action="append", help="only these")
    parser.add_argument("--json", help="write one object a line to this file")
    parser.add_argument("--go", help="the go command, where it is not on PATH")
    parser.add_argument("--gctrace", help="run Trillium's programs with GCTRACE=GCTRACE")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they are")
    parser.add_argument("--list", action="store_true", help="show what there is, and end")
    options = parser.parse_intermixed_args(arguments)
    options.workload = split(options.workloads + (options.workload or []))
    unknown = [name for name in options.workload if not chosen([w.name for w in WORKLOADS], [name])]
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)} (there are {names})")
    return options


def print_list():
    for workload in WORKLOADS:
        names = [i.name for i in IMPLEMENTATIONS if workload.name in i.workloads]
        print(f"{workload.name}: {workload.__doc__}")
        print(f"  variants         {' '.join(workload.variants)}")
        print(f"  by default       {' '.join(workload.default_variants)}")
        print(f"  implementations  {' '.join(names)}")


def plan(options, programs):
    """[(workload, variant, implementations)], and notes on what is missing."""
    names = chosen([w.name for w in WORKLOADS], options.workload or ["*"])
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


def print_opening(options, programs, machine, steps, runs):
    if options.quick:
        print("QUICK: small counts; a smoke test, not a measurement\n")
    build, warning = programs.description()
    print(f"date     {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}")
    print(f"machine  {machine_text()}")
    print(f"build    {build}")
    seen = {}
    for workload, variant, implementations in steps:
        for implementation in implementations:
            path = programs.path(implementation, workload.program(variant))
            seen.setdefault(implementation.name, path)
    for name, path in seen.items():
        version = subprocess.run([path, "version"], stdout=subprocess.PIPE, text=True)
        print(f"         {name}: {version.stdout.strip()}")
    print(f"runs     {runs}, interleaved; medians; ratios are medians of those within each turn")
    if machine.processors < 2:
        print("note     one processor: variants with several threads show no parallelism")
    if runs < RUNS and not options.quick:
        print(f"note     fewer than {RUNS} runs: indicative only")
    if warning:
        print(f"note     {warning}")
    print(flush=True)


def measure_all(options, programs, machine, steps, runs):
    rows = []
    medians = {}  # (workload, variant, implementation): the metric, for the scaling
    for workload, variant, implementations in steps:
        with machine.spinners() if workload.spinners else contextlib.nullcontext():
            fresh = measure_variant(
                machine, programs, workload, variant, implementations, runs, options.quick
            )
        scalings = {}
        for row in fresh:
            name = row.implementation.name
            value = medians[workload.name, variant, name] = row.median(workload.metric)
            base = medians.get((workload.name, workload.base(variant), name))
            if base is not None:
                scalings[name] = workload.scaling(variant, value, base)
        print_variant(workload, variant, fresh, scalings)
        rows += fresh
        if options.json:
            with open(options.json, "a", encoding="utf-8") as file:
                for row in fresh:
                    file.writelines(line + "\n" for line in row.json_lines(options.quick))
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
    if not steps:
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
        rows = measure_all(options, programs, machine, steps, runs)
    except (BenchError, subprocess.TimeoutExpired) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    label = " (QUICK)" if options.quick else ""
    print_summary(rows, label)
    print_goals(rows, label)
    for note in dict.fromkeys(machine.notes):
        print(f"note     {note}")
    return 1 if programs.failed else 0


if __name__ == "__main__":
    sys.exit(main())
