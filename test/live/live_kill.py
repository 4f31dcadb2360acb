# SPDX-License-Identifier: Apache-2.0
"""kill -9 loses at most one flush interval, and the next start completes what was left.

usage: live_kill.py COLLECTOR TRAFFIC
With TCPINFO_LIVE_FULL=1: 10,000 connections for 30 s instead of 2,000 for 8 s.
"""

import sys
import tempfile
import time
from pathlib import Path

import archives
from collector import (Collector, Traffic, check_losses_by_load_only, cookies_of_files, full,
                       leftovers_completed, settle)
from netns import Pair, run_test

FLUSH_S = 1.0
# A flush by age is due FLUSH_S after the record; the writers have two processors to share with the
# traffic, so what is told as "within the interval" gets this much on top.
SLACK_S = 1.0


def main() -> None:
    connections, active, seconds = (10_000, 1_000, 30) if full() else (1_000, 100, 6)
    short = 200
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        with Traffic(sys.argv[2], "hold", pair, Path(scratch) / "truth",
                     "--connections", str(connections), "--active", str(active), "--gap-ms", "20",
                     "--seconds", "600") as traffic:
            traffic.wait_open()
            with Collector(sys.argv[1], output, pair.receiver, "--flush", f"{FLUSH_S:.0f}s",
                           descriptors=1024) as collector:
                time.sleep(seconds / 2)
                # Connections that end give finished files before the kill.
                with Traffic(sys.argv[2], "short", pair, Path(scratch) / "truth-short",
                             "--class", f"1ms:1000:{short}:1:4") as brief:
                    ended_before = {one.receiver_cookie for one in brief.finish()}
                time.sleep(seconds / 2)
                killed_ns = time.time_ns()
                collector.kill()

            finished = archives.digests(output)
            parts = archives.part_files(output)
            print(f"killed: {len(finished)} finished files, {len(parts)} .part files")
            archives.check(cookies_of_files(list(finished)) >= ended_before,
                           "a connection that had ended has no finished file")
            archives.test_frames(list(finished))
            archives.check(len(parts) == connections, f"{len(parts)} .part files")

            # What is readable now, by cookie. Every connection existed before the collector began.
            readable = {archive.cookie: archive for archive in archives.read(parts, cut=True)}
            archives.check(len(readable) == connections, f"{len(readable)} .part files readable")
            made_active = 0
            oldest = killed_ns
            for archive in readable.values():
                records = archive.records()
                archives.check(records, f"{archive.path}: no record")
                if len(records) > 20:  # an active one: it has records at nearly every poll
                    made_active += 1
                    oldest = min(oldest, records[-1].time)
            lag = (killed_ns - oldest) / 1e9
            print(f"active connections readable {made_active}, up to {lag:.2f} s before the kill")
            archives.check(made_active == active, f"{made_active} of {active} active connections")
            archives.check(lag <= FLUSH_S + SLACK_S, f"{lag:.2f} s are missing")

            # The next start completes them all, says so, and touches nothing that was complete.
            with Collector(sys.argv[1], output, pair.receiver) as collector:
                time.sleep(1)
                traffic.stop()
                made = traffic.finish()
                settle()
                ended = collector.stop()
        print("completed at start:", leftovers_completed(ended.errors))
        archives.check(leftovers_completed(ended.errors) == len(parts),
                       f"it did not say that it completed {len(parts)} files:\n{ended.errors}")
        check_losses_by_load_only(ended)
        now = archives.digests(output)
        changed = [path for path, digest in finished.items() if now.get(path) != digest]
        archives.check(not changed, f"finished files changed: {changed[:3]}")

        recorded = archives.read_directory(output)
        for one in made:
            connection = recorded[one.receiver_cookie]
            archives.check(len(connection.archives) == 2, f"{connection.uuid}: files")
            # Completing a leftover keeps every record that could be read before.
            before = readable[one.receiver_cookie].lines
            after = connection.archives[0].lines
            archives.check(after[:len(before)] == before, f"{connection.uuid}: records lost")
            last = archives.check_history(connection)[-1]
            archives.check(last.total("bytes_received") in one.expect_received,
                           f"{connection.uuid}: final counters")
        print(f"all {len(made)} connections go on after the kill")


run_test(main)
