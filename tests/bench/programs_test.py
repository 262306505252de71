#!/usr/bin/env python3
"""The benchmark programs do the work they are said to do, by sums that are computed here anew.

    programs_test.py PROGRAM ...      paths ending in bench_<workload>_<implementation>
"""

import os
import subprocess
import sys

COLLECTORS = ("trillium", "go", "boehm")
RING = 10000
WORD = 2**64 - 1


def churn_sum(kind, count, threads):
    """The last RING objects hold their numbers; the link of one with pointers leads to itself, or
    from an odd number to the one before."""
    last = range(count - RING, count)
    numbers = sum(last)
    links = sum(number - number % 2 for number in last) if kind == "p" else 0
    return threads * (numbers + 3 * links) & WORD


class Random:
    def __init__(self, state=0x9E3779B97F4A7C15):
        self.state = state

    def below(self, limit):
        x = self.state
        x ^= x << 13 & WORD
        x ^= x >> 7
        x ^= x << 17 & WORD
        self.state = x
        return (x >> 32) * limit >> 32


def random_sum(count):
    random = Random()
    nodes = list(range(count))
    for i in range(count - 1, 0, -1):
        j = random.below(i + 1)
        nodes[i], nodes[j] = nodes[j], nodes[i]
    result = 0
    for node in nodes:
        first, second = nodes[random.below(count)], nodes[random.below(count)]
        result += 2 * node + 1 + (3 * first + 5 * second if node % 64 == 0 else 0)
    return result & WORD


def mark_sum(graph, count):
    return random_sum(count) if graph == "random" else count * count & WORD


def ring_sum(pushes, slots):
    """The numbers of the last messages, and three times their last word."""
    last = range(max(0, pushes - slots), pushes)
    return sum(last) + 3 * 127 * len(last)


LATENCIES = ["mean_ns", "p50_ns", "p99_ns", "p999_ns", "p9999_ns", "max_us", "cpu_ns_op"]


def ring_cases():
    for pushes, slots in ((5000, 2000), (300, 2000), (20000, 1)):
        arguments = [f"pushes={pushes}", f"slots={slots}"]
        yield arguments, ring_sum(pushes, slots), dict.fromkeys(LATENCIES)


def stall_cases():
    """Allocations are counted where their number is given, otherwise only that there are some."""
    nodes = 2**14
    timed = ["cycles=1", "least_ms=1", "most_ms=100"]
    for mutators in (1, 2, 4):
        for watcher in (0, 1):
            for count in (6, RING + 2, 4 * RING, None):
                arguments = [f"nodes={nodes}", f"mutators={mutators}", f"watcher={watcher}"]
                arguments += timed if count is None else [f"count={count}"]
                metrics = dict.fromkeys(LATENCIES + ["run_s", "run_cpu_s"])
                metrics["allocations"] = None if count is None else count * mutators
                if watcher:
                    metrics.update(dict.fromkeys(["watcher_max_us", "watcher_over_100us"]))
                    metrics.update(dict.fromkeys(["watcher_over_1ms"]))
                yield arguments, random_sum(nodes), metrics


def gogc_cases(implementation):
    """20 MiB need cycles where 4 MiB are live at most; 256 KiB need none."""
    for count in (256, 20_000):
        metrics = dict.fromkeys(["run_s", "run_cpu_s", "collections"])
        metrics["peak_heap_mb"] = (0, 1)
        if count == 20_000:
            metrics.update(collections=(1, 20_000), interval_ms=None, peak_heap_mb=(1, 21))
        yield [f"count={count}"], 4 * sum(range(count)) & WORD, metrics


def trees_sum(depth, mutators):
    def nodes(levels):
        return 2 ** (levels + 1) - 1

    young = sum(2 ** (depth + 4 - d) * nodes(d) for d in range(4, depth + 1, 2))
    return mutators * (nodes(depth + 1) + young + nodes(depth))


def trees_cases(implementation):
    for depth in (4, 10):
        for mutators in (1, 2, 4):
            metrics = dict.fromkeys(["run_s", "run_cpu_s"])
            if implementation in COLLECTORS:
                metrics["collections"] = None
            arguments = [f"depth={depth}", f"mutators={mutators}"]
            yield arguments, trees_sum(depth, mutators), metrics


def memlimit_cases(implementation):
    """Half of 16 MiB is kept; then it goes on to the end of its time."""
    metrics = ["gc_share_pct", "gc_share_max_pct", "start_ns_op", "throughput_pct"]
    metrics = dict.fromkeys(metrics + ["throughput_end_pct", "overshoot_pct", "run_s"])
    metrics.update(rss_mb=(8, 1000), allocations=(8192, 2**40), collections=(1, 2**40))
    if implementation == "trillium":
        metrics["gave_up"] = 0
    arguments = ["limit_mb=16", "fill=50", "last=60", "keep=1000000000", "work=10"]
    arguments += ["start_ms=200", "most_ms=1000", "give_up_s=0"]
    yield arguments, 8192**2, metrics


def pool_cases(implementation):
    """The numbers of all buffers, and three times their last byte."""
    for count in (1, 5000):
        for buffers in ("fresh", "pooled"):
            metrics = dict.fromkeys(["ns_op", "cpu_ns_op", "collections"])
            # Two objects a buffer; a pool needs few more than one. The rest of a run that a cycle
            # has found black counts as objects: at most a span for each of the sizes.
            fresh = (2 * count, 2 * count + 1024)
            metrics["objects"] = fresh if buffers == "fresh" else (2, 500)
            arguments = [f"buffers={buffers}", f"count={count}"]
            yield arguments, sum(range(count)) + 21 * count, metrics


def ephemerons_cases(implementation):
    """Of each ephemeron the number of its value, and three times that of its key."""
    for count in (1, 3000):
        for graph in ("chain", "cycle", "random"):
            random = Random(88172645463325252)
            ends = [(i, i + 1) for i in range(count)]
            if graph == "cycle":
                ends[-1] = (count - 1, 0)
            elif graph == "random":
                ends = [(random.below(i + 1), i + 1) for i in range(count)]
            names = ["full_ms", "full_cpu_ms", "ns_ephemeron", "clear_ms", "build_s"]
            arguments = [f"graph={graph}", f"count={count}", "collections=2"]
            yield arguments, sum(3 * key + value for key, value in ends), dict.fromkeys(names)


def rss_cases(implementation):
    nodes = 2**14
    for keep in (0, 64, 1024):
        metrics = dict.fromkeys(["rss_0s_mb", "rss_1s_mb", "rss_2s_mb", "rss_5s_mb"])
        metrics.update(dict.fromkeys(["rss_10s_mb", "rss_mb", "rss_released_mb"]))
        metrics["rss_spike_mb"] = (1, 1000)
        if implementation != "boehm":
            metrics.update(goal_mb=(0.1, 1000), rss_goal=None)
        arguments = [f"nodes={nodes}", f"keep={keep}", "seconds=1"]
        yield arguments, nodes**2 + (nodes // 1024 * keep) ** 2, metrics


def cases(workload, implementation):
    """(arguments, expected sum, metrics that must be there: the value of each, None for any, a pair
    for one from .. to ..)"""
    if workload == "ring":
        yield from ring_cases()
    elif workload == "stall":
        yield from stall_cases()
    elif workload in OTHERS:
        yield from OTHERS[workload](implementation)
    elif workload == "mark":
        for graph in ("list", "tree", "random"):
            for markers in (1, 2):
                count = 2**14
                arguments = [f"graph={graph}", f"markers={markers}", f"count={count}"]
                yield arguments, mark_sum(graph, count), {"full_ms": None, "full_cpu_ms": None}
    else:
        for kind in ("p", "a"):
            for size in (16, 32, 64, 128, 512):
                for threads in (1, 2, 4):
                    count = 4 * RING
                    arguments = [f"kind={kind}", f"size={size}"]
                    arguments += [f"threads={threads}", f"count={count}"]
                    metrics = {"ns_op": None, "cpu_ns_op": None}
                    yield arguments, churn_sum(kind, count, threads), metrics


OTHERS = {
    "ephemerons": ephemerons_cases,
    "gogc": gogc_cases,
    "memlimit": memlimit_cases,
    "pool": pool_cases,
    "rss": rss_cases,
    "trees": trees_cases,
}


def is_value(text, value):
    if isinstance(value, tuple):
        return value[0] <= float(text) <= value[1]
    return value in (None, float(text))


def is_right(done, expected, metrics):
    """Whether a program ended well, with the sum and the metrics that it should have printed."""
    lines = dict(line.split() for line in done.stdout.splitlines())
    if done.returncode != 0 or lines.get("check") != f"{expected:016x}":
        return False
    return all(
        metric in lines and is_value(lines[metric], value) for metric, value in metrics.items()
    )


def main():
    passed = failed = 0
    for program in sys.argv[1:]:
        _, workload, implementation = os.path.basename(program).split("_")
        for arguments, expected, metrics in cases(workload, implementation):
            command = [os.path.abspath(program)] + arguments
            done = subprocess.run(command, capture_output=True, text=True)
            if is_right(done, expected, metrics):
                passed += 1
            else:
                failed += 1
                print(f"{' '.join(command)}: status {done.returncode}, not check {expected:016x}")
                print(f"with {metrics}")
                print(done.stdout + done.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
