# SPDX-License-Identifier: Apache-2.0
"""Restarting the collector while connections live changes no earlier file, and history goes on.

usage: live_restart.py COLLECTOR TRAFFIC
"""

import sys
import tempfile
import time
from pathlib import Path

import archives
from collector import Collector, Traffic, check_no_losses, compare_all, settle
from netns import Pair, run_test

CONNECTIONS = 120
ACTIVE = 60


def check_untouched(before: dict[Path, str], root: Path) -> None:
    now = archives.digests(root)
    changed = [path for path, digest in before.items() if now.get(path) != digest]
    archives.check(not changed, f"{len(changed)} earlier files changed: {changed[:3]}")


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        with Traffic(sys.argv[2], "hold", pair, Path(scratch) / "truth",
                     "--connections", str(CONNECTIONS), "--active", str(ACTIVE),
                     "--seconds", "30") as traffic:
            traffic.wait_open()

            # All connections are older than the first run: it starts their histories.
            with Collector(sys.argv[1], output, pair.receiver) as collector:
                time.sleep(1.5)
                first = collector.stop()
            archives.check(not archives.part_files(output), "the first run left .part files")
            after_first = archives.digests(output)
            archives.check(len(after_first) == CONNECTIONS, f"{len(after_first)} files at first")

            # The second run also rotates, so that its own files follow each other, too.
            with Collector(sys.argv[1], output, pair.receiver, "--rotate", "1s") as collector:
                time.sleep(3.5)
                traffic.stop()
                made = traffic.finish()
                settle()
                second = collector.stop()
            check_untouched(after_first, output)
            after_second = archives.digests(output)

            # The third finds nothing alive and has nothing to write.
            with Collector(sys.argv[1], output, pair.receiver) as collector:
                time.sleep(0.3)
                third = collector.stop()
            check_untouched(after_second, output)
            new = set(archives.digests(output)) - set(after_second)
            archives.check(not new, f"files of connections that had ended: {sorted(new)[:3]}")

        # read_directory: sequences without a gap, and one StartTime in all files of a connection.
        recorded = archives.read_directory(output)
        compare_all(made, recorded)
        for ended in (first, second, third):
            check_no_losses(ended)
        archives.check(third.number("records") == 0, "the third run wrote records")

        active = {one.receiver_cookie for one in made if one.active}
        files = sorted(len(connection.archives) for connection in recorded.values())
        print(f"files per connection {files[0]}..{files[-1]}")
        for cookie, connection in recorded.items():
            runs = [archive.run for archive in connection.archives]
            archives.check(len(set(runs)) == 2 and runs == sorted(runs, key=runs.index),
                           f"{connection.uuid}: runs {runs}")
            archives.check(runs.count(runs[0]) == 1, f"{connection.uuid}: first run, two files")
            archives.check(connection.last().from_event, f"{connection.uuid}: no destroy event")
            first_time = connection.records()[0].time
            archives.check(abs(connection.archives[0].start - first_time) < 2_000_000_000,
                           f"{connection.uuid}: StartTime is not the time it was first seen")
            if cookie in active:
                # 3.5 s of changes with a rotation each second.
                archives.check(4 <= len(runs) <= 9, f"{connection.uuid}: {len(runs)} files")
            else:
                # Seen again, and its end: the quiet time between made no file.
                archives.check(2 <= len(runs) <= 3, f"{connection.uuid}: quiet, {len(runs)} files")


run_test(main)
