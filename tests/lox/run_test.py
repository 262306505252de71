#!/usr/bin/env python3
"""Show that run.py passes what is right and fails what is wrong.

The virtual machine is replaced by a script that does what the test says, so that each way of
going wrong can be produced.
"""

import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).resolve().parent / "run.py"

# Reads a file of commands, or, without one, echoes each line of its input after a prompt.
STAND_IN = """#!{python}
import os, signal, sys, time
out, err = sys.stdout, sys.stderr
if len(sys.argv) == 1:
    for line in sys.stdin:
        out.write("> ")
        if line.startswith("fail"):
            err.write(line)
        else:
            out.write(line if line.strip() else "")
    out.write("> \\n")
    sys.exit(0)
lines = list(open(sys.argv[-1], encoding="utf-8", newline=""))
if sys.argv[1] == "--isolates":
    lines = [line for line in lines if not line.startswith("leave")] * int(sys.argv[2])
    # As if the machines had taken turns, the last one first.
    lines.reverse()
for line in lines:
    command, _, rest = line.rstrip("\\r\\n").split("//")[0].strip().partition(" ")
    if command == "say":
        out.write(rest + "\\n")
    elif command == "say_unended":
        out.write(rest)
    elif command == "complain":
        err.write(rest + "\\n")
    elif command == "leave":
        sys.exit(int(rest))
    elif command == "environment":
        out.write(os.environ.get(rest, "unset") + "\\n")
    elif command == "sleep":
        time.sleep(float(rest))
    elif command == "crash":
        out.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
"""


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.addCleanup(self.holder.cleanup)
        self.root = Path(self.holder.name)
        self.tests = self.root / "tests"
        self.tests.mkdir()
        self.lox = self.root / "lox"
        self.lox.write_text(STAND_IN.replace("{python}", sys.executable))
        self.lox.chmod(self.lox.stat().st_mode | stat.S_IXUSR)

    def write(self, name, text):
        path = self.tests / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))

    def run_it(self, *arguments, roots=None, environment=None):
        done = subprocess.run(
            [sys.executable, str(RUNNER), "--lox", str(self.lox), *arguments]
            + (roots if roots is not None else [str(self.tests)]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
            env=dict(os.environ, **(environment or {})))
        return done.returncode, done.stdout

    def expect_pass(self, text, name="a.lox"):
        self.write(name, text)
        status, output = self.run_it()
        self.assertEqual(status, 0, output)
        self.assertTrue(output.endswith("1 passed, 0 failed\n"), output)

    def expect_fail(self, text, *fragments, name="a.lox", options=()):
        self.write(name, text)
        status, output = self.run_it(*options)
        self.assertEqual(status, 1, output)
        self.assertTrue(output.endswith("0 passed, 1 failed\n"), output)
        self.assertIn("FAIL " + name, output)
        for fragment in fragments:
            self.assertIn(fragment, output)

    # --- what is right passes

    def test_output_errors_and_status(self):
        self.expect_pass("say one // out: one\ncomplain bad // err: bad\nsay two\n// out: two\n"
                         "leave 70 // exit: 70\n")

    def test_empty_line_is_expected(self):
        self.expect_pass("say // out:\nsay x // out: x\n")

    def test_repeated_line(self):
        self.expect_pass("say x\nsay x\nsay x // out*3: x\n")

    def test_silence_when_stated(self):
        self.expect_pass("nothing // exit: 0\n")

    def test_carriage_returns_do_not_matter(self):
        self.expect_pass("say one // out: one\r\n// exit: 0\r\n")

    def test_expectation_beside_the_script(self):
        self.write("a.lox.expect", "// out: hello\n")
        self.expect_pass("say hello\n")

    def test_transcript(self):
        self.expect_pass("# a remark\n> abc\nabc\n> fail here\n! fail here\n>\n", name="a.repl")

    def test_finds_tests_in_folders(self):
        self.write("x/a.lox", "say 1 // out: 1\n")
        self.write("x/y/b.lox", "say 1 // out: 1\n")
        self.write("z.repl", "> abc\nabc\n")
        self.write("README.md", "no test\n")
        status, output = self.run_it("--jobs", "3", "--verbose")
        self.assertEqual((status, output.splitlines()[-1]), (0, "3 passed, 0 failed"), output)
        self.assertIn("ok   x/y/b.lox", output)

    def test_environment(self):
        self.write("a.lox", "environment GOGC // out: 7\n")
        status, output = self.run_it("--env", "GOGC=7")
        self.assertEqual(status, 0, output)

    def test_noise_of_the_collector_is_off(self):
        self.write("a.lox", "environment GCTRACE // out: unset\n")
        status, output = self.run_it(environment={"GCTRACE": "1"})
        self.assertEqual(status, 0, output)

    def test_skipped_are_not_run(self):
        self.write("deep/a.lox", "say 1 // out: 2\n")
        self.write("b.lox", "say 1 // out: 2\n")
        self.write("c.lox", "say 1 // out: 1\n")
        status, output = self.run_it("--skip", "deep/", "--skip", "b.lox")
        self.assertEqual((status, output), (0, "1 passed, 0 failed\n"))

    def test_isolates(self):
        self.write("a.lox", "say 1 // out: 1\nsay 2 // out: 2\ncomplain 3 // err: 3\n")
        self.write("b.repl", "> not for isolates\n")
        status, output = self.run_it("--isolates", "3")
        self.assertEqual((status, output), (0, "1 passed, 0 failed\n"))

    def test_isolates_that_differ(self):
        for text in ("say 1 // out: 2\n", "say 1\nsay 1 // out: 1\n", "say 1 // out*2: 1\n",
                     "complain 1\n// exit: 0\n", "say 1 // out: 1\n// exit: 70\n"):
            with self.subTest(text):
                self.expect_fail(text, options=("--isolates", "2"))

    def test_wrapper(self):
        self.write("a.lox", "environment WRAPPED // out: yes\n")
        status, output = self.run_it("--wrapper", "env WRAPPED=yes")
        self.assertEqual(status, 0, output)

    def test_generated_scripts_are_run_too(self):
        self.write("a.lox", "say 1 // out: 1\n")
        status, output = self.run_it("--generate-into", str(self.root / "generated"),
                                     "--filter", "file.lox")
        self.assertEqual((status, output), (0, "2 passed, 0 failed\n"))

    # --- what is wrong fails

    def test_wrong_output(self):
        self.expect_fail("say two // out: one\n", "standard output", "-one", "+two")

    def test_missing_output(self):
        self.expect_fail("say one // out: one\n// out: two\n", "standard output", "-two")

    def test_surplus_output(self):
        self.expect_fail("say one // out: one\nsay two\n", "standard output", "+two")

    def test_output_in_other_order(self):
        self.expect_fail("say one\nsay two\n// out: two\n// out: one\n", "standard output")

    def test_output_with_other_blanks(self):
        self.expect_fail("say one  two // out: one two\n", "standard output")

    def test_output_without_last_line_break(self):
        self.expect_fail("say_unended one // out: one\n", "standard output")

    def test_output_where_silence_is_expected(self):
        self.expect_fail("say one // exit: 0\n", "standard output", "+one")

    def test_wrong_count_of_repeated_lines(self):
        self.expect_fail("say x\nsay x // out*3: x\n", "standard output")

    def test_missing_error_line(self):
        self.expect_fail("complain a // err: a\n// err: [line 1] in script\nleave 70 // exit: 70\n",
                         "standard error", "-[line 1] in script")

    def test_surplus_error_line(self):
        self.expect_fail("complain a // err: a\ncomplain b\nleave 65 // exit: 65\n",
                         "standard error", "+b")

    def test_unexpected_error_line(self):
        self.expect_fail("say a // out: a\ncomplain b\n", "standard error", "+b")

    def test_error_on_standard_output(self):
        self.expect_fail("say a // err: a\n", "standard output", "standard error")

    def test_wrong_status(self):
        self.expect_fail("leave 65 // exit: 70\n", "expected 70, got 65")

    def test_status_not_stated(self):
        self.expect_fail("say a // out: a\nleave 70\n", "expected 0, got 70")

    def test_status_stated_but_zero(self):
        self.expect_fail("complain a // err: a\n// exit: 70\n", "expected 70, got 0")

    def test_crash(self):
        self.expect_fail("say a // out: a\ncrash\n", "killed by SIGSEGV")

    def test_time_out(self):
        self.expect_fail("sleep 30 // exit: 0\n", "did not end within 0.5 s",
                         options=("--timeout", "0.5"))

    def test_wrong_transcript(self):
        self.expect_fail("> abc\nabd\n", "standard output", name="a.repl")

    def test_missing_error_in_transcript(self):
        self.expect_fail("> abc\nabc\n! an error\n", "standard error", name="a.repl")

    def test_one_of_several(self):
        self.write("a.lox", "say 1 // out: 1\n")
        self.write("b.lox", "say 1 // out: 2\n")
        self.write("c.lox", "say 1 // out: 1\n")
        status, output = self.run_it()
        self.assertEqual((status, output.splitlines()[-1]), (1, "2 passed, 1 failed"), output)
        self.assertIn("FAIL b.lox", output)

    # --- what is no test fails as well

    def test_no_expectation(self):
        self.expect_fail("leave 0\n", "no expectation at all")

    def test_empty_script_without_expectation(self):
        self.expect_fail("", "no expectation at all")

    def test_malformed_expectations(self):
        for text in ("say 1 //out: 1\n", "say 1 // out : 1\n", "say 1 // Out: 1\n", "// out:1\n",
                     "// stdout: 1\n", "// err*: x\n"):
            with self.subTest(text):
                self.expect_fail(text + "// exit: 0\n", "a.lox:1: malformed expectation")

    def test_two_statuses(self):
        self.expect_fail("// exit: 0\n// exit: 65\n", "a second exit status")

    def test_status_is_no_number(self):
        self.expect_fail("// exit: one\n", "must be a number")

    def test_transcript_without_input(self):
        self.expect_fail("# nothing\n", "nothing is typed", name="a.repl")

    def test_no_tests(self):
        status, output = self.run_it()
        self.assertEqual(status, 1, output)
        self.assertIn("no tests found", output)
        self.assertTrue(output.endswith("0 passed, 0 failed\n"), output)

    def test_no_tests_after_filter(self):
        self.write("a.lox", "say 1 // out: 1\n")
        status, output = self.run_it("--filter", "zebra")
        self.assertEqual(status, 1, output)
        self.assertIn("no tests found", output)

    def test_no_such_directory(self):
        status, output = self.run_it(roots=[str(self.root / "absent")])
        self.assertEqual(status, 1, output)
        self.assertTrue(output.endswith("0 passed, 1 failed\n"), output)

    def test_no_such_binary(self):
        self.write("a.lox", "say 1 // out: 1\n")
        self.lox.unlink()
        status, output = self.run_it()
        self.assertEqual(status, 2, output)
        self.assertIn("not an executable file", output)

    def test_bad_environment(self):
        self.write("a.lox", "say 1 // out: 1\n")
        status, output = self.run_it("--env", "GOGC")
        self.assertEqual(status, 2, output)


if __name__ == "__main__":
    program = unittest.main(exit=False)
    bad = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad or not program.result.testsRun else 0)
