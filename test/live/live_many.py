# SPDX-License-Identifier: Apache-2.0
"""Ten thousand connections with 1,024 file descriptors: all recorded, in bounded memory.

usage: live_many.py COLLECTOR TRAFFIC
With TCPINFO_LIVE_FULL=1 it takes 30 s instead of 10.
"""

import sys
import tempfile
import time
from pathlib import Path

import archives
from collector import (Collector, Traffic, check_losses_by_load_only, compare_all, full, sanitized,
                       settle)
from netns import Pair, run_test

CONNECTIONS = 10_000
ACTIVE = 1_000
MEMORY_MB = 300


def main() -> None:
    seconds = 30 if full() else 10
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        with Collector(sys.argv[1], output, pair.receiver, "--interval", "10ms",
                       descriptors=1024) as collector:
            children: list[int] = []
            with Traffic(sys.argv[2], "hold", pair, Path(scratch) / "truth",
                         "--connections", str(CONNECTIONS), "--active", str(ACTIVE),
                         "--gap-ms", "20", "--seconds", str(seconds),
                         "--close-ms", "2000") as traffic:
                traffic.wait_open()
                began = time.monotonic()
                while time.monotonic() < began + seconds - 1:
                    children += collector.children()
                    time.sleep(0.5)
                processor = collector.processor_seconds()
                elapsed = time.monotonic() - began
                made = traffic.finish()
            settle(2)
            children += collector.children()
            memory = collector.peak_memory_mb()
            print(f"peak memory {memory:.1f} MB, processor {processor:.1f} s in "
                  f"{elapsed:.1f} s, {len(set(children))} child processes")
            stopping = time.monotonic()
            # Service managers commonly kill what takes longer than this to stop.
            ended = collector.stop(patience=90)
            print(f"{time.monotonic() - stopping:.2f} s to end")
        check_losses_by_load_only(ended)
        archives.check(not children, f"it started processes: {sorted(set(children))}")
        if sanitized():
            print("memory not judged: this build has sanitizers")
        else:
            archives.check(memory < MEMORY_MB, f"{memory:.1f} MB, the limit is {MEMORY_MB} MB")
        for key in ("interval_ms_p50", "interval_ms_p99", "interval_ms_max"):
            archives.check(ended.number(key) >= 9, f"{key} is {ended.summary[key]}")
        # Ticks are never queued: what was not polled was missed, and there were so many ticks.
        ticks = ended.ticks()
        archives.check(ticks >= seconds * 100, f"{ticks:.0f} ticks in more than {seconds} s")

        archives.check(not archives.part_files(output), "unfinished files")
        files = archives.finished_files(output)
        archives.test_frames(files)
        by_cookie = {one.receiver_cookie: one for one in made}
        records = 0
        active_records: list[int] = []
        slim: list[archives.Archive] = []
        for archive in archives.read(files):
            records += len(archive.lines)
            one = by_cookie.get(archive.cookie)
            if one is not None and one.active:
                active_records.append(len(archive.lines))
            # Millions of records: the first and last few of each file, and every 50th file whole.
            if len(slim) % 50 == 0:
                archive.records()
            archive.lines = archive.lines[:2] + archive.lines[2:][-3:]
            slim.append(archive)
        active_records.sort()
        print(f"{len(files)} files, {records} records, of an active connection "
              f"{active_records[0]}..{active_records[-1]}")
        compare_all(made, archives.group(slim))
        archives.check(ended.number("records") == records, "summary: records")
        archives.check(ended.number("connections") == CONNECTIONS, "summary: connections")
        # An active connection changes at every poll or nearly so.
        archives.check(active_records[0] > seconds, "an active connection has too few records")


run_test(main)
