# SPDX-License-Identifier: Apache-2.0
"""Collectors that are killed at any moment: while starting, running or ending."""

from __future__ import annotations

import os
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

from archives import check
from collector import Collector, Truth
from netns import Pair

FLUSH_S = 0.3
# A flush by age is due FLUSH_S after the record; the rest is for processors that are shared.
SLACK_S = 2.0
# What it may say: what it did about leftovers, and that the machine is busy.
HARMLESS = r"(completed|removed) \d+ leftover files?|ticks missed"
# The kernel tells of ends by a worker. Where thousands of sockets end elsewhere on the machine it
# may be so late that the collector gives it up, and says so: such a run is not judged.
DEAF = "the kernel grants to tell of ends, and is silent"


@dataclass
class Run:
    """One run of the collector: from when on it hears of every end, and when it was killed."""

    ready_ns: int | None
    killed_ns: int

    def flushed_ns(self) -> int:
        """Up to when everything it saw must have reached its files."""
        return self.killed_ns - int((FLUSH_S + SLACK_S) * 1e9)

    def is_long(self) -> bool:
        """Whether there is anything that must have reached its files."""
        return self.ready_ns is not None and self.flushed_ns() > self.ready_ns


def seeded_dice() -> random.Random:
    """Random moments, from TCPINFO_SEED where it is set."""
    seed = int(os.environ.get("TCPINFO_SEED", random.randrange(1 << 32)))
    print(f"TCPINFO_SEED={seed}")
    return random.Random(seed)


def one_run(exe: str, output: Path, pair: Pair, dice: random.Random, nobody: bool, *flags: str,
            harmless: str = HARMLESS, run_s: float | None = None) -> tuple[str, Run]:
    """Starts it, kills it; at a random moment, or when it has run for so long."""
    phase = dice.choice(["start", "run", "run", "exit"]) if run_s is None else "run"
    with Collector(exe, output, pair.receiver, "--flush", f"{FLUSH_S * 1000:.0f}ms", *flags,
                   ready=phase != "start", nobody=nobody) as collector:
        ready_ns = None
        if phase == "start":
            time.sleep(dice.uniform(0, 0.15))
        else:
            ready_ns = time.time_ns()
            time.sleep(dice.uniform(0.05, 2.5) if run_s is None else run_s)
            if phase == "exit":
                collector.child.terminate()
                time.sleep(dice.uniform(0, 0.3))
        killed_ns = time.time_ns()
        collector.kill()
        status = collector.child.returncode
        # It may have been faster than the kill.
        check(status == -9 or (status == 0 and phase == "exit"), f"it ended with {status}")
        bad = [line for line in collector.messages()
               if not re.search(harmless, line) and DEAF not in line]
        check(not bad, f"it complains: {bad[:5]}")
        if DEAF in collector.log():
            return phase + ", deaf", Run(None, killed_ns)
        return phase + (", too late" if status == 0 else ""), Run(ready_ns, killed_ns)


def whole_life(one: Truth, runs: list[Run]) -> bool:
    """Whether it was opened and closed in one run, and flushed before the kill."""
    return any(run.ready_ns is not None and run.ready_ns <= one.start_ns
               and one.end_ns <= run.flushed_ns() for run in runs)
