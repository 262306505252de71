#!/usr/bin/env python3
"""plot.py draws what it is given, always the same, and refuses what the simulator never writes."""

import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import plot  # noqa: E402

PAGE = "# Head\n<!-- scenarios: begin -->\nold\n<!-- scenarios: end -->\ntail\n"
MIB = 1 << 20


def scenario(name="Some", cycles=3, **changes):
    return {"kind": "scenario", "name": name, "what": "nothing & <all>", "cycles": cycles,
            "processors": 8, "percent": 100, "memory_limit": None, **changes}


def cycle(number, **changes):
    return {"kind": "cycle", "number": number, "live": MIB * number, "trigger": 3 * MIB,
            "goal": 4 * MIB, "peak": 4 * MIB, "limit": None, "utilization": 0.25, "share": 0.05,
            **changes}


def bound(**changes):
    return {"kind": "bound", "what": "peak / goal", "low": 0.95, "high": 1.05, "least": 0.99,
            "most": 1.0, "looks": 3, "broken": 0, "first": 0, **changes}


def good():
    return [scenario(), cycle(1), cycle(2), cycle(3), bound()]


def text_of(records):
    return "".join(json.dumps(record) + "\n" for record in records)


class PlotTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        (self.root / "README.md").write_text(PAGE, encoding="utf-8")

    def run_plot(self, text, check=False):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = plot.run(self.root, text, check)
        return status, output.getvalue()

    def picture(self, records):
        status, output = self.run_plot(text_of(records))
        self.assertEqual(status, 0, output)
        text = (self.root / "Some.svg").read_text(encoding="utf-8")
        xml.etree.ElementTree.fromstring(text)
        return text

    def assert_refused(self, message, text):
        before = sorted(self.root.iterdir())
        status, output = self.run_plot(text)
        self.assertEqual(status, 1, output)
        self.assertIn(message, output)
        self.assertEqual(sorted(self.root.iterdir()), before)
        self.assertEqual((self.root / "README.md").read_text(encoding="utf-8"), PAGE)

    def test_picture(self):
        text = self.picture(good())
        for expected in ("nothing &amp; &lt;all&gt;", ">4 MiB<", ">25 %<", ">trigger<",
                         "prefers-color-scheme:dark"):
            self.assertIn(expected, text)
        self.assertNotIn(">MEMLIMIT<", text)
        self.assertEqual(text, self.picture(good()))

    def test_curves_move_with_their_values(self):
        before = self.picture(good())
        for key in ("live", "trigger", "goal", "peak", "utilization", "share"):
            changed = good()
            changed[2][key] /= 2
            self.assertNotEqual(before, self.picture(changed), key)

    def test_gap_where_there_is_no_goal(self):
        records = good()
        records[2]["goal"] = None
        curve = self.picture(records).split('<path class="goal" d="')[1].split('"')[0]
        self.assertEqual(curve.count("M"), 2)
        self.assertEqual(curve.count("L"), 0)

    def test_limit(self):
        records = good()
        for record in records[1:4]:
            record["limit"] = 5 * MIB
        self.assertIn(">MEMLIMIT<", self.picture(records))

    def test_table(self):
        self.picture([*good(), bound(what="goal - live, bytes", low=None, high=MIB, least=-MIB / 2,
                                     most=0)])
        page = (self.root / "README.md").read_text(encoding="utf-8")
        self.assertIn("| [Some](Some.svg) | nothing & <all> | peak / goal | 0.95 to 1.05"
                      " | 0.99 to 1 |\n", page)
        self.assertIn("|  |  | goal - live | at most 1 MiB | -512 KiB to 0 |\n", page)
        self.assertTrue(page.startswith("# Head\n") and page.endswith("tail\n"))
        self.assertNotIn("old", page)

    def test_broken_bound(self):
        status, output = self.run_plot(text_of([*good(), bound(broken=1, first=2)]))
        self.assertEqual(status, 1)
        self.assertIn("Some: peak / goal: bound broken", output)
        self.assertIn("**broken**", (self.root / "README.md").read_text(encoding="utf-8"))

    def test_check(self):
        text = text_of(good())
        status, output = self.run_plot(text, check=True)
        self.assertEqual(status, 1)
        self.assertIn("Some.svg: is missing", output)
        self.assertIn("README.md: differs", output)
        self.assertFalse((self.root / "Some.svg").exists())
        self.run_plot(text)
        self.assertEqual(self.run_plot(text, check=True)[0], 0)
        other = good()
        other[3]["peak"] += MIB // 4
        status, output = self.run_plot(text_of(other), check=True)
        self.assertEqual(status, 1)
        self.assertIn("Some.svg: differs", output)
        (self.root / "Old.svg").write_text("", encoding="utf-8")
        status, output = self.run_plot(text, check=True)
        self.assertEqual(status, 1)
        self.assertIn("Old.svg: no scenario", output)
        self.run_plot(text)
        self.assertFalse((self.root / "Old.svg").exists())

    def test_bad_input(self):
        head, one, two, three, last = good()
        for message, records in (
                ("no scenario", []),
                ("line 1: a cycle before any scenario", [one]),
                ("line 1: a bound before any scenario", [last]),
                ("line 3: cycle 3 where 2 should be", [head, one, three]),
                ("Some: 2 of 3 cycles", [head, one, two, last]),
                ("Some: no bounds", [head, one, two, three]),
                ("line 6: Some comes twice", [*good(), head]),
                ("line 1: no name for a file: '../x'", [scenario(name="../x")]),
                ("line 2: peak is 'x'", [head, cycle(1, peak="x")]),
                ("line 2: peak is None", [head, cycle(1, peak=None)]),
                ("line 2: share is no number", [head, cycle(1, share=float("nan"))]),
                ("line 2: cycle: more should be there, or should not", [head, cycle(1, more=1)]),
                ("line 1: neither of", [{"kind": "other"}]),
                ("line 1: neither of", [[1]])):
            with self.subTest(message):
                self.assert_refused(message, text_of(records))
        less = cycle(1)
        del less["goal"]
        self.assert_refused("line 2: cycle: goal should be there", text_of([head, less]))
        self.assert_refused("line 2: not JSON", text_of([head]) + "{\"kind\": \n")

    def test_page_without_a_place_for_the_table(self):
        for page in ("", PAGE + PAGE):
            (self.root / "README.md").write_text(page, encoding="utf-8")
            status, output = self.run_plot(text_of(good()))
            self.assertEqual(status, 1)
            self.assertIn("sections 'scenarios'; there should be one", output)
        (self.root / "README.md").unlink()
        status, output = self.run_plot(text_of(good()))
        self.assertEqual(status, 1)
        self.assertIn("there is no ", output)

    def command(self, program):
        result = subprocess.run([sys.executable, HERE / "plot.py", self.root, *program], text=True,
                                capture_output=True, check=False)
        return result.returncode, result.stdout

    def test_program(self):
        lines = self.root / "lines"
        lines.write_text(text_of(good()), encoding="utf-8")
        status, output = self.command(["cat", str(lines)])
        self.assertEqual(status, 0, output)
        self.assertTrue((self.root / "Some.svg").exists())
        lines.write_text("exit 7\n", encoding="utf-8")
        status, output = self.command(["sh", str(lines)])
        self.assertEqual(status, 1)
        self.assertIn("ended with 7", output)

    def test_numbers(self):
        for value, expected in ((0, "0"), (1, "1"), (0.25, "0.25"), (-1e-9, "0"), (1e-9, "0"),
                                (2.5, "2.5"), (100, "100"), (-0.5, "-0.5")):
            self.assertEqual(plot.number_text(value), expected)
        for value, expected in ((0, "0"), (64 * 1024, "64 KiB"), (1536, "1.5 KiB"),
                                (-MIB, "-1 MiB"), (1 << 40, "1 TiB"), (7, "7 B")):
            self.assertEqual(plot.bytes_text(value), expected)


def main():
    program = unittest.main(exit=False)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)


if __name__ == "__main__":
    main()
