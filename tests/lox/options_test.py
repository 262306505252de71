#!/usr/bin/env python3
"""What the command line of the Lox machine promises: options_test.py [WRAPPER...] BINARY."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LOX = sys.argv[1:]
del sys.argv[1:]

# 100 000 objects, of which a tenth stays: cycles are needed.
SCRIPT = """
class Cell { init(next) { this.next = next; } }
var kept = nil;
for (var i = 0; i < 10000; i = i + 1) {
  kept = Cell(kept);
  for (var j = 0; j < 9; j = j + 1) Cell(nil);
}
print "done";
"""


def lox(*arguments, **settings):
    environment = dict(os.environ, **settings)
    return subprocess.run([*LOX, *arguments], env=environment, capture_output=True, text=True)


class OptionsTest(unittest.TestCase):
    def script(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = Path(directory.name) / "script.lox"
        path.write_text(SCRIPT)
        return path

    def test_version(self):
        done = lox("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^Lox on Trillium \d+\.\d+\.\d+\n$")

    def test_stats(self):
        done = lox("--stats", self.script())
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"))
        objects = re.search(r"^allocated +[\d.]+ MiB in (\d+) objects$", done.stderr, re.MULTILINE)
        self.assertGreater(int(objects[1]), 100_000)
        cycles = re.search(r"^collections +(\d+) \(0 asked for\)$", done.stderr, re.MULTILINE)
        self.assertGreater(int(cycles[1]), 0)
        line = r"^processor +([\d.]+) ms, of which marking took ([\d.]+) \(([\d.]+) %\)$"
        times = [float(text) for text in re.search(line, done.stderr, re.MULTILINE).groups()]
        self.assertGreater(times[0], times[1])
        # Each is rounded to a tenth.
        low, high = (100 * (times[1] + d) / (times[0] - d) for d in (-0.05, 0.05))
        self.assertTrue(low - 0.01 <= times[2] <= high + 0.01, times)

    def test_stats_without_collector(self):
        done = lox("--stats", self.script(), GOGC="off")
        self.assertRegex(done.stderr, r"(?m)^collections +0 \(0 asked for\)$")
        self.assertRegex(done.stderr, r"(?m)^processor .* marking took 0\.0 \(0\.00 %\)$")

    def test_usage(self):
        for arguments in (["--statistics"], ["a", "b"], ["--isolates", "0", "a"], ["--isolates"]):
            done = lox(*arguments)
            self.assertEqual((done.returncode, done.stdout), (64, ""))
            self.assertIn("Usage: lox", done.stderr)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad or not result.testsRun else 0)
