#!/usr/bin/env python3
"""The benchmark programs do the work they are said to do, by sums that are computed here anew.

    programs_test.py PROGRAM ...      paths ending in bench_<workload>_<implementation>
"""

import os
import subprocess
import sys

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
    def __init__(self):
        self.state = 0x9E3779B97F4A7C15

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


def cases(workload):
    """(arguments, expected sum, metrics that must be there: the value of each, None for any)"""
    if workload == "ring":
        yield from ring_cases()
    elif workload == "stall":
        yield from stall_cases()
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


def is_right(done, expected, metrics):
    """Whether a program ended well, with the sum and the metrics that it should have printed."""
    lines = dict(line.split() for line in done.stdout.splitlines())
    if done.returncode != 0 or lines.get("check") != f"{expected:016x}":
        return False
    return all(
        metric in lines and value in (None, float(lines[metric]))
        for metric, value in metrics.items()
    )


def main():
    passed = failed = 0
    for program in sys.argv[1:]:
        workload = os.path.basename(program).split("_")[1]
        for arguments, expected, metrics in cases(workload):
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
