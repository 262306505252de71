#!/usr/bin/env python3
"""Wrap the comments of C files that run over the limit of 100 columns.

clang-format can do that, but it takes lists, tables and samples of code apart. This wraps, in a
comment with a line that is too long, only the paragraph of that line, from that line on, and keeps
its hanging indent:

     * Locks:      everything here needs PAGES, and this sentence, which is too long, goes on
     *             under its own beginning.

A comment behind code goes on under its own first word. A ruler (`/* ---- Title ---- */`) is cut.
`./dev format` runs this before clang-format.
"""

import argparse
import pathlib
import re
import sys

from c_source import TOKEN

LIMIT = 100
RULER = re.compile(r"^(\s*/\* -{3,} .*? )-{3,}( \*/)$")
HEADING = ("Owns|Idea|Invariants|Locks|Callers|Units|Sources?"
           "|Threads|Safepoint|Colour|Cost|Since|Pitfall")
ITEM = re.compile(rf"""(?:(?:{HEADING}|,\s)+:(?:\s+|$)
                        |\[\w+\.\d+\]\s+          # [page_alloc.3]
                        |@(?:param\s+\w+|\w+)\s+  # @param name, @return
                        |[-*]\s+|\d+\.\s+         # list
                        |\w+\s{{2,}}              # word    explanation
                      )""", re.VERBOSE)
SAMPLE = re.compile(r"\s{4,}.*(?:[;{}]$|[;{}]\s+//|\\$)")  # code in a comment


def wrap_words(first_prefix, next_prefix, text, limit=LIMIT):
    """Lines of text, the first behind first_prefix, the others behind next_prefix."""
    lines, line, empty = [], first_prefix, True
    for word in text.replace(" */", "\0*/").split():
        word = word.replace("\0", " ")
        if not empty and len(line) + 1 + len(word) > limit:
            lines.append(line.rstrip())
            line, empty = next_prefix, True
        line += word if empty else " " + word
        empty = False
    return lines + [line.rstrip()]


def indent_of(text):
    return len(text) - len(text.lstrip())


def split_prefix(line, is_first):
    """(what stands before the text of a line of a comment, the text with its own indent)"""
    pattern = r"(\s*/\*\*?<? ?)(.*)" if is_first else r"(\s*\* ?)(?!/)(.*)"
    match = re.fullmatch(pattern, line, re.DOTALL)
    return match.groups() if match else ("", line)


def ends_paragraph(text, hang):
    """Whether a line of text does not go on with the paragraph whose later lines are indented by
    hang."""
    return not text.strip() or text.strip() == "*/" or indent_of(text) != hang \
        or ITEM.match(text.lstrip()) is not None


def wrap_block(lines):
    """A comment that has its lines for itself."""
    out, index = [], 0
    margin = indent_of(lines[0])
    while index < len(lines):
        line = lines[index]
        if len(line) <= LIMIT:
            out.append(line)
            index += 1
            continue
        ruler = RULER.match(line)
        if ruler:
            dashes = LIMIT - len(ruler.group(1)) - len(ruler.group(2))
            out.append(ruler.group(1) + "-" * dashes + ruler.group(2))
            index += 1
            continue
        prefix, text = split_prefix(line, index == 0)
        if SAMPLE.match(text):
            out.append(line)
            index += 1
            continue
        star = prefix if index > 0 else " " * margin + " * "
        item = ITEM.match(text.lstrip())
        marker = item.end() if item and not text.startswith("    " * 4) else 0
        hang = indent_of(text) + marker
        if index + 1 < len(lines):
            _, below = split_prefix(lines[index + 1], False)
            if below.strip() and below.strip() != "*/" and not ITEM.match(below.lstrip()):
                hang = indent_of(below)
        words, end = text.strip()[marker:], index + 1
        while end < len(lines):
            _, below = split_prefix(lines[end], False)
            if ends_paragraph(below, hang):
                break
            words += " " + below.strip()
            end += 1
        first = prefix + " " * indent_of(text) + text.strip()[:marker]
        out += wrap_words(first, star + " " * hang, words)
        index = end
    return out


def wrap_trailing(block, start):
    """A comment that begins behind code."""
    match = re.match(r"/\*\*?<?\s*", block[0][start:])
    column = start + match.end()
    words = [block[0][column:]] + [re.sub(r"^\s*(?:\*(?!/) ?)?", "", line) for line in block[1:]]
    return wrap_words(block[0][:column], " " * column, " ".join(words))


def wrap(text):
    lines = text.split("\n")
    spans = []
    for token in TOKEN.finditer(text):
        if token.lastgroup == "comment":
            first = text.count("\n", 0, token.start())
            spans.append((first, first + token.group().count("\n"),
                          token.start() - (text.rfind("\n", 0, token.start()) + 1)))
    for first, last, column in reversed(spans):
        block = lines[first:last + 1]
        if all(len(line) <= LIMIT for line in block) or block[-1].rstrip()[-2:] != "*/":
            continue
        if not lines[first][:column].strip():
            lines[first:last + 1] = wrap_block(block)
        else:
            lines[first:last + 1] = wrap_trailing(block, column)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    for name in parser.parse_args().files:
        path = pathlib.Path(name)
        text = path.read_text(encoding="utf-8")
        wrapped = wrap(text)
        if wrapped != text:
            path.write_text(wrapped, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
