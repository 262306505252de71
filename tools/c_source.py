"""What the checkers share: a C file taken apart into code and comments, line by line.

This is no compiler. It knows comments, string and character literals, and that in our format the
brace that opens or closes a function stands in the first column.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*)
      | (?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.DOTALL | re.VERBOSE)
FUNCTION_NAME = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
NOT_A_FUNCTION = ("if", "for", "while", "switch", "sizeof", "__attribute__", "_Alignas")


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


class CSource:
    """One file: .lines as they are, .code and .comments with the other half blanked out."""

    def __init__(self, path, root=ROOT):
        self.path = pathlib.Path(path)
        self.name = self.path.name
        self.stem = self.path.stem
        try:
            self.shown = str(self.path.resolve().relative_to(pathlib.Path(root).resolve()))
        except ValueError:
            self.shown = str(self.path)
        self.text = self.path.read_text(encoding="utf-8")
        self.lines = self.text.split("\n")
        code, comments = [], []
        end = 0
        for token in TOKEN.finditer(self.text):
            between = self.text[end:token.start()]
            code.append(between)
            comments.append(_blank(between))
            if token.lastgroup == "comment":
                code.append(_blank(token.group()))
                comments.append(token.group())
            else:
                literal = token.group()
                code.append(literal[0] + _blank(literal[1:-1]) + literal[-1])
                comments.append(_blank(literal))
            end = token.end()
        code.append(self.text[end:])
        comments.append(_blank(self.text[end:]))
        self.code = "".join(code).split("\n")
        self.comments = "".join(comments).split("\n")

    def opening_comment(self):
        """The comment that the file begins with; empty if it begins otherwise."""
        match = TOKEN.match(self.text)
        return match.group() if match and match.lastgroup == "comment" else ""

    def functions(self):
        """(name, first line, last line) of each function definition, lines counted from 1."""
        found = []
        for index, line in enumerate(self.code):
            if not line.startswith("{"):
                continue
            name, first = self._head_above(index)
            if name is None:
                continue
            last = index
            while last + 1 < len(self.code) and not self.code[last].startswith("}"):
                last += 1
            found.append((name, first + 1, last + 1))
        return found

    def _head_above(self, brace):
        """The name and first line of the function whose body opens in the line `brace`."""
        first = brace
        while first > 0:
            above = self.code[first - 1].rstrip()
            if not above or above.endswith((";", "}", "\\")) or above.startswith("#"):
                break
            first -= 1
        head = " ".join(self.code[first:brace])
        names = [name for name in FUNCTION_NAME.findall(head)
                 if name not in NOT_A_FUNCTION and not name.startswith("TRI_")]
        return (names[0] if names else None), first


def sources(root, directories, suffixes=(".c", ".h")):
    """All files below these directories of root, in a fixed order."""
    found = []
    for directory in directories:
        base = pathlib.Path(root) / directory
        found += [path for path in base.rglob("*") if path.suffix in suffixes and path.is_file()]
    return sorted(found)


def report(problems, tool, checked):
    """Print what was found; the exit status."""
    for problem in problems:
        print(problem)
    if checked == 0:
        print(f"{tool}: nothing was checked")
        return 1
    print(f"{tool}: {checked} checked, {len(problems)} problems")
    return 1 if problems else 0
