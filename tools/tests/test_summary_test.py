#!/usr/bin/env python3
"""test_summary counts cases as programs report them, and takes no failure for a success."""

import json
import pathlib
import subprocess
import sys

import support

TEST_SUMMARY = pathlib.Path(__file__).resolve().parent.parent / "test_summary.py"


class SummaryTest(support.TreeTest):
    def summary(self, *tests):
        lines = [json.dumps({"name": f"t{number}", "result": result, "stdout": stdout})
                 for number, (result, stdout) in enumerate(tests)]
        log = self.write("testlog.json", "\n".join(lines) + "\n" if lines else "")
        result = subprocess.run([sys.executable, TEST_SUMMARY, log], capture_output=True,
                                text=True, check=False)
        return result.returncode, result.stdout.rstrip("\n").split("\n")

    def expect(self, status, last, *tests):
        outcome = self.summary(*tests)
        self.assertEqual((outcome[0], outcome[1][-1]), (status, last), outcome)
        return outcome[1]

    def test_plain_programs(self):
        self.expect(0, "2 passed, 0 failed", ("OK", ""), ("OK", "whatever\n"))

    def test_check_cases(self):
        self.expect(0, "25 passed, 0 failed",
                    ("OK", "Running suite(s): span\n100%: Checks: 25, Failures: 0, Errors: 0\n"))

    def test_check_failures(self):
        lines = self.expect(1, "17 passed, 3 failed",
                            ("FAIL", "85%: Checks: 20, Failures: 1, Errors: 2\n"))
        self.assertEqual(lines[0], "failed: t0: FAIL, 3 failed")

    def test_several_suites_in_a_program(self):
        self.expect(0, "5 passed, 0 failed",
                    ("OK", "100%: Checks: 2, Failures: 0, Errors: 0\n"
                           "100%: Checks: 3, Failures: 0, Errors: 0\n"))

    def test_runner_with_a_last_line(self):
        self.expect(1, "150 passed, 2 failed", ("FAIL", "x.lox: bad\n150 passed, 2 failed\n"))

    def test_crash_after_good_cases(self):
        self.expect(1, "9 passed, 1 failed",
                    ("FAIL", "100%: Checks: 9, Failures: 0, Errors: 0\n"))

    def test_crash_without_output(self):
        self.expect(1, "0 passed, 1 failed", ("ERROR", ""))

    def test_timeout(self):
        self.expect(1, "1 passed, 1 failed", ("OK", ""), ("TIMEOUT", ""))

    def test_failures_with_exit_status_0(self):
        self.expect(1, "1 passed, 1 failed",
                    ("OK", "50%: Checks: 2, Failures: 1, Errors: 0\n"))

    def test_skipped_is_not_passed(self):
        lines = self.expect(0, "1 passed, 0 failed", ("OK", ""), ("SKIP", ""))
        self.assertEqual(lines[0], "skipped: t1")

    def test_expected_failure(self):
        self.expect(0, "1 passed, 0 failed", ("EXPECTEDFAIL", ""))
        self.expect(1, "0 passed, 1 failed", ("UNEXPECTEDPASS", ""))

    def test_nothing_run(self):
        self.expect(1, "0 passed, 1 failed")

    def test_only_skipped(self):
        self.expect(1, "0 passed, 1 failed", ("SKIP", ""))

    def test_program_that_ran_no_case(self):
        self.expect(1, "1 passed, 1 failed", ("OK", ""),
                    ("OK", "100%: Checks: 0, Failures: 0, Errors: 0\n"))


if __name__ == "__main__":
    support.main()
