# SPDX-License-Identifier: Apache-2.0
"""The live tests lose nothing of what a program says while they read it.

usage: shared_log.py FOLDER_OF_LIVE_TESTS
"""

from __future__ import annotations

import subprocess
import sys

sys.path.insert(0, sys.argv[1])
from shared_log import SharedLog  # noqa: E402

LINES = 20_000
TALKER = f"import os\nfor i in range({LINES}): os.write(2, b'line %d\\n' % i)"


def main() -> None:
    log = SharedLog()
    with subprocess.Popen([sys.executable, "-c", TALKER], stderr=log) as child:
        reads = 0
        before = ""
        while child.poll() is None:
            now = log.read()
            if not now.startswith(before):
                sys.exit(f"read {reads} has {len(now)} characters, the one before {len(before)}")
            before = now
            reads += 1
    said = log.read().splitlines()
    log.close()
    if said != [f"line {i}" for i in range(LINES)] or child.returncode != 0:
        sys.exit(f"{len(said)} lines of {LINES}")
    print(f"{LINES} lines, read {reads} times meanwhile")


main()
