# SPDX-License-Identifier: Apache-2.0
"""What a command and the server that works for it take."""
from __future__ import annotations

import os
import time
from pathlib import Path

from tools import Cost, cost

# A backend that ends behind its client.
SETTLE_S = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def children(process: int) -> int:
    return len(Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split())


def used(process: int | None) -> float:
    """Processor seconds of a process and of its children that have ended."""
    if process is None:
        return 0.0
    # The name may hold spaces; what follows it does not.
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def at_rest(process: int | None) -> int:
    """How many children it has while no client is there."""
    if process is None:
        return 0
    counts = []
    for _ in range(20):
        counts.append(children(process))
        time.sleep(0.05)
    return min(counts)


def settle(process: int | None, rest: int) -> None:
    end = time.monotonic() + SETTLE_S
    while process is not None and children(process) > rest and time.monotonic() < end:
        time.sleep(0.02)


def measured(command: str, server: int | None, rest: int) -> Cost:
    """Of a command of bash's, with what it makes the server do.
    @param rest at_rest() of the server"""
    settle(server, rest)
    before = used(server)
    took = cost(["bash", "-ec", command], 1)
    settle(server, rest)
    return Cost(took.wall_s, took.cpu_s + used(server) - before)
