#!/usr/bin/env python3
"""Show that emulate.py passes what is right, and fails what is wrong or did not get to the end."""

import unittest

import emulate

RIGHT = "BIOS\r\nportable: 0 found otherwise\r\navx2: 0 found otherwise\r\n" \
    "avx512: 0 found otherwise\r\navx512 is the best\r\n"


class JudgeTest(unittest.TestCase):
    def test_right(self):
        self.assertEqual(emulate.judge(RIGHT), (3, 0))

    def test_wrong(self):
        self.assertEqual(emulate.judge(RIGHT.replace("avx512: 0", "avx512: 10")), (2, 1))
        self.assertEqual(emulate.judge(RIGHT.replace("portable: 0", "portable: 1")), (2, 1))

    def test_not_there(self):
        self.assertEqual(emulate.judge(RIGHT.replace("avx512: 0 found otherwise\r\n", "")), (2, 1))

    def test_not_chosen(self):
        self.assertEqual(emulate.judge(RIGHT.replace("avx512 is", "avx2 is")), (3, 1))

    def test_ended_early(self):
        self.assertEqual(emulate.judge(RIGHT.replace("avx512 is the best\r\n", "")), (3, 1))
        self.assertEqual(emulate.judge(""), (0, 3))


if __name__ == "__main__":
    unittest.main()
