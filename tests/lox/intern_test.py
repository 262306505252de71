#!/usr/bin/env python3
"""Memory of the Lox machine is flat, however many strings a program makes:
intern_test.py COUNT SCRIPT [WRAPPER...] BINARY.

COUNT strings are made, no two of them equal, and at most some thousand are kept. How many objects
are alive in the end, how many strings the intern table still has, and how large it is, must be
bounded by what is made between two collections, and not by how many there were.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COUNT = int(sys.argv[1])
SCRIPT = Path(sys.argv[2])
LOX = sys.argv[3:]
del sys.argv[1:]

# A collection begins before each machine has made 4 MiB of objects, of 24 bytes each at the least;
# a cycle that marks beside the program lets it make as much again, all of which it takes for live.
BETWEEN_CYCLES = 2 * 4 * 2**20 // 24
KEPT_MOST = 2000

TABLE = r"^strings +(\d+) in a table of (\d+) slots$"

KEEP_MANY = """
var all = nil;
for (var n = 1; n <= STRINGS / 10000; n = n + 1) {
  var beginning = decimal(n) + ":";
  for (var ending = endings; ending != nil; ending = ending.next) {
    all = Text(beginning + ending.text, all);
  }
}
"""
LET_GO = """
all = nil;
for (var n = 1; n <= STRINGS / 1000; n = n + 1) thousand(decimal(n) + ",");
for (var n = 1; n <= STRINGS / 1000; n = n + 1) thousand(decimal(n) + ";");
for (var n = 1; n <= STRINGS / 1000; n = n + 1) thousand(decimal(n) + "'");
for (var n = 1; n <= STRINGS / 1000; n = n + 1) thousand(decimal(n) + "-");
"""
FEW = """
class Box {}
for (var n = 1; n <= 1000; n = n + 1) {
  decimal(n) + "?";
  for (var i = 0; i < 1500; i = i + 1) Box();
}
"""


def run(*options, then=""):
    """What the program says, and its statistics; the program goes on with then."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "strings.lox"
        text, changes = re.subn(r"(?m)^var STRINGS = \d+;", f"var STRINGS = {COUNT};",
                                SCRIPT.read_text())
        assert changes == 1
        path.write_text(text + then)
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("GOGC", "MEMLIMIT", "GOMEMLIMIT")}
        done = subprocess.run([*LOX, *options, "--stats", str(path)], env=environment,
                              capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def numbers(pattern, statistics):
    return [tuple(int(number) for number in found.groups())
            for found in re.finditer(pattern, statistics, re.MULTILINE)]


class InternTest(unittest.TestCase):
    def check(self, statistics, machines):
        most = machines * (BETWEEN_CYCLES + 2 * KEPT_MOST)  # by one of them, if others wait
        tables = numbers(TABLE, statistics)
        self.assertEqual(len(tables), machines)
        for strings, slots in tables:
            self.assertGreater(strings, 1000)  # the endings, and more
            self.assertLess(strings, most)
            self.assertLess(slots, 4 * most)  # twice as many, to the next power of two
        [made] = numbers(r"^allocated +[\d.]+ MiB in (\d+) objects$", statistics)
        self.assertGreater(made[0], machines * COUNT)
        [live] = numbers(r"^live .* in (\d+) objects after", statistics)
        self.assertLess(live[0], most + machines * 10_000)

    def test_one_machine(self):
        output, statistics = run()
        self.assertEqual(output, f"{COUNT:g}\ntrue\ntrue\n")
        self.check(statistics, 1)

    def test_table_shrinks(self):
        """A tenth as many strings as before, all of them kept until they are let go. With those
        that are made until that is found out there are some million at a time."""
        _, statistics = run(then=KEEP_MANY)
        [(strings, _)] = numbers(TABLE, statistics)
        self.assertGreater(strings, COUNT // 10)
        _, statistics = run(then=KEEP_MANY + LET_GO)
        self.check(statistics, 1)

    def test_table_fits_what_comes(self):
        """After many strings a program makes other objects, and few strings. Each cycle looks at
        every slot, and leaves no more of them than these need."""
        _, statistics = run(then=FEW)
        [(_, slots)] = numbers(TABLE, statistics)
        self.assertLessEqual(slots, 16 * 2 * KEPT_MOST)

    def test_isolates(self):
        """Each has a table of its own, and all hooks are called by whoever drives a cycle."""
        output, statistics = run("--isolates", "2")
        self.assertEqual(sorted(output.split()), sorted(2 * [f"{COUNT:g}", "true", "true"]))
        self.check(statistics, 2)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad or not result.testsRun else 0)
