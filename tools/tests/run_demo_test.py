#!/usr/bin/env python3
"""run_demo shows what a script did, and fails where a script failed or there is none."""

import pathlib
import subprocess
import sys

import support

RUN_DEMO = pathlib.Path(__file__).resolve().parent.parent / "run_demo.py"

# Stands for the interpreter: a "script" says how many cycles it had and how it ended.
INTERPRETER = """\
import os, sys
if sys.argv[1] == "--isolates":
    print("isolates", sys.argv[2])
for line in open(sys.argv[-1]):
    word, *rest = line.split()
    if word == "//":
        continue
    if word == "cycles":
        for number in range(1, int(rest[0]) + 1):
            print(f"gc {number} @0.1s 1%: ...", file=sys.stderr)
    elif word == "print":
        print(*rest)
    elif word == "complain":
        print(*rest, file=sys.stderr)
    elif word == "exit":
        sys.exit(int(rest[0]))
    elif word == "hang":
        import time
        time.sleep(60)
assert os.environ["GCTRACE"] == "1"
"""


class DemoTest(support.TreeTest):
    def demo(self, *options):
        self.write("interpreter.py", INTERPRETER)
        result = subprocess.run(
            [sys.executable, RUN_DEMO, *options, self.root / "scripts", sys.executable,
             self.root / "interpreter.py"], capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr

    def test_good_scripts(self):
        self.write("scripts/a.lox", "// Walks a\n// tree. Then rests.\ncycles 9\n"
                                    "print the answer\n")
        self.write("scripts/b.lox", "cycles 1\n")
        status, output = self.demo()
        self.assertEqual(status, 0, output)
        for expected in ("[1/2] a: Walks a tree\n", "gc 1 @", "gc 9 @", "... 4 more ...",
                         "> the answer", "all 2 scripts ended well"):
            self.assertIn(expected, output)
        self.assertNotIn("gc 5 @", output)
        self.assertRegex(output, r"\na .* 9 +0\n")
        self.assertRegex(output, r"\ntotal .* 10 ")

    def test_isolates(self):
        self.write("scripts/a.lox", "cycles 2\n")
        status, output = self.demo("--isolates", "3")
        self.assertEqual(status, 0, output)
        self.assertIn("[2/2] a --isolates 3", output)
        self.assertIn("> isolates 3", output)
        self.assertIn("all 2 scripts ended well", output)

    def test_failing_script(self):
        self.write("scripts/a.lox", "complain [line 3] in script\nexit 70\n")
        self.write("scripts/b.lox", "cycles 1\n")
        status, output = self.demo()
        self.assertEqual(status, 1, output)
        self.assertIn("! [line 3] in script", output)
        self.assertIn("1 of 2 scripts failed: a", output)

    def test_hanging_script(self):
        self.write("scripts/a.lox", "hang\n")
        status, output = self.demo("--timeout", "0.5")
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"\na .* -9\n")

    def test_script_without_collection_is_named(self):
        self.write("scripts/a.lox", "print hello\n")
        status, output = self.demo()
        self.assertEqual(status, 0, output)
        self.assertIn("a ended without a collection", output)

    def test_no_scripts(self):
        status, output = self.demo()
        self.assertEqual(status, 1, output)
        self.assertIn("no scripts", output)


if __name__ == "__main__":
    support.main()
