#!/usr/bin/env python3
"""Compute the size classes of small objects and write gc/size_class_table.h.

    mksizeclass.py [--output FILE]

The rules (those of the runtime of Go, whose figures tests/unit/size_class_test.c compares with):

1. Candidate sizes rise from 8 by the alignment that their size owes: 8 below 32, 16 from 32, an
   eighth of the last power of two from 128, 256 from 2048; up to 32768.
2. A span of a size has the fewest pages that waste at most an eighth of it at its end.
3. A size whose span has as many pages and slots as that of the size before replaces it: the smaller
   one saves nothing.
4. Each size grows to the largest multiple of 128 that leaves the number of slots as it is.
5. Then, and this is not Go's, a span of slots of 257 to 8192 bytes takes as many times its pages as
   fit into 32 KiB and make 64 slots at most. Lower: more spans, and each is found, swept and listed
   for the sake of a few objects. Higher: more memory lies idle where a type has few objects of a
   size (docs/decisions.md, "Spans of up to 64 slots").

Before anything is written, the result is held to what the collector relies on; a violation is an
error.
"""
import argparse
import sys

PAGE_BYTES = 8192
SMALL_SIZE_MAX = 32768
FINE_MAX = 1024  # sizes up to here are looked up by steps of 8, above by steps of 128
CLASS_COUNT = 68
ONE_PAGE_MAX = 256  # spans of objects up to here are single pages: look-ups find them by one load
WIDE_SIZE_MAX = 8192  # what rule 5 is for, and what it makes of a span at the most
WIDE_PAGES = 4
WIDE_SLOTS = 64


class SizeClass:
    def __init__(self, size, pages):
        self.size = size
        self.pages = pages

    @property
    def span_bytes(self):
        return self.pages * PAGE_BYTES

    @property
    def slots(self):
        return self.span_bytes // self.size

    @property
    def tail(self):
        return self.span_bytes - self.slots * self.size

    @property
    def reciprocal(self):
        return (2**32 + self.size - 1) // self.size

    def worst_waste(self, previous_size):
        """Percent of a span that is lost when every slot holds the smallest object of the class."""
        lost = self.slots * (self.size - previous_size - 1) + self.tail
        return 100.0 * lost / self.span_bytes


def alignment_of(size):
    """What sizes that begin at the power of two at or below size are multiples of."""
    if size < 32:
        return 8
    if size < 128:
        return 16
    return min(1 << (size.bit_length() - 4), 256)


def pages_for(size):
    pages = 1
    while pages * PAGE_BYTES % size > pages * PAGE_BYTES // 8:
        pages += 1
    return pages


def compute():
    classes = []
    size = 8
    while size <= SMALL_SIZE_MAX:
        candidate = SizeClass(size, pages_for(size))
        if classes and (classes[-1].pages, classes[-1].slots) == (candidate.pages, candidate.slots):
            classes.pop()
        classes.append(candidate)
        size += alignment_of(size)
    for each in classes:
        each.size = max(each.size, each.span_bytes // each.slots // 128 * 128)
    for each in classes:
        if ONE_PAGE_MAX < each.size <= WIDE_SIZE_MAX:
            each.pages *= max(1, min(WIDE_PAGES // each.pages, WIDE_SLOTS // each.slots))
    return [None] + classes


def lookup(classes, sizes):
    """For each size the number of the smallest class that holds it."""
    numbers = []
    number = 1
    for size in sizes:
        while classes[number].size < size:
            number += 1
        numbers.append(number)
    return numbers


def require(condition, what):
    if not condition:
        sys.exit(f"mksizeclass.py: the classes break a rule: {what}")


def check(classes):
    real = classes[1:]
    require(len(classes) == CLASS_COUNT, f"there are {CLASS_COUNT} of them, found {len(classes)}")
    require(real[-1].size == SMALL_SIZE_MAX, f"the last is {SMALL_SIZE_MAX}")
    require(all(a.size < b.size for a, b in zip(real, real[1:])), "sizes rise")
    require(any(each.size == ONE_PAGE_MAX for each in real), f"{ONE_PAGE_MAX} is a size")
    for each in real:
        require(each.size % (8 if each.size in (8, 24) else 16) == 0, f"{each.size} is aligned")
        require(each.tail * 8 <= each.span_bytes, f"{each.size} wastes an eighth at most")
        require(each.size > ONE_PAGE_MAX or each.pages == 1, f"{each.size} has one page")
        require(each.size <= FINE_MAX or each.size % 128 == 0, f"{each.size} is a step of 128")
        require(all(offset * each.reciprocal >> 32 == offset // each.size
                    for offset in range(0, each.span_bytes, 8)), f"{each.size} divides exactly")


def render(classes):
    lines = [
        "/* size_class_table.h -- made by tools/mksizeclass.py: change that. */",
        "#ifndef GC_SIZE_CLASS_TABLE_H",
        "#define GC_SIZE_CLASS_TABLE_H",
        "",
        "/* X(bytes of a slot, pages of a span, slots of a span, reciprocal), for class 1, 2, ...",
        " * Beside it: the number, bytes unused at the end of a span, and the most that a span can",
        " * waste, which is when every slot has an object just too large for the class before. */",
        "#define SIZE_CLASS_TABLE(X) \\",
    ]
    previous = 0
    for number, each in enumerate(classes[1:], 1):
        row = f"X({each.size}, {each.pages}, {each.slots}, {each.reciprocal})"
        note = f"/* {number:2}: tail {each.tail:3}, worst {each.worst_waste(previous):5.2f} % */"
        lines.append(f"    {row:36} {note}" + (" \\" if number + 1 < len(classes) else ""))
        previous = each.size
    tables = [
        ("SIZE_CLASS_BY_8", "the class of 8 * index bytes", range(0, FINE_MAX + 1, 8)),
        ("SIZE_CLASS_BY_128", f"the class of {FINE_MAX} + 128 * index bytes",
         range(FINE_MAX, SMALL_SIZE_MAX + 1, 128)),
    ]
    for name, meaning, sizes in tables:
        numbers = [str(number) for number in lookup(classes, sizes)]
        lines += ["", f"/* {meaning} */", f"#define {name} \\", "    { \\"]
        for i in range(0, len(numbers), 20):
            lines.append("        " + ", ".join(numbers[i:i + 20]) + ", \\")
        lines += ["    }"]
    return "\n".join(lines + ["", "#endif", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", help="file to write; standard output if not given")
    arguments = parser.parse_args()
    classes = compute()
    check(classes)
    text = render(classes)
    if arguments.output is None:
        sys.stdout.write(text)
        return
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
