#!/usr/bin/env python3
"""Draw what the pacer's simulator has written: a picture for each scenario, and the table of all.

    plot.py [--check] DIRECTORY PROGRAM [ARGUMENT...]

PROGRAM is pacer_simulate. DIRECTORY gets <scenario>.svg, and its README.md, which has to exist,
gets the table between the two comments `scenarios: begin` and `scenarios: end`. With --check
nothing is written; what would change is told, and is a failure. The same output of the simulator
gives the same bytes.
"""

import argparse
import html
import json
import pathlib
import re
import subprocess
import sys

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 78, 704, 84, 332

KEYS = {
    "scenario": {"name", "what", "cycles", "processors", "percent", "memory_limit"},
    "cycle": {"number", "live", "trigger", "goal", "peak", "limit", "utilization", "share"},
    "bound": {"what", "low", "high", "least", "most", "looks", "broken", "first"},
}
# Null in these stands for "none"; anywhere else it is an error.
MAY_BE_NULL = {"memory_limit", "goal", "limit", "low", "high"}
TEXTS = {"name", "what"}

# What a curve looks like, and its colours on light and on dark paper. Without variables of CSS,
# which not every viewer knows.
COLORS = {
    "paper": ("fill", "#ffffff", "#0d1117"),
    "name": ("fill", "#1f2328", "#e6edf3"),
    "grid": ("stroke", "#d8dee4", "#2a313c"),
    "live": ("fill", "#a8cdf0", "#1c4a78"),
    "trigger": ("stroke", "#b7791f", "#e3b341"),
    "goal": ("stroke", "#c2410c", "#ff8f4d"),
    "peak": ("stroke", "#1f2328", "#f0f6fc"),
    "limit": ("stroke", "#c2410c", "#ff8f4d"),
    "marking": ("stroke", "#1a7f37", "#56d364"),
    "all": ("stroke", "#8250df", "#c297ff"),
}
TEXT_COLORS = ("#57606a", "#9198a1")
SHAPES = """\
text{font:12px system-ui,sans-serif}
.name{font-size:16px;font-weight:600}
.end{text-anchor:end}.mid{text-anchor:middle}
path{fill:none;stroke-width:1.6;stroke-linejoin:round}
.grid{stroke-width:1}
.peak{stroke-width:4;stroke-linecap:round}
.limit{stroke-dasharray:1.5 4}
.marking{stroke-dasharray:7 3}
.all{stroke-dasharray:2.5 2.5}
"""
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


class BadInput(Exception):
    """What the simulator wrote is not what it should write."""


# ---- Reading -------------------------------------------------------------------------------------

def check_value(key, value):
    if value is None and key in MAY_BE_NULL:
        return
    wanted = str if key in TEXTS else (int, float)
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise BadInput(f"{key} is {value!r}")
    if wanted is not str and value != value:
        raise BadInput(f"{key} is no number")
    if key == "name" and not re.fullmatch(r"\w+", value):
        raise BadInput(f"no name for a file: {value!r}")


def read_line(line):
    try:
        record = json.loads(line)
    except ValueError as error:
        raise BadInput(f"not JSON: {error}") from None
    kind = record.pop("kind", None) if isinstance(record, dict) else None
    if kind not in KEYS:
        raise BadInput(f"neither of {', '.join(KEYS)}")
    if set(record) != KEYS[kind]:
        raise BadInput(f"{kind}: {', '.join(sorted(set(record) ^ KEYS[kind]))}"
                       " should be there, or should not")
    for key, value in record.items():
        check_value(key, value)
    return kind, record


def take_record(scenarios, kind, record):
    if kind == "scenario":
        if any(other["name"] == record["name"] for other in scenarios):
            raise BadInput(f"{record['name']} comes twice")
        scenarios.append({**record, "records": [], "bounds": []})
    elif not scenarios:
        raise BadInput(f"a {kind} before any scenario")
    elif kind == "bound":
        scenarios[-1]["bounds"].append(record)
    else:
        records = scenarios[-1]["records"]
        records.append(record)
        if record["number"] != len(records):
            raise BadInput(f"cycle {record['number']} where {len(records)} should be")


def read(text):
    """The scenarios, each with its records (of cycles) and bounds."""
    scenarios = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            take_record(scenarios, *read_line(line))
        except BadInput as error:
            raise BadInput(f"line {number}: {error}") from None
    if not scenarios:
        raise BadInput("no scenario")
    for scenario in scenarios:
        if len(scenario["records"]) != scenario["cycles"] or scenario["cycles"] < 2:
            raise BadInput(f"{scenario['name']}: {len(scenario['records'])} of"
                           f" {scenario['cycles']} cycles")
        if not scenario["bounds"]:
            raise BadInput(f"{scenario['name']}: no bounds")
    return scenarios


# ---- Numbers for people --------------------------------------------------------------------------

def number_text(value):
    decimals = 5 if abs(value) < 1 else 3
    return f"{round(value, decimals) + 0.0:.{decimals}f}".rstrip("0").rstrip(".")


def bytes_text(value):
    if value == 0:
        return "0"
    unit = 0
    size = abs(value)
    while size >= 1024 and unit + 1 < len(UNITS):
        size /= 1024
        unit += 1
    return f"{'-' if value < 0 else ''}{number_text(size)} {UNITS[unit]}"


def step_of_ticks(most):
    """A power of two bytes that fits three to six times into most."""
    step = 1
    while most / step >= 6:
        step *= 2
    return step


def colors(which):
    """The rules for the colours of light (0) or dark (1) paper."""
    rules = [f"text{{fill:{TEXT_COLORS[which]}}}"]
    rules += [f".{name}{{{attribute}:{both[which]}}}"
              for name, (attribute, *both) in COLORS.items()]
    return "".join(rules)


# ---- Drawing -------------------------------------------------------------------------------------

class Picture:
    """Maps cycles and values to places, and collects the elements."""

    def __init__(self, scenario):
        self.records = scenario["records"]
        self.scenario = scenario
        sizes = [record[key] for record in self.records for key in ("live", "trigger", "peak")]
        sizes += [record["goal"] for record in self.records if record["goal"] is not None]
        sizes += [record["limit"] for record in self.records
                  if record["limit"] is not None and record["limit"] < 1.3 * max(sizes)]
        self.most = max(max(sizes) * 1.06, 1)
        self.parts = []

    def x(self, cycle):
        return LEFT + (cycle - 1) * (RIGHT - LEFT) / (len(self.records) - 1)

    def y(self, size):
        return BOTTOM - size / self.most * (BOTTOM - TOP)

    @staticmethod
    def y_of_share(share):
        return BOTTOM - share * (BOTTOM - TOP)

    def text(self, x, y, text, style=""):
        attribute = f' class="{style}"' if style else ""
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}"{attribute}>{html.escape(text)}</text>')

    def path(self, style, data):
        self.parts.append(f'<path class="{style}" d="{data}"/>')

    def points(self, key, place):
        """The places of a curve; None where it has a gap."""
        return [None if record[key] is None else (self.x(record["number"]), place(record[key]))
                for record in self.records]

    def line(self, style, points):
        data, draws = [], False
        for point in points:
            if point is not None:
                data.append(f"{'L' if draws else 'M'}{point[0]:.1f} {point[1]:.1f}")
            draws = point is not None
        if data:
            self.path(style, "".join(data))

    def axes(self):
        step = step_of_ticks(self.most)
        grid = []
        for tick in range(0, int(self.most) + 1, step):
            grid.append(f"M{LEFT} {self.y(tick):.1f}H{RIGHT}")
            self.text(LEFT - 8, self.y(tick) + 4, bytes_text(tick), "end")
        for percent in (0, 25, 50, 75, 100):
            self.text(RIGHT + 8, self.y_of_share(percent / 100) + 4, f"{percent} %")
        spacing = 10 if len(self.records) <= 60 else 20
        for cycle in [1, *range(spacing, len(self.records) + 1, spacing)]:
            self.text(self.x(cycle), BOTTOM + 18, str(cycle), "mid")
        self.text((LEFT + RIGHT) / 2, BOTTOM + 36, "cycle", "mid")
        self.path("grid", "".join(grid))

    def legend(self):
        self.text(LEFT, 22, self.scenario["name"], "name")
        self.text(LEFT, 41, self.scenario["what"])
        place = LEFT
        for style, text, width in (
                ("live", "live", 58), ("trigger", "trigger", 76), ("goal", "goal", 64),
                ("peak", "peak", 60), ("limit", "MEMLIMIT", 94),
                ("marking", "collecting, while marking", 192), ("all", "of all time", 0)):
            if style == "limit" and not self.has_limit():
                continue
            shape = {"live": "v8h18v-8z", "peak": "m3 4h0m6 0h0m6 0h0"}.get(style, "m0 4h18")
            self.path(style, f"M{place} 56{shape}")
            self.text(place + 23, 64, text)
            place += width

    def has_limit(self):
        return any(self.limit_points())

    def limit_points(self):
        points = self.points("limit", self.y)
        return [point if point is not None and point[1] >= TOP else None for point in points]

    def draw(self):
        self.axes()
        live = self.points("live", self.y)
        outline = "L".join(f"{x:.1f} {y:.1f}" for x, y in live)
        self.path("live", f"M{LEFT} {BOTTOM}L{outline}L{RIGHT} {BOTTOM}z")
        self.line("limit", self.limit_points())
        self.line("marking", self.points("utilization", self.y_of_share))
        self.line("all", self.points("share", self.y_of_share))
        self.line("trigger", self.points("trigger", self.y))
        self.line("goal", self.points("goal", self.y))
        self.path("peak", "".join(f"M{x:.1f} {y:.1f}h0" for x, y in self.points("peak", self.y)))
        self.legend()
        description = ("Sizes of the heap, on the left, and shares of the processors' time, on the"
                       " right, from cycle to cycle.")
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{html.escape(self.scenario['name'])}</title>",
            f"<desc>{description}</desc>",
            f"<style>{SHAPES}{colors(0)}\n@media(prefers-color-scheme:dark){{{colors(1)}}}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
            *self.parts, "</svg>", ""])


# ---- The table -----------------------------------------------------------------------------------

def bound_text(bound):
    """One bound, and what was seen, as `what: bound; seen`."""
    text = bytes_text if ", bytes" in bound["what"] else number_text
    low, high = bound["low"], bound["high"]
    if low is None:
        asked = f"at most {text(high)}"
    elif high is None:
        asked = f"at least {text(low)}"
    elif low == high or text(low) == text(high):
        asked = text(low)
    else:
        asked = f"{text(low)} to {text(high)}"
    least, most = text(bound["least"]), text(bound["most"])
    seen = least if least == most else f"{least} to {most}"
    mark = " **broken**" if bound["broken"] else ""
    return bound["what"].replace(", bytes", ""), asked, seen + mark


def table(scenarios):
    lines = ["| scenario | what it changes | quantity | bound | measured |",
             "|---|---|---|---|---|"]
    for scenario in scenarios:
        first = f"[{scenario['name']}]({scenario['name']}.svg) | {scenario['what']}"
        for bound in scenario["bounds"]:
            if bound["what"] == "scannable, bytes" or (bound["what"] == "utilization" and
                                                       (bound["low"], bound["high"]) == (0, 1)):
                continue  # of all scenarios: said above the table
            lines.append(f"| {first} | {' | '.join(bound_text(bound))} |")
            first = " | "
    return "\n".join(lines) + "\n"


def replace_section(page, name, text):
    """The page with the text between its comments `name: begin` and `name: end` replaced."""
    pattern = re.compile(rf"(<!-- {name}: begin[^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    page, count = pattern.subn(lambda match: match.group(1) + text + match.group(2), page)
    if count != 1:
        raise BadInput(f"the page has {count} sections '{name}'; there should be one")
    return page


# ---- Writing -------------------------------------------------------------------------------------

def pages(directory, scenarios):
    """{path: content} of all that is made."""
    made = {directory / f"{scenario['name']}.svg": Picture(scenario).draw()
            for scenario in scenarios}
    readme = directory / "README.md"
    if not readme.is_file():
        raise BadInput(f"there is no {readme}")
    made[readme] = replace_section(readme.read_text(encoding="utf-8"), "scenarios",
                                   table(scenarios))
    return made


def differences(directory, made):
    problems = [f"{path}: {'differs' if path.is_file() else 'is missing'}"
                for path, content in made.items()
                if not path.is_file() or path.read_text(encoding="utf-8") != content]
    return problems + [f"{path}: no scenario of that name"
                       for path in sorted(directory.glob("*.svg")) if path not in made]


def write(directory, made):
    for path in directory.glob("*.svg"):
        if path not in made:
            path.unlink()
    for path, content in made.items():
        path.write_text(content, encoding="utf-8")


def run(directory, text, check):
    """Draw, or compare; the exit status."""
    try:
        scenarios = read(text)
        made = pages(directory, scenarios)
    except BadInput as error:
        print(f"plot: {error}")
        return 1
    broken = [f"{scenario['name']}: {bound['what']}: bound broken"
              for scenario in scenarios for bound in scenario["bounds"] if bound["broken"]]
    problems = broken + (differences(directory, made) if check else [])
    if not check:
        write(directory, made)
    for problem in problems:
        print(f"plot: {problem}")
    if check and problems:
        print("plot: ./dev pacer makes them anew")
    print(f"{len(made)} files, {len(problems)} problems")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    result = subprocess.run(arguments.program, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode not in (0, 1):
        print(f"plot: {arguments.program[0]} ended with {result.returncode}")
        return 1
    return run(arguments.directory, result.stdout, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
