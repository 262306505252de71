#!/usr/bin/env python3
"""run.py's medians, ratios, JSON, filters and doubts, on programs that only pretend to measure."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import executables  # noqa: E402
import machine  # noqa: E402
import metrics  # noqa: E402
import run  # noqa: E402
from workloads import Goal, workload  # noqa: E402

# Takes one line of a file at each call; the last line stays.
NEXT_LINE = """\
next_line() {
    head -n 1 "$1"
    if [ "$(wc -l <"$1")" -gt 1 ]; then sed -i 1d "$1"; fi
}
"""

MACHINE = """\
#!/bin/sh
here=$(dirname "$0")
%s
case $1 in
factor) echo "factor $(next_line "$here/factors")" ;;
loads) echo "load_ns 285" ;;
fill) printf 'touch_gib_s 0.9\\nfill_gib_s 12\\n' ;;
spin)
    echo spin >>"$here/spins"
    exec sleep 600
    ;;
run)
    shift
    "$@" || exit
    printf 'wall_s 1.5\\ncpu_s 2.5\\npeak_rss_mb 10\\n'
    ;;
esac
"""

PROGRAM = """\
#!/bin/sh
here=$(dirname "$0")
name=$(basename "$0")
%s
if [ "${1#--}" = version ]; then echo "$name 1.0"; exit; fi
echo "$name $*" >>"$here/calls"
env | grep -q ^GOGC= && echo "GOGC seen" >>"$here/calls"
env | grep ^GCTRACE= >>"$here/calls"
env | grep ^GOMEMLIMIT= >>"$here/calls"
next_line "$here/$name.lines" | tr ';' '\\n'
"""


class RunTest(unittest.TestCase):
    """A build directory of programs that print what they are told to."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = pathlib.Path(directory.name)
        self.programs = self.build / "tests" / "bench"
        self.programs.mkdir(parents=True)
        self.write("bench_machine", MACHINE % NEXT_LINE)
        self.factors("2.0")
        pauses = machine.Machine.__init__.__defaults__
        self.addCleanup(setattr, machine.Machine.__init__, "__defaults__", pauses)
        no_pause = (machine.ATTEMPTS, machine.PATIENCE_S, lambda seconds: None)
        machine.Machine.__init__.__defaults__ = no_pause
        processors = os.sched_getaffinity
        self.addCleanup(setattr, os, "sched_getaffinity", processors)
        os.sched_getaffinity = lambda pid: {0, 1}

    def write(self, name, text):
        path = self.programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def factors(self, *values):
        (self.programs / "factors").write_text("".join(f"{value}\n" for value in values))

    def program(self, name, *outputs):
        self.write(name, PROGRAM % NEXT_LINE)
        (self.programs / f"{name}.lines").write_text("".join(line + "\n" for line in outputs))

    def churn(self, implementation, *figures, check="aa"):
        """A program that takes the next of the figures each time, half of it as processor time."""
        outputs = [f"ns_op {f};cpu_ns_op {f / 2};check {check}" for f in figures]
        self.program(f"bench_churn_{implementation}", *outputs)

    def calls(self):
        return (self.programs / "calls").read_text().splitlines()

    def run_it(self, *arguments, calibrated=False):
        """(exit status, output, messages, JSON records)"""
        output, messages = io.StringIO(), io.StringIO()
        json_file = self.build / "out.json"
        command = ["--build-dir", str(self.build), "--no-build", "--json", str(json_file)]
        command += [] if calibrated else ["--no-calibration"]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(messages):
            status = run.main(command + list(arguments))
        records = []
        if json_file.exists():
            records = [json.loads(line) for line in json_file.read_text().splitlines()]
        return status, output.getvalue(), messages.getvalue(), records

    def record(self, records, implementation, metric):
        found = [
            r for r in records if r["implementation"] == implementation and r["metric"] == metric
        ]
        self.assertEqual(len(found), 1, records)
        return found[0]

    def test_medians_and_json(self):
        self.churn("trillium", 3, 9, 4, 1, 2)
        self.churn("glibc", 10, 10, 10, 2, 10)
        status, output, _, records = self.run_it("--variant", "p32")
        self.assertEqual(status, 0)
        self.assertEqual(
            self.record(records, "trillium", "ns_op"),
            {
                "workload": "churn",
                "variant": "p32",
                "implementation": "trillium",
                "metric": "ns_op",
                "unit": "ns",
                "median": 3,
                "min": 1,
                "max": 9,
                "runs": 5,
            },
        )
        # 0.3 0.9 0.4 0.5 0.2: the median of the ratios, not the ratio of the medians (0.3)
        ratio = self.record(records, "glibc", "ratio")
        self.assertAlmostEqual(ratio["median"], 0.4)
        self.assertEqual(ratio["unit"], "trillium/this")
        self.assertAlmostEqual(self.record(records, "glibc", "cpu_ratio")["median"], 0.4)
        self.assertEqual(self.record(records, "glibc", "wall_s")["median"], 1.5)
        self.assertEqual(self.record(records, "glibc", "cpu_s")["median"], 2.5)
        self.assertEqual(self.record(records, "glibc", "peak_rss_mb")["unit"], "MiB")
        self.assertIn("| churn p32 |  0.40 |", output)

    def test_interleaving(self):
        self.churn("trillium", 1)
        self.churn("glibc", 1)
        self.run_it("--variant", "a64", "--runs", "2")
        arguments = "kind=a size=64 threads=1 count=40000000"
        pair = [f"bench_churn_trillium {arguments}", f"bench_churn_glibc {arguments}"]
        self.assertEqual(self.calls(), pair + pair)

    def test_arguments_of_variants(self):
        churn, mark, ring, stall, trees, gogc, memlimit, rss, lox, pool, ephemerons = run.WORKLOADS
        self.assertEqual(
            churn.arguments("p512/4", False), ["kind=p", "size=512", "threads=4", "count=10000000"]
        )
        self.assertEqual(
            churn.arguments("a128", True), ["kind=a", "size=128", "threads=1", "count=1000000"]
        )
        self.assertEqual(
            mark.arguments("random/2", False), ["graph=random", "markers=2", "count=16777216"]
        )
        self.assertEqual(ring.arguments("200k", False), ["pushes=5000000", "slots=200000"])
        times = ["cycles=3", "least_ms=15000", "most_ms=45000"]
        self.assertEqual(
            stall.arguments("4g/1", False), ["nodes=67108864", "mutators=1", "watcher=0"] + times
        )
        self.assertEqual(
            stall.arguments("1g/2", False), ["nodes=16777216", "mutators=1", "watcher=1"] + times
        )
        self.assertEqual(stall.arguments("1g/16", False)[1:3], ["mutators=16", "watcher=0"])
        self.assertEqual(trees.arguments("18/4", False), ["depth=18", "mutators=4"])
        self.assertEqual(gogc.arguments("25", False), ["count=1000000"])
        self.assertIn("work=2500", memlimit.arguments("128m", False))
        self.assertIn("work=0", memlimit.arguments("128m/alloc", False))
        self.assertIn("give_up_s=1", memlimit.arguments("128m", False))
        self.assertEqual(
            rss.arguments("spike/64m", False), ["nodes=16777216", "keep=64", "seconds=10"]
        )
        self.assertEqual(rss.arguments("trees", False), trees.arguments("20/1", False))
        self.assertEqual(rss.arguments("ring", False), ring.arguments("200k", False))
        arguments = ["graph=random", "count=500000"]
        self.assertEqual(ephemerons.arguments("random/500k", False), arguments)
        self.assertEqual(pool.arguments("fresh", False), ["buffers=fresh", "count=1000000"])
        self.assertTrue(lox.arguments("trees", False)[1].endswith("/scripts/binary_trees.lox"))

    def test_every_variant_has_arguments(self):
        for workload in run.WORKLOADS:
            self.assertLessEqual(set(workload.default_variants), set(workload.variants))
            self.assertLessEqual(set(workload.quick_variants), set(workload.variants))
            for variant in workload.variants:
                self.assertTrue(workload.arguments(variant, False))

    def test_every_figure_has_a_unit(self):
        for workload in run.WORKLOADS:
            names = set(workload.columns) | set(workload.ratios) | set(workload.ratios.values())
            self.assertLessEqual(names | {workload.metric}, set(metrics.UNITS))
            self.assertLessEqual(set(workload.ratios), set(metrics.RATIO_TITLES))
            self.assertIn(workload.metric, workload.ratios.values())
            for variant in workload.variants:
                for goal in workload.goals(variant):
                    self.assertIn(goal.metric, metrics.UNITS)
                    self.assertIn(goal.relation, ("<=", ">="))

    def test_scripts_of_lox(self):
        lox = workload("lox")
        for variant in lox.variants:
            self.assertTrue(os.path.exists(lox.arguments(variant, False)[1]), variant)

    def test_sources_of_go(self):
        for workload in run.WORKLOADS:
            for name in workload.go_sources:
                self.assertTrue(os.path.exists(os.path.join(executables.HERE, "go", name)), name)

    def test_nothing_spins_beside_what_times_single_operations(self):
        spins = self.programs / "spins"
        self.stall("trillium", 1)
        self.run_it("stall", "--runs=1")
        self.assertFalse(spins.exists())
        # Each run of the program lasts until the spinner has said that it runs.
        self.program("bench_churn_trillium", "ns_op 1;cpu_ns_op 1;check aa")
        program = self.programs / "bench_churn_trillium"
        wait = 'while [ "$1" != version ] && [ ! -e "$here/spins" ]; do :; done\n'
        take = 'next_line "$here/$name'
        program.write_text(program.read_text().replace(take, wait + take))
        self.run_it("churn", "--variant=p16", "--runs=1")
        self.assertEqual(spins.read_text(), "spin\n")

    def test_ring(self):
        latencies = "p50_ns 40;p99_ns 200;p999_ns 300;cpu_ns_op 60;check cc"
        self.program(
            "bench_ring_trillium",
            f"mean_ns 100;p9999_ns 1000;max_us 900;collections 7;{latencies}",
            f"mean_ns 120;p9999_ns 3000;max_us 200;collections 7;{latencies}",
            f"mean_ns 90;p9999_ns 2000;max_us 300;collections 7;{latencies}",
        )
        self.program("bench_ring_glibc", f"mean_ns 50;p9999_ns 1000;max_us 100;{latencies}")
        status, output, _, records = self.run_it("ring", "--runs=3")
        self.assertEqual(status, 0)
        self.assertEqual({record["workload"] for record in records}, {"ring"})
        self.assertEqual(self.record(records, "trillium", "p9999_ns")["median"], 2000)
        self.assertEqual(self.record(records, "trillium", "p9999_ns")["unit"], "ns")
        self.assertEqual(self.record(records, "trillium", "max_us")["unit"], "us")
        for ratio, expected in (("ratio", 2), ("p9999_ratio", 2), ("max_ratio", 3)):
            self.assertAlmostEqual(self.record(records, "glibc", ratio)["median"], expected)
        self.assertIn("The longest stall, Trillium by each: below 1", output)
        self.assertIn("| ring 200k |  3.00 |", output)

    def stall(self, implementation, max_us, more=""):
        figures = f"max_us {max_us};p9999_ns 500;cpu_ns_op 60;{more}check dd"
        self.program(f"bench_stall_{implementation}", figures)

    def test_stall(self):
        self.stall("trillium", 8000, "watcher_max_us 7000;collector_max_us 6000;collections 3;")
        self.stall("boehm", 16000, "watcher_max_us 9000;collector_max_us 6000;collections 3;")
        self.stall("limit", 80, "watcher_max_us 70;")
        status, output, _, records = self.run_it("stall", "--runs=1", "--variant=1g/2")
        self.assertEqual(status, 0)
        self.assertEqual(self.record(records, "boehm", "max_ratio")["median"], 0.5)
        self.assertEqual(self.record(records, "limit", "watcher_max_us")["median"], 70)
        self.assertIn("| watcher_max_us |", output)
        self.assertNotIn("watcher_over_1ms", output)  # a column for nobody
        self.assertNotIn("Time, Trillium", output.replace("Processor time, Trillium", ""))
        self.assertTrue(all("watcher=1" in call for call in self.calls()))

    def test_trees(self):
        figures = "run_s 1;run_cpu_s 1;collections 3;check ee"
        self.program("bench_trees_trillium", figures)
        self.program("bench_trees_glibc", "run_s 1;run_cpu_s 1;check ee")
        status, output, _, records = self.run_it("trees", "--runs=1", "--variant=20/1,18/4")
        self.assertEqual(status, 0)
        ratios = [r for r in records if r["metric"] == "memory_ratio"]
        self.assertEqual({r["implementation"] for r in ratios}, {"glibc"})
        # 10 MiB of the machine's saying, where 64 MiB are live at most
        lives = [r["median"] for r in records if r["metric"] == "rss_live"]
        self.assertEqual(lives, [10 / 64] * 4)
        self.assertIn("Memory, Trillium by each", output)
        self.assertEqual(output.count("| wall_s |"), 2)  # as the metric, and not once more

    def gogc(self, implementation, collections):
        figures = f"run_s 2;run_cpu_s 3;collections {collections};peak_heap_mb 4;check ff"
        self.program(f"bench_gogc_{implementation}", figures)

    def test_gogc_has_the_same_settings_for_all(self):
        self.gogc("trillium", 300)
        self.gogc("go", 200)
        options = ["gogc", "--runs=1", "--go=/bin/true"]
        status, output, _, records = self.run_it(*options)
        self.assertEqual(status, 0)
        ratios = [r for r in records if r["metric"] == "cycles_ratio"]
        self.assertEqual([r["median"] for r in ratios], [1.5] * 3)
        self.assertIn("Cycles, Trillium by each", output)
        self.assertEqual(self.calls().count("GOGC seen"), 6)
        self.assertEqual(self.calls().count("GOMEMLIMIT=128MiB"), 2)

    def test_ratio_by_nothing(self):
        self.gogc("trillium", 3)
        self.gogc("go", 0)
        status, _, _, records = self.run_it("gogc", "--runs=1", "--variant=25", "--go=/bin/true")
        self.assertEqual(status, 0)
        self.assertNotIn("cycles_ratio", {record["metric"] for record in records})

    def memlimit(self, implementation, share, more):
        figures = f"gc_share_max_pct {share};gc_share_pct 40;throughput_pct 50;rss_mb 130"
        figures += f";throughput_end_pct 30;overshoot_pct 2;{more}check ab"
        self.program(f"bench_memlimit_{implementation}", figures)

    def goals(self, output):
        lines = output[output.index("Goals of Trillium") :].splitlines()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[3:]]
        return {row[0].split()[-1]: row[1:] for row in rows if row}

    def test_goals(self):
        self.memlimit("trillium", 51, "gave_up 1;handler_s 9;")
        self.memlimit("go", 80, "")
        status, output, _, _ = self.run_it("memlimit", "--runs=1", "--go=/bin/true")
        self.assertEqual(status, 0)
        goals = self.goals(output)
        self.assertEqual(goals["gc_share_max_pct"], ["51.0", "<= 50", "MISSED by 2 %"])
        self.assertEqual(goals["gc_share_pct"], ["40.0", "<= 50", "reached"])
        self.assertEqual(goals["throughput_pct"], ["50.0", ">= 40", "reached"])
        self.assertEqual(goals["throughput_end_pct"], ["30.0", ">= 40", "MISSED by 25 %"])
        self.assertEqual(goals["overshoot_pct"], ["2.00", "<= 2", "reached"])
        self.assertEqual(goals["gave_up"], ["1.00", ">= 1", "reached"])
        self.assertEqual(len(goals), 6)

    def test_goal_without_figure_is_missed(self):
        self.memlimit("trillium", 49, "")
        _, output, _, _ = self.run_it("memlimit", "--runs=1", "--quick")
        self.assertEqual(self.goals(output)["gave_up"], ["-", ">= 1", "MISSED"])
        self.assertIn("Goals of Trillium (QUICK)", output)

    def test_no_goals_of_others(self):
        self.memlimit("go", 80, "")
        self.churn("trillium", 1)
        _, output, _, _ = self.run_it("memlimit", "--runs=1", "--go=/bin/true")
        self.assertNotIn("Goals", output)
        # Goals beside peers are nobody's where the peers are not there.
        _, output, _, _ = self.run_it("churn", "--runs=1", "--variant=p32")
        self.assertNotIn("Goals", output)

    def test_goals_are_medians_of_ratios(self):
        self.churn("trillium", 3, 9, 4, 1, 2)
        self.churn("go", 10, 10, 10, 2, 10)
        self.churn("mimalloc", 1)
        _, output, _, _ = self.run_it("--variant=p32", "--go=/bin/true")
        self.assertIn("| churn p32 ns_op / go       |   0.40 | <= 0.15 | MISSED by 167 % |", output)
        self.assertIn("| churn p32 ns_op / mimalloc |   3.00 |  <= 0.7 | MISSED by 329 % |", output)

    def test_goal_by_the_best(self):
        """In each turn the best of the peers, whichever it is."""
        for name, *figures in (("trillium", 6, 6, 6), ("go", 10, 20, 30), ("boehm", 30, 10, 8)):
            lines = [f"full_ms {figure};check bb" for figure in figures]
            self.program(f"bench_mark_{name}", *lines)
        self.program("bench_mark_limit", "full_ms 1;check bb")
        names = "--implementation=trillium,go,boehm,limit"
        options = ["--variant=list/1", names, "--runs=3", "--go=/bin/true"]
        _, output, _, _ = self.run_it("mark", *options)
        goals = output[output.index("Goals of") :]
        self.assertIn("best of go, boehm |   0.60 | <= 0.65 |         reached |", goals)
        self.assertIn("/ limit             |   6.00 |    <= 3 | MISSED by 100 % |", goals)

    def test_verdicts(self):
        self.assertEqual(Goal("ns_op", "<=", 2).verdict(2), "reached")
        self.assertEqual(Goal("ns_op", "<=", 2).verdict(2.5), "MISSED by 25 %")
        self.assertEqual(Goal("ns_op", ">=", 2).verdict(2), "reached")
        self.assertEqual(Goal("ns_op", ">=", 2).verdict(1.5), "MISSED by 25 %")
        self.assertEqual(Goal("ns_op", ">=", 2).verdict(None), "MISSED")

    def test_goal_in_doubt(self):
        self.churn("trillium", 1)
        self.churn("go", 10)
        self.factors("1.2")
        machine.Machine.__init__.__defaults__ = (1, 0, lambda seconds: None)
        _, output, _, _ = self.run_it("--variant=p32", "--runs=1", "--go=/bin/true")
        self.assertIn("| churn p32 ns_op / go |  0.10? |", output)

    def test_distance_from_the_limit(self):
        self.churn("trillium", 3, 9, 4)
        self.churn("glibc", 5)
        self.churn("limit", 1, 2, 2)
        _, output, _, records = self.run_it("--variant=p32", "--runs=3")
        self.assertEqual(self.record(records, "trillium", "limit_ratio")["median"], 3)
        self.assertEqual(self.record(records, "glibc", "limit_ratio")["unit"], "this/limit")
        self.assertIn("| x limit |", output)
        of_limit = {r["metric"] for r in records if r["implementation"] == "limit"}
        self.assertNotIn("limit_ratio", of_limit)
        _, output, _, _ = self.run_it("--variant=p32", "--runs=1", "--implementation=trillium")
        self.assertNotIn("x limit", output)

    def test_machine_comes_first(self):
        self.churn("trillium", 3)
        self.churn("limit", 2)
        self.program("bench_mark_limit", "full_ms 90;check bb")
        self.factors("1.9", "2.0")
        options = ["--variant=p32", "--runs=1"]
        _, output, _, records = self.run_it(*options, calibrated=True)
        found = {r["variant"]: r for r in records if r["workload"] == "machine"}
        names = "factor bump fill loads list tree random".split()
        self.assertEqual(list(found), names)
        self.assertEqual(found["factor"]["median"], 1.9)
        self.assertEqual((found["loads"]["median"], found["loads"]["unit"]), (285, "ns"))
        self.assertEqual(found["tree"]["median"], 90)
        # 64 bytes in 2 ns
        self.assertAlmostEqual(found["bump"]["median"], 64 / 2 * 1e9 / 2**30)
        self.assertEqual({r["implementation"] for r in found.values()}, {"limit"})
        self.assertLess(output.index("| loads load_ns"), output.index("churn p32"))
        self.assertIn("bench_mark_limit graph=random markers=1 count=16777216", self.calls())

    def test_machine_alone(self):
        self.churn("limit", 2)
        status, output, _, records = self.run_it("machine", "--quick", calibrated=True)
        self.assertEqual(status, 0)
        self.assertEqual({record["workload"] for record in records}, {"machine"})
        self.assertNotIn("random", {record["variant"] for record in records})
        self.assertTrue(all(record["quick"] for record in records))
        self.assertEqual(self.calls(), ["bench_churn_limit kind=p size=64 threads=1 count=2000000"])

    def test_charts(self):
        self.churn("trillium", 3)
        self.churn("glibc", 4)
        directory = self.build / "charts"
        self.run_it("--variant=p32,p32/2", "--runs=1", "--quick", f"--svg={directory}")
        names = {"churn-p32.svg", "churn-p32-2.svg", "overview.svg"}
        self.assertEqual({path.name for path in directory.iterdir()}, names)
        text = (directory / "churn-p32.svg").read_text()
        self.assertIn("1 runs (QUICK)", text)
        self.assertIn(">0.75</text>", text)

    def lox(self, statistics, *output):
        """A machine that is as good without collections; it prints `output`, a line a call."""
        text = PROGRAM % NEXT_LINE
        self.write("bench_lox_trillium", text + f"cat >&2 <<END\n{statistics}\nEND\n")
        path = self.programs / "bench_lox_trillium.lines"
        path.write_text("".join(line + "\n" for line in output))

    CYCLES = "collections  52 (0 asked for)"
    STATISTICS = CYCLES + "\nprocessor    940.1 ms, of which marking took 280.0 (29.78 %)"

    def test_lox(self):
        self.lox(self.STATISTICS, "one;two", "one;two")
        status, output, messages, records = self.run_it("lox", "--variant=fib", "--runs=1")
        self.assertEqual((status, messages), (0, ""))
        self.assertEqual(self.record(records, "trillium", "gc_share_pct")["median"], 29.78)
        self.assertEqual(self.record(records, "trillium", "collections")["median"], 52)
        self.assertEqual(self.record(records, "trillium-gogc-off", "wall_s")["median"], 1.5)
        self.assertEqual(self.calls().count("GOGC seen"), 1)
        goal = "| lox fib wall_s / trillium-gogc-off |   1.00 | <= 1.1 | reached |"
        self.assertIn(goal, output)
        self.lox(self.STATISTICS, "one;two", "one;three")
        status, _, messages, _ = self.run_it("lox", "--variant=fib", "--runs=1")
        self.assertEqual(status, 1)
        self.assertIn("did different work", messages)

    def test_lox_without_statistics(self):
        self.lox(self.CYCLES, "one")
        status, _, messages, _ = self.run_it("lox", "--variant=fib", "--runs=1")
        self.assertEqual(status, 1)
        self.assertIn("no gc_share_pct in the statistics", messages)

    def test_messages_of_lox_with_trace(self):
        self.lox(self.STATISTICS, "one")
        _, _, messages, _ = self.run_it("lox", "--variant=fib", "--runs=1", "--gctrace=1")
        self.assertEqual(messages, self.STATISTICS + "\n")

    def test_pool(self):
        objects = "cpu_ns_op 1;objects 30"
        fresh, pooled = (f"ns_op 90;{objects};collections {n};check aa" for n in (300, 2))
        self.program("bench_pool_trillium", fresh, fresh, pooled)
        self.program("bench_pool_go", f"ns_op 60;{objects};collections 0;check aa")
        _, output, _, records = self.run_it("pool", "--runs=2", "--go=/bin/true")
        share = self.record(records, "trillium", "fresh_collections_pct")
        self.assertEqual(share["variant"], "pooled")
        self.assertAlmostEqual(share["median"], 2 / 3)
        goals = self.goals(output)
        self.assertEqual(goals["fresh_collections_pct"], ["0.67", "<= 1", "reached"])
        self.assertEqual(goals["objects"], ["30.0", "<= 1000", "reached"])
        self.assertEqual(goals["go"], ["1.50", "<= 1", "MISSED by 50 %"])

    def test_ephemerons(self):
        figures = "full_ms 9;full_cpu_ms 9;clear_ms 1;build_s 1;check aa"
        lines = [f"ns_ephemeron {ns};{figures}" for ns in (40, 50, 64, 20)]
        self.program("bench_ephemerons_trillium", *lines)
        options = ["ephemerons", "--runs=1", "--variant=chain/*,cycle/1m"]
        _, output, _, records = self.run_it(*options)
        growth = {r["variant"]: r["median"] for r in records if r["metric"] == "growth"}
        self.assertEqual(growth, {"chain/500k": 1.25, "chain/1m": 1.6})
        self.assertIn("| chain | 40.0 | 50.0 | 64.0 |", output)
        self.assertIn("| cycle |    - |    - | 20.0 |", output)
        self.assertIn("| ephemerons chain/1m growth |   1.60 | <= 1.5 | MISSED by 7 % |", output)

    def test_rss(self):
        self.program("bench_rss_trillium", "rss_mb 70;goal_mb 64;rss_goal 1.09;check aa")
        self.program("bench_trees_trillium", "run_s 1;check bb")
        self.program("bench_ring_trillium", "mean_ns 1;check cc")
        status, output, _, records = self.run_it("rss", "--runs=1")
        self.assertEqual(status, 0)
        found = {(r["variant"], r["metric"]): r["median"] for r in records}
        self.assertEqual({record["workload"] for record in records}, {"rss"})
        # What the spike's program says is its own; of the others it is what the process had.
        self.assertEqual(found["spike", "rss_mb"], 70)
        self.assertEqual(found["trees", "rss_mb"], 10)
        self.assertEqual(found["trees", "rss_live"], 10 / 64)
        self.assertEqual(found["ring", "rss_live"], 10 / 195.3125)
        self.assertEqual(self.goals(output), {"rss_goal": ["1.09", "<= 1.1", "reached"]})
        self.assertIn("bench_trees_trillium depth=20 mutators=1", self.calls())

    def test_large_graph_by_name_only(self):
        self.stall("trillium", 1)
        _, _, _, records = self.run_it("stall", "--runs=1")
        variants = {record["variant"] for record in records}
        self.assertEqual(variants, {"64m/1", "1g/1", "1g/2", "1g/16"})
        _, _, _, records = self.run_it("stall", "--runs=1", "--variant=4g/1")
        self.assertEqual({record["variant"] for record in records}, {"4g/1"})

    def test_workloads_by_position(self):
        self.churn("trillium", 1)
        self.program("bench_mark_trillium", "full_ms 1;check bb")
        self.stall("trillium", 1)
        _, _, _, records = self.run_it("--runs=1", "stall", "--quick", "mark")
        self.assertEqual({record["workload"] for record in records}, {"mark", "stall"})
        with self.assertRaises(SystemExit):
            self.run_it("stalls")

    def test_trace_of_trillium_only(self):
        self.churn("trillium", 1)
        self.churn("boehm", 1)
        self.run_it("churn", "--variant=p16", "--runs=1", "--gctrace=2")
        self.assertEqual(self.calls().count("GCTRACE=2"), 1)
        self.assertEqual(self.calls().index("GCTRACE=2"), 1)

    def test_filters(self):
        self.churn("trillium", 1)
        self.churn("glibc", 1)
        self.churn("boehm", 1)
        self.program("bench_mark_trillium", "full_ms 1;check bb")
        _, _, _, records = self.run_it(
            "--workload=churn", "--variant=p1*", "--implementation=trillium,boehm", "--runs=1"
        )
        variants = {record["variant"] for record in records}
        self.assertEqual(variants, {"p16", "p128", "p16/2", "p128/2", "p16/4", "p128/4"})
        self.assertEqual({r["implementation"] for r in records}, {"trillium", "boehm"})
        _, _, _, records = self.run_it("--workload=mark", "--runs=1")
        self.assertEqual({record["workload"] for record in records}, {"mark"})
        self.assertEqual(len({record["variant"] for record in records}), 6)

    def test_arguments_of_implementations(self):
        self.churn("boehm", 1)
        self.run_it("--variant=p16", "--implementation=boehm*", "--runs=1")
        self.assertTrue(self.calls()[1].endswith("interior=1"), self.calls())
        self.assertFalse(self.calls()[0].endswith("interior=1"), self.calls())

    def test_limit_marks_with_one_thread(self):
        self.program("bench_mark_limit", "full_ms 1;check bb")
        self.program("bench_mark_trillium", "full_ms 2;check bb")
        _, _, _, records = self.run_it("--variant=list/*", "--runs=1")
        of_limit = {r["variant"] for r in records if r["implementation"] == "limit"}
        self.assertEqual(of_limit, {"list/1"})

    def test_nothing_chosen(self):
        self.churn("trillium", 1)
        status, _, messages, _ = self.run_it("--variant", "p48")
        self.assertEqual(status, 2)
        self.assertIn("nothing to measure", messages)

    def test_quick_is_labelled(self):
        self.churn("trillium", 1)
        self.churn("glibc", 1)
        status, output, _, records = self.run_it("--quick")
        self.assertEqual(status, 0)
        self.assertTrue(output.index("QUICK") < output.index("churn p32"))
        self.assertTrue(all(record["quick"] for record in records))
        self.assertTrue(all("count=2000000" in call for call in self.calls()))

    def test_absent_implementations_are_named(self):
        self.churn("trillium", 1)
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        links = self.build / "bin"
        links.mkdir()
        for tool in "sh dirname basename head wc sed env grep tr sleep".split():
            (links / tool).symlink_to(run.shutil.which(tool))
        os.environ["PATH"] = str(links)
        _, output, _, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertIn("https://go.dev/dl", output)
        self.assertEqual(output.count("https://go.dev/dl"), 1)
        self.assertIn("no boehm: it needs the package libgc-dev", output)

    def test_scaling(self):
        self.churn("trillium", 10, 11)
        _, output, _, _ = self.run_it("--variant=p32,p32/2", "--runs=1")
        self.assertIn("scaling", output)
        self.assertIn(" 1.82 |", output)  # 2 threads * 10 ns / 11 ns

    def test_different_work_is_an_error(self):
        self.churn("trillium", 1)
        self.churn("glibc", 1, check="ab")
        status, _, messages, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(status, 1)
        self.assertIn("did different work", messages)

    def test_failing_program(self):
        self.write("bench_churn_trillium", "#!/bin/sh\nexit 3\n")
        status, _, messages, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(status, 1)
        self.assertIn("status 3", messages)

    def test_program_without_result(self):
        self.program("bench_churn_trillium", "cpu_ns_op 4;check aa")
        status, _, messages, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(status, 1)
        self.assertIn("printed no result", messages)

    def test_unknown_metric(self):
        self.program("bench_churn_trillium", "ns_op 4;speed 5;check aa")
        status, _, messages, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(status, 1)
        self.assertIn("unknown metric speed", messages)

    def test_environment_of_programs(self):
        self.churn("trillium", 1)
        os.environ["GOGC"] = "50"
        self.addCleanup(os.environ.pop, "GOGC")
        self.run_it("--variant=p16", "--runs=1")
        self.assertNotIn("GOGC seen", self.calls())

    def test_run_without_second_processor_is_repeated(self):
        self.churn("trillium", 5, 7)
        self.factors("2.0", "1.1", "2.0")  # before, after, then good for ever
        _, output, _, records = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(self.record(records, "trillium", "ns_op")["median"], 7)
        self.assertNotIn("packed_runs", self.record(records, "trillium", "ns_op"))
        self.assertNotIn("indicative only\n\n", output.split("churn p16")[1])

    def test_second_processor_is_waited_for(self):
        self.churn("trillium", 5, 7)
        self.factors("1.0", "1.0", "2.0")
        _, _, _, records = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(self.record(records, "trillium", "ns_op")["median"], 5)

    def test_lack_of_second_processor_is_said(self):
        self.churn("trillium", 5, 6, 7)
        self.factors("1.2")
        machine.Machine.__init__.__defaults__ = (machine.ATTEMPTS, 2, lambda seconds: None)
        _, output, _, records = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(len(self.calls()), machine.ATTEMPTS)
        self.assertEqual(self.record(records, "trillium", "ns_op")["packed_runs"], 1)
        said = "in 1 of 1 runs two threads had less than two processors (factor 1.20)"
        self.assertIn(said, output)

    def test_doubtful_ratios_are_marked(self):
        self.churn("trillium", 1)
        self.churn("glibc", 2)
        machine.Machine.__init__.__defaults__ = (1, 0, lambda seconds: None)
        # Before and after each run of two turns: Trillium's second has one processor.
        self.factors("2", "2", "2", "2", "2", "1", "2", "2")
        _, output, _, records = self.run_it("--variant=p16", "--runs=2")
        self.assertIn("| churn p16 | 0.50? |", output)
        self.assertEqual(self.record(records, "glibc", "ratio")["packed_runs"], 1)
        self.assertNotIn("packed_runs", self.record(records, "glibc", "ns_op"))
        self.assertEqual(self.record(records, "trillium", "ns_op")["packed_runs"], 1)
        self.factors("2", "1", "2", "2", "2")
        _, output, _, _ = self.run_it("--variant=p16", "--runs=3")
        self.assertIn("| churn p16 |  0.50 |", output)  # one of three is no doubt

    def test_quick_does_not_wait(self):
        self.churn("trillium", 5)
        self.factors("1.2")
        machine.Machine.__init__.__defaults__ = (machine.ATTEMPTS, 1, self.fail)
        status, _, _, records = self.run_it("--quick", "--variant=p16", "--runs=1")
        self.assertEqual((status, len(self.calls())), (0, 1))
        self.assertEqual(records[0]["packed_runs"], 1)

    def test_one_processor(self):
        self.churn("trillium", 5)
        self.factors("1.0")
        os.sched_getaffinity = lambda pid: {0}
        _, output, _, records = self.run_it("--variant=p16", "--runs=1")
        self.assertEqual(len(self.calls()), 1)
        self.assertNotIn("packed_runs", records[0])
        self.assertIn("one processor", output)

    def test_unoptimized_build_is_said(self):
        self.churn("trillium", 5)
        info = self.build / "meson-info"
        info.mkdir()
        options = {"buildtype": "debug", "optimization": "0", "checks": "full"}
        options["b_sanitize"] = "none"
        text = json.dumps([{"name": name, "value": value} for name, value in options.items()])
        (info / "intro-buildoptions.json").write_text(text)
        _, output, _, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertIn("not how a release is built", output)
        (info / "intro-buildoptions.json").write_text(
            text.replace('"0"', '"3"').replace("full", "none")
        )
        _, output, _, _ = self.run_it("--variant=p16", "--runs=1")
        self.assertNotIn("not how a release is built", output)

    def test_figures(self):
        self.assertEqual(metrics.figure(None), "-")
        self.assertEqual(metrics.figure(1.234), "1.23")
        self.assertEqual(metrics.figure(12.34), "12.3")
        self.assertEqual(metrics.figure(1234.5), "1234")


def main():
    program = unittest.main(exit=False)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)


if __name__ == "__main__":
    main()
