#!/usr/bin/env python3
"""check_layers passes a tree in order and fails on each way to break the order."""

import support
import check_layers

LAYERS = """\
# Architecture

```layers
include/trillium/   what a host sees
  types.h           words

gc/                 ground
  base.h            integers
  span.[hc]         spans
gc/                 above
  sweep.[hc]        sweeping

runtime/            the process
  env.c             the environment
```
"""


class LayersTest(support.TreeTest):
    def setUp(self):
        super().setUp()
        self.write("docs/architecture.md", LAYERS)
        self.write("include/trillium/types.h", "#include <stdint.h>\n")
        self.write("gc/base.h", "#include <trillium/types.h>\n")
        self.write("gc/span.h", '#include "gc/base.h"\n')
        self.write("gc/span.c", '#include "gc/span.h"\n#include <string.h>\n')
        self.write("gc/sweep.h", '#include "gc/span.h"\n')
        self.write("gc/sweep.c", '#include "gc/sweep.h"\n#include "gc/base.h"\n')
        self.write("runtime/env.c", '#include "gc/sweep.h"\n#include <stdlib.h>\n')

    def test_good_tree(self):
        self.assert_good(check_layers.check, self.root)

    def test_include_upward(self):
        self.write("gc/span.c", '#include "gc/span.h"\n#include "gc/sweep.h"\n')
        self.assert_bad("gc/span.c:2: gc/span.c is listed above gc/sweep.h", check_layers.check,
                        self.root)

    def test_include_upward_by_relative_name(self):
        self.write("gc/span.h", '#include "sweep.h"\n')
        self.assert_bad("gc/span.h:1", check_layers.check, self.root)

    def test_public_header_includes_collector(self):
        self.write("include/trillium/types.h", '#include "gc/base.h"\n')
        self.assert_bad("is listed above gc/base.h", check_layers.check, self.root)

    def test_header_includes_itself(self):
        self.write("gc/span.h", '#include "gc/span.h"\n')
        self.assert_bad("gc/span.h:1", check_layers.check, self.root)

    def test_file_not_listed(self):
        self.write("gc/extra.c", "")
        self.assert_bad("gc/extra.c: not listed", check_layers.check, self.root)

    def test_listed_file_missing(self):
        (self.root / "gc/sweep.c").unlink()
        self.assert_bad("gc/sweep.c is listed and does not exist", check_layers.check, self.root)

    def test_system_header_in_gc(self):
        self.write("gc/span.c", '#include "gc/span.h"\n#include <pthread.h>\n')
        self.assert_bad("gc/ must not include <pthread.h>", check_layers.check, self.root)

    def test_include_of_nothing(self):
        self.write("gc/span.c", '#include "gc/gone.h"\n')
        self.assert_bad('there is no "gc/gone.h"', check_layers.check, self.root)

    def test_no_list(self):
        self.write("docs/architecture.md", "# Architecture\n")
        with self.assertRaises(SystemExit):
            check_layers.check(self.root)

    def test_listed_twice(self):
        self.write("docs/architecture.md", LAYERS.replace("sweep.[hc]", "span.[hc] "))
        with self.assertRaises(SystemExit):
            check_layers.check(self.root)


if __name__ == "__main__":
    support.main()
