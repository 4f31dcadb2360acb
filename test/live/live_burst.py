# SPDX-License-Identifier: Apache-2.0
"""Ten thousand connections opened and closed as fast as this machine can, within a second where
nothing else keeps it busy: each is recorded, to its last counter.

usage: live_burst.py COLLECTOR TRAFFIC
"""

import os
import sys
import tempfile
from pathlib import Path

import archives
from collector import (EXACT_CLOSINGS, Collector, Traffic, check_no_losses, compare_all, sanitized,
                       settle)
from netns import Pair, run_test


def first_in_line(pid: int) -> None:
    """The generator, before the collector that shares two processors with it."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.setpriority(os.PRIO_PROCESS, int(thread), -20)
        except PermissionError:
            print("NOTE: no right to raise the generator's priority")
            return


def main() -> None:
    count = 2_000 if sanitized() else 10_000
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        with Collector(sys.argv[1], output, pair.receiver) as collector:
            with Traffic(sys.argv[2], "short", pair, Path(scratch) / "truth", "--class",
                         f"burst:0:{count}:2:50", "--closings", EXACT_CLOSINGS) as traffic:
                first_in_line(traffic.child.pid)
                made = traffic.finish()
            settle(2)
            ended = collector.stop()
        span = (max(one.end_ns for one in made) - min(one.start_ns for one in made)) / 1e9
        print(f"{len(made)} connections within {span:.2f} s")
        check_no_losses(ended)
        compare_all(made, archives.group(archives.read(archives.finished_files(output))))


run_test(main)
