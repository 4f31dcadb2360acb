# SPDX-License-Identifier: Apache-2.0
"""Counts checks, so that a test tells all that is wrong and not only the first."""

from __future__ import annotations

import re
import sys

# A collector that gets no processor for a tenth of a second says so: once in ten seconds, and no
# test of its command line can rule it out.
BUSY_MACHINE = re.compile(r"tcpinfo-collect: the interval of \S+ is not kept")

# What each start says first.
SAMPLING = re.compile(r"tcpinfo-collect: sampling by (events|dumps)\b")

failures: list[str] = []
count = 0


def check(condition: object, message: str) -> None:
    global count
    count += 1
    if not condition:
        failures.append(message)
        print("FAILED:", message)


def finish(note: str = "") -> None:
    """Prints the counts and ends the program."""
    print(f"{count} checks, {len(failures)} failed{note}")
    sys.exit(1 if failures else 0)
