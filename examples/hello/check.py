#!/usr/bin/env python3
"""Run the example and compare what it prints. The counts are exact, always."""

import subprocess
import sys

EXPECTED = """\
with the list: 1000 objects live, 5000 freed so far
with its first link: 1 objects live, 5999 freed so far
with nothing: 0 objects live, 6000 freed so far
"""

output = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True, text=True).stdout
if output != EXPECTED:
    sys.exit(f"expected:\n{EXPECTED}got:\n{output}")
