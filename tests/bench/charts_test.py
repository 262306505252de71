#!/usr/bin/env python3
"""The charts are well-formed, say each value and ratio, and draw bars as long as their values."""

import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import charts  # noqa: E402
from drawing import MARKS, STYLE, Axis  # noqa: E402
from rows import Row  # noqa: E402
from workloads import IMPLEMENTATIONS, workload  # noqa: E402

NOTE = "2026-11-28, <a machine> & more"
SVG = "{http://www.w3.org/2000/svg}"


def row(name, variant, implementation, *values):
    workload_ = workload(name)
    result = Row(workload_, variant, next(i for i in IMPLEMENTATIONS if i.name == implementation))
    result.values[workload_.metric] = list(values)
    result.factors = [2.0] * len(values)
    return result


def rows_of(name, variant, figures):
    rows = [row(name, variant, who, *values) for who, values in figures.items()]
    for each in rows:
        each.add_ratios(rows[0])
    return rows


class ChartsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name) / "charts"

    def written(self, rows):
        """{name of the file: root element}; that it can be parsed is part of the test."""
        charts.write(self.directory, rows, NOTE)
        return {path.name: xml.parse(path).getroot() for path in self.directory.iterdir()}

    def texts(self, root):
        return [element.text for element in root.iter(SVG + "text")]

    def widths(self, root):
        """Of the bars, by their kind."""
        return {
            element.get("class"): float(element.get("width"))
            for element in root.iter(SVG + "rect")
            if element.get("class") != "ground"
        }

    def test_files(self):
        rows = rows_of("churn", "p32", {"trillium": [4], "go": [20]})
        rows += rows_of("churn", "p32/2", {"trillium": [4], "go": [20]})
        names = {"churn-p32.svg", "churn-p32-2.svg", "overview.svg"}
        self.assertEqual(set(self.written(rows)), names)

    def test_bars(self):
        figures = {"trillium": [4, 5, 9], "go": [20, 20, 20], "limit": [1, 1.25, 1.5]}
        root = self.written(rows_of("churn", "p32", figures))["churn-p32.svg"]
        texts = self.texts(root)
        for expected in ("churn p32: ns_op", "trillium", "go", "5.00", "20.0", "1.25", "0.25"):
            self.assertIn(expected, texts)
        self.assertIn("ns, less is better", texts)
        self.assertIn(NOTE, texts)
        widths = self.widths(root)
        self.assertAlmostEqual(widths["trillium"] / widths["peer"], 5 / 20, places=2)
        self.assertAlmostEqual(widths["limit"] / widths["peer"], 1.25 / 20, places=2)
        # Those that differ from run to run show it.
        self.assertEqual(len([e for e in root.iter(SVG + "line") if e.get("class") == "spread"]), 2)

    def test_bars_by_magnitude(self):
        root = self.written(rows_of("stall", "1g/1", {"trillium": [10], "go": [10000]}))
        root = root["stall-1g-1.svg"]
        self.assertIn("us, by magnitude, less is better", self.texts(root))
        self.assertIn("10000", self.texts(root))

    def test_nothing_to_draw_by_magnitude(self):
        root = self.written(rows_of("memlimit", "128m", {"trillium": [0], "go": [61]}))
        widths = self.widths(root["memlimit-128m.svg"])
        self.assertEqual(widths["trillium"], 1)

    def test_overview(self):
        rows = rows_of("churn", "p16", {"trillium": [2], "go": [20], "glibc": [1]})
        rows += rows_of("trees", "20/1", {"trillium": [2], "go": [4]})
        root = self.written(rows)["overview.svg"]
        marks = {}
        for path in root.iter(SVG + "path"):
            x = float(path.get("transform").removeprefix("translate(").split(",")[0])
            marks[path.find(SVG + "title").text] = x
        self.assertEqual(
            set(marks) - {"go", "glibc"},
            {
                "churn p16, ns_op by go's: 0.10",
                "churn p16, ns_op by glibc's: 2.00",
                "trees 20/1, wall_s by go's: 0.50",
            },
        )
        even = next(e for e in root.iter(SVG + "line") if e.get("class") == "even")
        self.assertLess(marks["trees 20/1, wall_s by go's: 0.50"], float(even.get("x1")))
        self.assertGreater(marks["churn p16, ns_op by glibc's: 2.00"], float(even.get("x1")))
        self.assertIn("churn p16", self.texts(root))

    def test_everybody_has_a_mark(self):
        self.assertGreaterEqual(len(MARKS), len(IMPLEMENTATIONS) - 1)  # Trillium has none
        self.assertEqual(len(set(MARKS)), len(MARKS))
        for ground in STYLE.split("@media"):
            for number in range(len(MARKS)):
                self.assertEqual(ground.count(f".mark{number} {{"), 1)

    def test_no_overview_without_ratios(self):
        self.assertEqual(set(self.written([row("churn", "p16", "go", 1)])), {"churn-p16.svg"})

    def test_dark_ground(self):
        root = self.written(rows_of("churn", "p16", {"trillium": [2], "go": [4]}))["overview.svg"]
        style = root.find(SVG + "style").text
        light, dark = style.split("@media (prefers-color-scheme: dark)")
        for line in light.strip().splitlines():
            self.assertIn(line.split(" {")[0] + " {", dark if "fill" in line else style)

    def test_axis(self):
        axis = Axis([3, 87], 100, 200, False)
        self.assertEqual((axis.column(0), axis.column(87)), (100, 200))
        self.assertEqual(axis.ticks(), [0, 20, 40, 60, 80])
        axis = Axis([0.02, 3], 0, 90, True)
        self.assertAlmostEqual(axis.column(0.1), 30)
        self.assertEqual([round(t, 9) for t in axis.ticks()], [0.01, 0.1, 1, 10])
        self.assertEqual(Axis([1, 1], 0, 1, True).ticks(), [1, 2, 5, 10])


def main():
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)


if __name__ == "__main__":
    main()
