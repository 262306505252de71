"""The workloads, their variants and goals, and the implementations that take part.

docs/benchmarks.md says what each does.
"""

import hashlib
import os
import re

from machine import BenchError, figures_of

HERE = os.path.dirname(os.path.abspath(__file__))


class Implementation:
    """One column of the comparison: a program for each of its workloads."""

    def __init__(
        self,
        name,
        workloads,
        program=None,
        arguments=(),
        environment=None,
        experiment=None,
        package=None,
    ):
        self.name = name
        self.workloads = workloads  # those it takes part in unless it is asked for by name
        self.program = program or name  # the last part of the executable's name
        self.arguments = list(arguments)
        self.environment = environment or {}  # its own settings
        self.experiment = experiment  # Go only: GOEXPERIMENT of the build; "" for none
        self.package = package  # where to get what it needs

    @property
    def is_go(self):
        return self.experiment is not None


IMPLEMENTATIONS = [
    Implementation(
        "trillium",
        "churn ephemerons gogc lox mark memlimit pool ring rss stall trees".split(),
    ),
    Implementation("trillium-gogc-off", ["lox"], "trillium", environment={"GOGC": "off"}),
    Implementation(
        "go",
        ["churn", "gogc", "mark", "memlimit", "pool", "ring", "rss", "stall", "trees"],
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


class Goal:
    """What a figure of Trillium's is to reach: by itself, or by the best of some peers'."""

    def __init__(self, metric, relation, value, *peers):
        self.metric = metric
        self.relation = relation  # "<=" or ">="
        self.value = value
        self.peers = peers

    def verdict(self, figure):
        """A figure that is missing has missed."""
        if figure is None:
            return "MISSED"
        below = self.relation == "<="
        if figure <= self.value if below else figure >= self.value:
            return "reached"
        distance = abs(figure - self.value) / self.value
        return f"MISSED by {100 * distance:.0f} %"


class Workload:
    """What all workloads have: name, spinners, metric, ratios, columns, go_sources, variants."""

    @property
    def ratio(self):
        """The name of the metric's own ratio."""
        return next(name for name, metric in self.ratios.items() if metric == self.metric)

    go_sources = []  # of its program for Go, where it has one
    def program(self, variant):
        """The workload whose program runs this variant."""
        return self.name

    version = "version"  # the argument that makes its programs say what they are
    parse = None  # what makes figures of a program's output and messages, if they are not lines

    def environment(self, variant):
        """Settings that every implementation is given, in Go's names."""
        return {}

    def derived(self, variant, quick, values):
        """Metrics that follow from what a run printed, {metric: value}."""
        return {}

    def goals(self, variant):
        """What Trillium is to reach: a list of Goal."""
        return []

    def base(self, variant):
        """The variant that this one is compared with, None for that itself."""
        return None

    def against(self, variant, row, base):
        """Where there is a base: (metric, values) from the two rows of one implementation."""
        raise NotImplementedError

    def takes(self, implementation, variant):
        return True


class Churn(Workload):
    """10 000 live objects, each allocation takes the place of the oldest."""

    name = "churn"
    spinners = True
    metric = "ns_op"
    ratios = {"ratio": "ns_op", "cpu_ratio": "cpu_ns_op"}
    columns = ["limit_ratio", "cpu_ns_op", "cpu_ratio", "collections", "scaling"]
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

    def shape(self, variant):
        kind, size, threads = re.fullmatch(r"([pa])(\d+)(?:/(\d+))?", variant).groups()
        return kind, int(size), int(threads or 1)

    def arguments(self, variant, quick):
        kind, size, threads = self.shape(variant)
        count = {128: 20_000_000, 512: 10_000_000}.get(size, 40_000_000)
        return [
            f"kind={kind}",
            f"size={size}",
            f"threads={threads}",
            f"count={count // 20 if quick else count}",
        ]

    def base(self, variant):
        return variant.split("/")[0] if "/" in variant else None

    def against(self, variant, row, base):
        """How many times the work of one thread is done in the same time."""
        threads = int(variant.split("/")[1])
        return "scaling", [threads * ratio for ratio in base.ratios_by([row], self.metric)]

    def goals(self, variant):
        kind, size, threads = self.shape(variant)
        if threads > 1:
            return [Goal("scaling", ">=", 1.8)] if threads == 2 else []
        if kind == "a":
            by = {"go": 0.2, "mimalloc": 0.9} if size <= 128 else {}
        elif size <= 64:
            by = {"go": 0.15, "boehm": 0.2, "mimalloc": 0.7}
        else:
            by = {"go": 0.13 if size == 128 else 0.3}
        return [Goal("ns_op", "<=", value, peer) for peer, value in by.items()]


class Mark(Workload):
    """Forced full collections of a heap of 2^24 live nodes."""

    name = "mark"
    spinners = True
    metric = "full_ms"
    ratios = {"ratio": "full_ms", "cpu_ratio": "full_cpu_ms"}
    columns = ["limit_ratio", "full_cpu_ms", "cpu_ratio", "build_s"]
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

    def goals(self, variant):
        graph, markers = variant.split("/")
        random = graph == "random"
        peers = ["go"] if random else ["go", "go-nogreentea", "boehm"]
        goals = [Goal("full_ms", "<=", 0.35 if random else 0.65, *peers)]
        if markers == "1":
            goals.append(Goal("full_ms", "<=", 2.5 if random else 3, "limit"))
        return goals


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

    def goals(self, variant):
        mean = [Goal("mean_ns", "<=", 0.55, peer) for peer in ("go", "boehm")]
        return mean + [Goal("p9999_ns", "<=", 0.4, "go")]


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

    def goals(self, variant):
        if variant != "20/1":
            return [Goal("wall_s", "<=", 0.6 if variant == "18/1" else 0.55, "go")]
        return [
            Goal("cpu_s", "<=", 0.6, "go"),
            Goal("wall_s", "<=", 0.7, "go"),
            Goal("wall_s", "<=", 0.7, "boehm"),
            Goal("peak_rss_mb", "<=", 1, "go"),
        ]


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
            Goal("gc_share_max_pct", "<=", 50),
            Goal("gc_share_pct", "<=", 50),
            Goal("throughput_pct", ">=", 40),
            Goal("throughput_end_pct", ">=", 40),
            Goal("overshoot_pct", "<=", 2),
            Goal("gave_up", ">=", 1),
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
        return [Goal("rss_goal", "<=", 1.1)] if variant == "spike/64m" else []


class Lox(Workload):
    """The scripts of examples/lox by the Lox machine; beside it, itself without a collection."""

    name = "lox"
    spinners = True
    version = "--version"
    metric = "wall_s"
    ratios = {"ratio": "wall_s", "cpu_ratio": "cpu_s", "memory_ratio": "peak_rss_mb"}
    columns = ["cpu_s", "cpu_ratio", "gc_share_pct", "collections", "peak_rss_mb", "memory_ratio"]
    statistics = {
        "collections": r"^collections +(\d+) ",
        "gc_share_pct": r"^processor .* marking took [\d.]+ \(([\d.]+) %\)$",
    }
    scripts = {
        "fib": "fib",
        "trees": "binary_trees",
        "strings": "string_building",
        "closures": "closures",
        "hash": "hash_churn",
        "meadow": "meadow",
        "queens": "n_queens",
    }

    def __init__(self):
        self.variants = self.default_variants = list(self.scripts)
        self.quick_variants = ["fib", "trees"]

    def arguments(self, variant, quick):
        scripts = os.path.join(HERE, "..", "..", "examples", "lox", "scripts")
        return ["--stats", os.path.normpath(os.path.join(scripts, f"{self.scripts[variant]}.lox"))]

    def parse(self, output, messages):
        """The script's output, which is the check, is followed by the process's figures; among the
        messages are the collector's."""
        end = output.rindex("wall_s ")
        figures = figures_of(output[end:])
        figures["check"] = hashlib.sha256(output[:end].encode()).hexdigest()[:16]
        for metric, pattern in self.statistics.items():
            found = re.search(pattern, messages, re.MULTILINE)
            if found is None:
                raise BenchError(f"no {metric} in the statistics of Lox")
            figures[metric] = found[1]
        return figures

    def goals(self, variant):
        return [Goal(metric, "<=", 1.1, "trillium-gogc-off") for metric in ("wall_s", "cpu_s")]


class Pool(Workload):
    """Buffers of 1 KiB, each new, or out of a pool and back into it."""

    name = "pool"
    spinners = True
    metric = "ns_op"
    ratios = {"ratio": "ns_op", "cpu_ratio": "cpu_ns_op"}
    columns = ["cpu_ns_op", "cpu_ratio", "objects", "collections", "fresh_collections_pct"]
    go_sources = ["pool.go", "collector.go", "bench.go"]

    def __init__(self):
        self.variants = self.default_variants = self.quick_variants = ["fresh", "pooled"]

    def arguments(self, variant, quick):
        return [f"buffers={variant}", f"count={200_000 if quick else 1_000_000}"]

    def base(self, variant):
        return "fresh" if variant == "pooled" else None

    def against(self, variant, row, base):
        """How many of the collections are left that new buffers need."""
        shares = row.ratios_by([base], "collections")
        return "fresh_collections_pct", [100 * share for share in shares]

    def goals(self, variant):
        if variant == "fresh":
            return []
        return [
            Goal("objects", "<=", 1000),
            Goal("fresh_collections_pct", "<=", 1),
            Goal("ns_op", "<=", 1, "go"),
        ]


class Ephemerons(Workload):
    """Forced collections of ephemerons of which each waits for another's value to be its key."""

    name = "ephemerons"
    spinners = True
    metric = "ns_ephemeron"
    ratios = {"ratio": "ns_ephemeron"}
    columns = ["growth", "full_ms", "full_cpu_ms", "clear_ms", "build_s"]
    graphs = ["chain", "cycle", "random"]
    counts = {"250k": 250_000, "500k": 500_000, "1m": 1_000_000}

    def __init__(self):
        self.variants = [f"{graph}/{count}" for graph in self.graphs for count in self.counts]
        self.default_variants = self.quick_variants = self.variants

    def arguments(self, variant, quick):
        graph, count = variant.split("/")
        return [f"graph={graph}", f"count={self.counts[count] // (10 if quick else 1)}"]

    def base(self, variant):
        graph, count = variant.split("/")
        return None if count == "250k" else f"{graph}/250k"

    def against(self, variant, row, base):
        """By how much one takes longer where there are more: not at all, if time is linear."""
        return "growth", row.ratios_by([base], self.metric)

    def goals(self, variant):
        return [Goal("growth", "<=", 1.5)] if variant.endswith("/1m") else []


WORKLOADS = [Churn(), Mark(), Ring(), Stall(), Trees(), Gogc(), Memlimit(), Rss(), Lox(), Pool()]
WORKLOADS += [Ephemerons()]


def workload(name):
    return next(workload for workload in WORKLOADS if workload.name == name)
