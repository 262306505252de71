"""Charts of the results: bars for each variant of a workload, and all ratios at a glance."""

import os

from drawing import Axis, Drawing
from metrics import UNITS, figure
from tables import ratio_text
from workloads import IMPLEMENTATIONS

WIDTH = 760
LEFT, RIGHT = 150, 560  # the columns between which values lie
TOP = 76
BAR_ROW, BAR = 30, 18
MARK_ROW = 22
LEGEND_ROW, LEGEND_COLUMNS = 20, 5
LOGARITHMIC_FROM = 50  # where the largest bar is so many times the smallest, by magnitude


def bar_kind(name):
    return name if name in ("trillium", "limit") else "peer"


def bars(workload, variant, rows, note):
    """The metric of one variant: a bar for each implementation, its runs' range, the ratio."""
    values = {row: row.median(workload.metric) for row in rows}
    spreads = [value for row in rows for value in row.values[workload.metric]]
    positive = [value for value in spreads if value > 0]
    wide = len(positive) == len(spreads) and max(spreads) > LOGARITHMIC_FROM * min(spreads)
    axis = Axis(spreads, LEFT, RIGHT, wide)
    bottom = TOP + BAR_ROW * len(rows)
    title = f"{workload.name} {variant}: {workload.metric}"
    drawing = Drawing(WIDTH, bottom + 60, title)
    by = "by magnitude, " if wide else ""
    drawing.text(16, 50, f"{UNITS[workload.metric]}, {by}less is better", "faint")
    drawing.text(RIGHT + 88, 50, UNITS[workload.metric], "faint", "end")
    drawing.text(WIDTH - 16, 50, "trillium/this", "faint", "end")
    drawing.grid(axis, TOP - 8, bottom)
    for i, row in enumerate(rows):
        draw_bar(drawing, axis, TOP + BAR_ROW * i, row, values[row])
    drawing.text(16, bottom + 48, note, "faint")
    return drawing.svg()


def draw_bar(drawing, axis, top, row, value):
    name = row.implementation.name
    middle = top + BAR / 2
    drawing.text(LEFT - 10, middle + 4, name, "", "end")
    drawing.rectangle(LEFT, top, max(axis.column(value) - LEFT, 1), BAR, bar_kind(name))
    low, high = (axis.column(f(row.values[row.workload.metric])) for f in (min, max))
    if high - low > 1:
        drawing.line(low, middle, high, middle, "spread")
    drawing.text(RIGHT + 88, middle + 4, figure(value), "", "end")
    drawing.text(WIDTH - 16, middle + 4, ratio_text(row, row.workload.ratio), "", "end")


def draw_legend(drawing, names):
    for number, name in enumerate(names):
        x = 24 + number % LEGEND_COLUMNS * (WIDTH - 40) / LEGEND_COLUMNS
        y = 52 + number // LEGEND_COLUMNS * LEGEND_ROW
        drawing.mark(x, y, number, name)
        drawing.text(x + 10, y + 4, name)


def overview(rows, note):
    """Trillium's figure by each peer's: a line for each variant, a mark for each peer. None where
    there is no ratio."""
    ratios = {row: row.median(row.workload.ratio) for row in rows}
    rows = [row for row in rows if ratios[row]]
    if not rows:
        return None
    names = [i.name for i in IMPLEMENTATIONS if any(row.implementation is i for row in rows)]
    variants = list(dict.fromkeys((row.workload.name, row.variant) for row in rows))
    axis = Axis([1] + [ratios[row] for row in rows], LEFT, WIDTH - 30, True)
    top = TOP + LEGEND_ROW * ((len(names) - 1) // LEGEND_COLUMNS)
    bottom = top + 10 + MARK_ROW * len(variants)
    drawing = Drawing(WIDTH, bottom + 60, "Trillium by each: left of 1 Trillium is better")
    draw_legend(drawing, names)
    drawing.grid(axis, top - 8, bottom)
    drawing.line(axis.column(1), top - 8, axis.column(1), bottom, "even")
    for i, (workload, variant) in enumerate(variants):
        y = top + 10 + MARK_ROW * i
        drawing.text(LEFT - 10, y + 4, f"{workload} {variant}", "", "end")
        for row in rows:
            if (row.workload.name, row.variant) == (workload, variant):
                name = row.implementation.name
                what = f"{workload} {variant}, {row.workload.metric} by {name}'s: "
                what += ratio_text(row, row.workload.ratio)
                drawing.mark(axis.column(ratios[row]), y, names.index(name), what)
    drawing.text(16, bottom + 48, note, "faint")
    return drawing.svg()


def write(directory, rows, note):
    """A file for each variant, and overview.svg."""
    os.makedirs(directory, exist_ok=True)
    charts = {}
    for workload, variant in dict.fromkeys((row.workload, row.variant) for row in rows):
        beside = [row for row in rows if (row.workload, row.variant) == (workload, variant)]
        name = f"{workload.name}-{variant.replace('/', '-')}"
        charts[name] = bars(workload, variant, beside, note)
    charts["overview"] = overview(rows, note)
    for name, svg in charts.items():
        if svg is not None:
            with open(os.path.join(directory, f"{name}.svg"), "w", encoding="utf-8") as file:
                file.write(svg)
