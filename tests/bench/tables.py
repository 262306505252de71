"""The tables, as Markdown."""

import statistics

from metrics import RATIO_TITLES, figure
from workloads import IMPLEMENTATIONS

# What a column is called where it is not called by its metric.
HEADINGS = dict.fromkeys(RATIO_TITLES, "trillium/this")
HEADINGS.update(limit_ratio="x limit", peak_rss_mb="peak MiB")


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


def print_variant(workload, variant, rows):
    print(f"{workload.name} {variant}")
    process = [name for name in ("wall_s", "cpu_s", "peak_rss_mb") if name != workload.metric]
    columns = [workload.ratio] + workload.columns
    columns += [name for name in process if name not in columns]
    # What nobody measured in this variant has no column.
    columns = columns[:1] + [n for n in columns[1:] if any(n in row.values for row in rows)]
    header = ["implementation", workload.metric, "min", "max"]
    header += [HEADINGS.get(name, name) for name in columns]
    lines = []
    for row in rows:
        values = row.values[workload.metric]
        line = [row.implementation.name, figure(row.median(workload.metric))]
        line += [figure(min(values)), figure(max(values))]
        lines.append(line + [cell_text(row, name) for name in columns])
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


def print_sizes(rows, label):
    """What one ephemeron takes, by graph and number: a row is level where time is linear."""
    rows = [row for row in rows if row.workload.name == "ephemerons"]
    if not rows:
        return
    graphs, counts = (
        list(dict.fromkeys(row.variant.split("/")[part] for row in rows)) for part in (0, 1)
    )
    found = {row.variant: figure(row.median(row.workload.metric)) for row in rows}
    print(f"A collection's ns of processor time for each ephemeron{label}: level if linear")
    lines = [[g] + [found.get(f"{g}/{count}", "-") for count in counts] for g in graphs]
    print_table(["graph"] + counts, lines)


def goal_line(goal, row, peers):
    """What, the median, the goal, and whether it was reached; None where no peer was measured."""
    what, values = f"{row.workload.name} {row.variant} {goal.metric}", row.values.get(goal.metric)
    doubtful = row.is_doubtful()
    if goal.peers:
        if not peers:
            return None
        names = ", ".join(peer.implementation.name for peer in peers)
        what += f" / {names}" if len(peers) == 1 else f" / best of {names}"
        values = row.ratios_by(peers, goal.metric)
        doubtful = any(peer.is_doubtful() for peer in peers)
    median = statistics.median(values) if values else None
    text = figure(median) + ("?" if doubtful else "")
    return [what, text, f"{goal.relation} {goal.value:g}", goal.verdict(median)]


def print_goals(rows, label):
    lines = []
    for row in rows:
        if row.implementation.name != "trillium":
            continue
        beside = [r for r in rows if (r.workload, r.variant) == (row.workload, row.variant)]
        for goal in row.workload.goals(row.variant):
            peers = [other for other in beside if other.implementation.name in goal.peers]
            lines.append(goal_line(goal, row, peers))
    lines = [line for line in lines if line is not None]
    if lines:
        print(f"Goals of Trillium{label}: medians of ratios within a turn")
        print_table(["figure", "median", "goal", ""], lines)
