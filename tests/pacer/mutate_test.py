#!/usr/bin/env python3
"""mutate.py tells what notices a mutation, and fails where nothing does or where it cannot tell."""

import argparse
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import mutate  # noqa: E402

# Stands for the simulator; what it says is decided by a word in the source it was "compiled" from.
SIMULATOR = """\
#!/bin/sh
if grep -q 'broken' "{source}"; then broken=1; else broken=0; fi
echo '{{"kind": "scenario", "name": "First"}}'
echo '{{"kind": "bound", "broken": 0}}'
echo '{{"kind": "scenario", "name": "Second"}}'
echo "{{\\"kind\\": \\"bound\\", \\"broken\\": $broken}}"
echo "{{\\"kind\\": \\"bound\\", \\"broken\\": $broken}}"
if grep -q 'crash' "{source}"; then exit 3; fi
"""

COMPILER = """\
import pathlib, sys
output = sys.argv[sys.argv.index("-o") + 1]
source = sys.argv[sys.argv.index("-o") + 2]
if "syntax" in pathlib.Path(source).read_text():
    sys.exit("syntax error")
pathlib.Path(output).write_text({simulator!r}.format(source=source))
pathlib.Path(output).chmod(0o755)
"""


class MutateTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        compiler = self.root / "compiler.py"
        compiler.write_text(COMPILER.format(simulator=SIMULATOR), encoding="utf-8")
        self.arguments = argparse.Namespace(compiler=[sys.executable, compiler], libraries=[])
        (self.root / "source.c").write_text("a formula; twice; twice;\n", encoding="utf-8")

    def outcome(self, old, new):
        root = mutate.ROOT
        mutate.ROOT = self.root
        try:
            return mutate.try_mutation(self.arguments, self.root, self.root / "simulate.o", 0,
                                       ("it", "source.c", old, new))
        finally:
            mutate.ROOT = root

    def test_noticed(self):
        self.assertEqual(self.outcome("a formula", "a broken one"), ["Second"])

    def test_not_noticed(self):
        self.assertEqual(self.outcome("a formula", "another"), "it: no scenario notices")

    def test_cannot_be_told(self):
        for old, new, message in (
                ("no such text", "", "it: source.c has this 0 times: no such text"),
                ("twice;", "", "it: source.c has this 2 times: twice;"),
                ("a formula", "syntax", "it: does not compile:\nsyntax error\n"),
                ("a formula", "crash", "it: the simulator ended with 3")):
            self.assertEqual(self.outcome(old, new), message)

    def test_unchanged(self):
        self.assertEqual(self.outcome("", ""), [])
        (self.root / "source.c").write_text("broken\n", encoding="utf-8")
        self.assertEqual(self.outcome("", ""), "it: Second fail all the same")

    def test_table(self):
        mutations = [("a", "", "", ""), ("b", "", "", "")]
        self.assertEqual(mutate.table(mutations, [["X"], list("QRSTUV")]),
                         "| without | what notices |\n|---|---|\n| a | X |\n"
                         "| b | Q, R, S, T, 2 more |\n")

    def test_no_mutation_stands_twice(self):
        self.assertEqual(len({mutation[0] for mutation in mutate.MUTATIONS}),
                         len(mutate.MUTATIONS))


def main():
    program = unittest.main(exit=False)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)


if __name__ == "__main__":
    main()
