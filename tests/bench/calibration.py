"""The machine's own figures, measured at the head of each run.

They say what the machine allowed on that day: results of two runs, or of two machines, are to be
compared as multiples of them. They are the workload "machine" of the JSON, and the limit's, since
no collector takes part.
"""

import os

from metrics import UNITS, figure
from rows import record
from tables import print_table
from workloads import IMPLEMENTATIONS, workload

NAME = "machine"
LIMIT = next(i for i in IMPLEMENTATIONS if i.name == "limit")
GIB = 2**30


def _tool(programs, probe, quick):
    return [programs.tool(), probe]


def _bump(programs, probe, quick):
    return [programs.path(LIMIT, "churn")] + workload("churn").arguments("p64", quick)


def _chase(programs, probe, quick):
    return [programs.path(LIMIT, "mark")] + workload("mark").arguments(f"{probe}/1", quick)


# Variant: the command of a program of this directory, and the metrics that are taken from it.
PROBES = {
    "factor": (_tool, ["factor"]),
    "bump": (_bump, ["ns_op"]),
    "fill": (_tool, ["touch_gib_s", "fill_gib_s"]),
    "loads": (_tool, ["load_ns"]),
    "list": (_chase, ["full_ms"]),
    "tree": (_chase, ["full_ms"]),
    "random": (_chase, ["full_ms"]),
}


def calibrate(machine, programs, quick):
    """{(variant, metric): value}, of the probes whose programs are there."""
    figures = {}
    with machine.spinners():
        for probe, (command, metrics) in PROBES.items():
            words = command(programs, probe, quick)
            if not os.path.exists(words[0]):
                continue
            lines = machine.lines(words)
            for metric in metrics:
                figures[probe, metric] = float(lines[metric])
            if probe == "bump":
                figures[probe, "gib_s"] = 64 * 1e9 / figures[probe, "ns_op"] / GIB
    return figures


def print_calibration(figures):
    print(NAME)
    lines = [
        [f"{probe} {metric}", figure(value), UNITS[metric]]
        for (probe, metric), value in figures.items()
    ]
    print_table(["figure", "value", "unit"], lines)


def calibration_records(figures, quick):
    for (probe, metric), value in figures.items():
        yield record(NAME, probe, LIMIT.name, metric, [value], quick)
