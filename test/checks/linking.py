#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which of the two libraries a tool links.

usage: linking.py TOOL...

tcpinfo-collect links the static library, because it uses headers that are not installed
(lib/include-internal). All other tools link the shared one, and show with it that the installed
headers and exported symbols are enough.
"""
import re
import sys
from pathlib import Path

from trees import need, run

STATIC = {"tcpinfo-collect"}


def main():
    need("readelf")
    faults = []
    for tool in sys.argv[1:]:
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "--dynamic", "--wide", tool))
        shared = "libtcpinfo.so.0" in needed
        if not needed:
            faults.append(f"{tool}: needs nothing at all")
        if shared == (Path(tool).name in STATIC):
            faults.append(f"{tool}: links the {'shared' if shared else 'static'} library")
    print("\n".join(faults + [f"{len(sys.argv) - 1} tools, {len(faults)} faults"]))
    sys.exit(1 if faults or len(sys.argv) < 2 else 0)


main()
