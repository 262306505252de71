#!/usr/bin/env python3
"""mksizeclass keeps its own rules, refuses classes that break one, and writes what it computed."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import support
import mksizeclass
from mksizeclass import SizeClass

TOOL = pathlib.Path(mksizeclass.__file__)


class MksizeclassTest(unittest.TestCase):
    def refused(self, change, reason):
        classes = mksizeclass.compute()
        change(classes)
        with self.assertRaisesRegex(SystemExit, reason):
            mksizeclass.check(classes)

    def test_accepts_its_own(self):
        mksizeclass.check(mksizeclass.compute())

    def test_refuses(self):
        def resize(number, size):
            return lambda classes: setattr(classes[number], "size", size)

        self.refused(lambda classes: classes.pop(), "there are 68 of them, found 67")
        self.refused(resize(67, 32640), "the last is 32768")
        self.refused(resize(5, 64), "sizes rise")
        self.refused(resize(18, 248), "256 is a size")
        self.refused(resize(5, 40), "40 is aligned")
        self.refused(lambda classes: setattr(classes[10], "pages", 2), "128 has one page")
        self.refused(resize(60, 18448), "18448 wastes an eighth at most")
        self.refused(resize(40, 2672), "2672 is a step of 128")

    def test_waste(self):
        self.assertAlmostEqual(SizeClass(8, 1).worst_waste(0), 87.5)
        self.assertAlmostEqual(SizeClass(24, 1).worst_waste(16), 100 * (341 * 7 + 8) / 8192)

    def test_lookup(self):
        classes = [None, SizeClass(8, 1), SizeClass(24, 1), SizeClass(32, 1)]
        self.assertEqual(mksizeclass.lookup(classes, [0, 8, 16, 24, 32]), [1, 1, 2, 2, 3])

    def test_output(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "table.h"
            subprocess.run([sys.executable, TOOL, "--output", path], check=True)
            printed = subprocess.run([sys.executable, TOOL], check=True, capture_output=True,
                                     text=True).stdout
            text = path.read_text(encoding="utf-8")
        self.assertEqual(text, printed)
        self.assertEqual(len(re.findall(r"^    X\(", text, re.MULTILINE)), 67)
        self.assertIn("X(48, 1, 170, 89478486)", text)
        self.assertIn("X(256, 1, 32, 16777216)", text)
        self.assertIn("X(1024, 4, 32, 4194304)", text)
        self.assertLessEqual(max(map(len, text.split("\n"))), 100)


if __name__ == "__main__":
    support.main()
