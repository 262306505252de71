"""What was measured: a row for each implementation in each variant, one value a run."""

import json
import statistics

from machine import TWO_PROCESSORS, BenchError
from metrics import UNITS


def record(workload, variant, implementation, metric, values, quick=False, packed=0):
    """A line of the JSON."""
    fields = {
        "workload": workload,
        "variant": variant,
        "implementation": implementation,
        "metric": metric,
        "unit": UNITS[metric],
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "runs": len(values),
    }
    if quick:
        fields["quick"] = True
    if packed:
        fields["packed_runs"] = packed
    return json.dumps(fields) + "\n"


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

    def ratios_by(self, others, metric):
        """This row's figure by the least of the others', turn by turn; [] where there is none."""
        if metric not in self.values or any(metric not in other.values for other in others):
            return []
        turns = zip(self.values[metric], *(other.values[metric] for other in others))
        return [ours / min(theirs) for ours, *theirs in turns if min(theirs) > 0]

    def add_ratios(self, trillium):
        """Trillium's figures by this one's."""
        if trillium in (None, self):
            return
        self.trillium = trillium
        for name, metric in self.workload.ratios.items():
            self._put(name, trillium.ratios_by([self], metric))

    def add_limit_ratio(self, limit):
        """This one's figure by what the machine allows."""
        if limit not in (None, self) and "limit_ratio" in self.workload.columns:
            self._put("limit_ratio", self.ratios_by([limit], self.workload.metric))

    def add_against(self, base):
        """What follows from this row and the same implementation's in another variant."""
        if base is not None:
            name, values = self.workload.against(self.variant, self, base)
            self._put(name, values)

    def _put(self, metric, values):
        if values:
            self.values[metric] = values

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

    def records(self):
        names = [self.workload.name, self.variant, self.implementation.name]
        for metric, values in self.values.items():
            packed = self.packed_turns() if metric.endswith("ratio") else len(self.packed())
            yield record(*names, metric, values, self.quick, packed)


def measure_variant(machine, programs, workload, variant, implementations, runs, quick):
    """A row for each implementation, their runs interleaved."""
    rows = [Row(workload, variant, implementation, quick) for implementation in implementations]
    for _ in range(runs):
        for row in rows:
            command = [programs.path(row.implementation, workload.program(variant))]
            command += workload.arguments(variant, quick) + row.implementation.arguments
            environment = {**workload.environment(variant), **row.implementation.environment}
            environment.update(machine.settings.get(row.implementation.name, {}))
            row.add(*machine.measure(command, environment, workload.parse))
    checks = {check for row in rows for check in row.checks}
    if len(checks) > 1:
        found = ", ".join(f"{row.implementation.name} {sorted(set(row.checks))}" for row in rows)
        raise BenchError(f"{workload.name} {variant}: implementations did different work: {found}")
    by_name = {row.implementation.name: row for row in rows}
    for row in rows:
        row.add_ratios(by_name.get("trillium"))
        row.add_limit_ratio(by_name.get("limit"))
    return rows
