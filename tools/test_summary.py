#!/usr/bin/env python3
"""Sum up a `meson test` log: one line per failed test, last line "N passed, N failed".

Cases are counted, not programs, where a program says how many it had: Check's summary
("95%: Checks: 20, Failures: 1, Errors: 0") and a last line "N passed, N failed" are understood.
Any other program counts as one. A program that fails although it counted no failed case (it
crashed, a sanitizer spoke, it hung) is one failure, and so is one that counted no case at all. No
test at all is a failure, too.
"""

import argparse
import json
import os
import re
import sys

CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
PASSED = ("OK", "EXPECTEDFAIL")
SKIPPED = ("SKIP",)


def count_cases(output):
    """(passed, failed) as the program's output says, None where it says nothing."""
    check = CHECK_LINE.findall(output)
    if check:
        total = sum(int(checks) for checks, _, _ in check)
        failed = sum(int(failures) + int(errors) for _, failures, errors in check)
        return total - failed, failed
    counts = COUNT_LINE.findall(output)
    if counts:
        return int(counts[-1][0]), int(counts[-1][1])
    return None


def judge(test):
    """(passed, failed, skipped) of one test of the log."""
    if test["result"] in SKIPPED:
        return 0, 0, 1
    good = test["result"] in PASSED
    passed, failed = count_cases(test.get("stdout", "")) or (1 if good else 0, 0)
    if good and failed > 0:
        return passed, failed, 0  # a runner that forgets its exit status
    if failed == 0 and (not good or passed == 0):
        failed = 1
    return passed, failed, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", help="testlog.json of meson test")
    arguments = parser.parse_args()

    passed = failed = skipped = 0
    for log in arguments.logs:
        if not os.path.exists(log):
            continue  # meson writes none if it finds no test
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                test = json.loads(line)
                result = judge(test)
                passed += result[0]
                failed += result[1]
                skipped += result[2]
                if result[1] > 0:
                    print(f"failed: {test['name']}: {test['result']}, {result[1]} failed")
                elif result[2] > 0:
                    print(f"skipped: {test['name']}")
    if passed + failed == 0:
        print("no test was run")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
