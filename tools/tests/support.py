"""What the tests of the tools share: a small tree of files to check, and a count at the end."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))


class TreeTest(unittest.TestCase):
    """A test with a directory of its own, self.root."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name).resolve()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def outcome(self, check, *arguments):
        """(exit status, output) of a checker's check()."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = check(*arguments)
        return status, output.getvalue()

    def assert_good(self, check, *arguments):
        status, output = self.outcome(check, *arguments)
        self.assertEqual(status, 0, output)

    def assert_bad(self, message, check, *arguments):
        status, output = self.outcome(check, *arguments)
        self.assertEqual(status, 1, output)
        self.assertIn(message, output)


def main():
    """Run the calling file's tests; the last line says how many passed."""
    program = unittest.main(exit=False)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)
