#!/usr/bin/env python3
"""link_static keeps public symbols, hides the others, and replaces an old library."""

import shutil
import subprocess
import unittest

import support
import link_static

ONE = """\
#define HIDDEN __attribute__((visibility("hidden")))
#define PUBLIC __attribute__((visibility("default")))
HIDDEN int two(void);
HIDDEN int one(void);
PUBLIC int tri_one(void);
int one(void) { return 1; }
int tri_one(void) { return one() + two(); }
"""
TWO = '__attribute__((visibility("hidden"))) int two(void);\nint two(void) { return 2; }\n'


@unittest.skipUnless(shutil.which("cc") and shutil.which("objcopy"), "no compiler")
class LinkTest(support.TreeTest):
    def archive(self, name, code):
        source = self.write(f"{name}.c", code)
        subprocess.run(["cc", "-fPIC", "-c", source, "-o", self.root / f"{name}.o"], check=True)
        subprocess.run(["ar", "rc", self.root / f"{name}.a", self.root / f"{name}.o"], check=True)
        return str(self.root / f"{name}.a")

    def link(self, *archives):
        output = str(self.root / "lib.a")
        link_static.link(["cc"], "objcopy", "ar", archives, output)
        listing = subprocess.run(["nm", "-g", "--defined-only", output], check=True,
                                 capture_output=True, text=True).stdout
        return {line.split()[2] for line in listing.split("\n") if len(line.split()) == 3}

    def test_only_public_symbols_are_global(self):
        self.assertEqual(self.link(self.archive("one", ONE), self.archive("two", TWO)),
                         {"tri_one"})

    def test_result_links_beside_own_names(self):
        self.link(self.archive("one", ONE), self.archive("two", TWO))
        self.write("main.c", "int tri_one(void); int one(void) { return 5; }\n"
                             "int main(void) { return tri_one() == 3 && one() == 5 ? 0 : 1; }\n")
        subprocess.run(["cc", self.root / "main.c", self.root / "lib.a", "-o",
                        self.root / "main"], check=True)
        subprocess.run([self.root / "main"], check=True)

    def test_old_library_is_replaced(self):
        self.link(self.archive("one", ONE), self.archive("two", TWO))
        again = self.archive("again", "int tri_again(void); int tri_again(void) { return 1; }\n")
        self.assertEqual(self.link(again), {"tri_again"})

    def test_failure_is_told(self):
        with self.assertRaises(subprocess.CalledProcessError):
            link_static.link(["cc"], "objcopy", "ar", ["no-such-archive.a"],
                             str(self.root / "lib.a"))


if __name__ == "__main__":
    support.main()
