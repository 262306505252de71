#!/usr/bin/env python3
"""Show that run.py passes what is right and fails what is wrong, or what showed nothing.

Spin and the C compiler are replaced by scripts; the checker they make prints what the test says.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOUND = "three objects"
UNSOUND = "1: old value not shaded"

END = "State-vector 64 byte, depth reached 7, errors: %d\n     1200 states, stored\n"
VIOLATED = "pan:1: assertion violated (state[0]>=2) (at depth 7)\n"


class RunTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = pathlib.Path(holder.name)
        self.script("spin", "exit 0")

    def script(self, name, text):
        path = self.root / name
        path.write_text("#!/bin/sh\n%s\n" % text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def run_it(self, name, output):
        (self.root / "output").write_text(output, encoding="utf-8")
        self.script("pan", "cat %s/output" % self.root)
        self.script("cc", "cp %s/pan pan" % self.root)
        return self.run_tools(name)

    def run_tools(self, *arguments):
        done = subprocess.run(
            [sys.executable, str(HERE / "run.py"), "--spin", str(self.root / "spin"),
             "--cc", str(self.root / "cc"), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        return done.returncode, done.stdout

    def expect(self, name, output, passes):
        status, text = self.run_it(name, output)
        self.assertEqual(status, 0 if passes else 1, text)
        self.assertEqual(text.splitlines()[-1],
                         "1 passed, 0 failed" if passes else "0 passed, 1 failed")
        return text

    def test_sound_holds(self):
        self.assertIn("1200 states", self.expect(SOUND, END % 0, True))

    def test_sound_is_violated(self):
        self.expect(SOUND, VIOLATED + END % 1, False)

    def test_unsound_is_violated(self):
        self.expect(UNSOUND, VIOLATED + END % 1, True)

    def test_violated_negation(self):
        """Spin takes the outer parentheses of what is asserted away where it begins with a !."""
        self.expect(UNSOUND, "pan:1: assertion violated  !((1&2)) (at depth 7)\n" + END % 1, True)

    def test_unsound_holds(self):
        self.expect(UNSOUND, END % 0, False)

    def test_deadlock_is_no_loss(self):
        deadlock = "pan:1: invalid end state (at depth 7)\n"
        self.expect(SOUND, deadlock + END % 1, False)
        self.expect(UNSOUND, deadlock + END % 1, False)

    def test_not_exhaustive(self):
        for sign in ("error: max search depth too small\n", "pan: out of memory\n",
                     "Warning: Search not completed\n"):
            self.expect(SOUND, sign + END % 0, False)
            self.expect(UNSOUND, sign + END % 0, False)

    def test_nothing_counted(self):
        self.expect(SOUND, "", False)
        self.expect(UNSOUND, "", False)

    def test_tools_fail(self):
        self.script("spin", "echo spin: syntax error; exit 1")
        self.assertIn("syntax error", self.expect(UNSOUND, VIOLATED + END % 1, False))

    def test_no_configuration_of_that_name(self):
        status, text = self.run_tools("no such name")
        self.assertEqual((status, text), (1, "0 passed, 0 failed\n"))


if __name__ == "__main__":
    unittest.main()
