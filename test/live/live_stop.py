# SPDX-License-Identifier: Apache-2.0
"""SIGTERM with 10,000 connections open and busy, as nobody: a clean end, with everything in
complete files, before a service manager would lose its patience.

usage: live_stop.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import archives
from archives import check
from collector import (Collector, Traffic, busy_seconds, check_losses_by_load_only,
                       check_runnable, check_verified, give_to_nobody, processor_seconds, sanitized)
from netns import Pair, run_test

CONNECTIONS, ACTIVE = 10_000, 1_000
PATIENCE_S = 5.0
# From this share of the machine on that is used by others the time is not the collector's.
OTHERS = 0.2
ROOM_BYTES = 512 << 20


def fast_directory() -> str | None:
    """One in memory where there is room: ext4 takes up to a millisecond for a new file where many
    were deleted within the last minutes, and that is what the tests before this one did."""
    try:
        space = os.statvfs("/dev/shm")
    except OSError:
        return None
    return "/dev/shm" if space.f_bavail * space.f_frsize >= ROOM_BYTES else None


class Clock:
    """How long it takes to end, and how much of that is others' fault."""

    def __init__(self, collector: Collector, traffic: Traffic) -> None:
        self.traffic = traffic.child.pid
        self.began = self._times()
        self.used = collector.processor_seconds() - self._ended_children()

    def _times(self) -> tuple[float, float, float]:
        return time.monotonic(), busy_seconds(), processor_seconds(self.traffic)

    @staticmethod
    def _ended_children() -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime

    def stop(self) -> None:
        self.took, busy, traffic = (now - then for now, then in zip(self._times(), self.began))
        self.used = self._ended_children() - self.used
        self.others = (busy - traffic - self.used) / self.took / (os.cpu_count() or 1)

    def judge(self) -> None:
        print(f"{self.took:.2f} s to end, {self.used:.2f} s of a processor; others used "
              f"{100 * self.others:.0f} % of the machine")
        if sanitized():
            print("not judged: this build has sanitizers")
        elif self.others > OTHERS:
            # The clock says nothing about the collector then, its own work still does, though a
            # shared processor takes longer for it.
            print("NOTE: the machine is busy with something else")
            check(self.used <= PATIENCE_S, f"{self.used:.2f} s of a processor to end")
        else:
            check(self.took <= PATIENCE_S, f"{self.took:.2f} s to end, {PATIENCE_S} s are allowed")


def main() -> None:
    check_runnable(sys.argv[1])
    with Pair() as pair, tempfile.TemporaryDirectory(dir=fast_directory()) as directory:
        scratch = Path(directory)
        scratch.chmod(0o755)
        base = scratch / "nobody"
        base.mkdir()
        give_to_nobody(base)
        output = base / "out"
        with Traffic(sys.argv[2], "hold", pair, scratch / "truth", "--connections",
                     str(CONNECTIONS), "--active", str(ACTIVE), "--gap-ms", "20",
                     "--seconds", "600") as traffic:
            traffic.wait_open()
            with Collector(sys.argv[1], output, pair.receiver, descriptors=1024, nobody=True
                           ) as collector:
                # Less than a flush interval: all that there is waits in memory.
                time.sleep(4)
                clock = Clock(collector, traffic)
                ended = collector.stop()
                clock.stop()
            traffic.stop()
            made = {one.receiver_cookie: one for one in traffic.finish()}
        clock.judge()
        check_losses_by_load_only(ended)
        check_verified(sys.argv[3], output)
        recorded = archives.read_directory(output)
        check(set(recorded) == set(made), f"{len(recorded)} connections recorded")
        records = 0
        for cookie, connection in recorded.items():
            records += len(connection.archives[0].lines)
            received = connection.last().total("bytes_received")
            check(received is not None and 0 < received <= made[cookie].bytes,
                  f"{connection.uuid}: {received} bytes of {made[cookie].bytes}")
        check(ended.number("records") == records, f"{records} records in the files")
        print(f"{len(recorded)} connections, {records} records")


run_test(main)
