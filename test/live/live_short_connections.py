# SPDX-License-Identifier: Apache-2.0
"""No connection is missed, however short, and each one's last record has its final counters.

usage: live_short_connections.py COLLECTOR TRAFFIC
"""

import sys
import tempfile
from pathlib import Path

import archives
from collector import Collector, Traffic, check_no_losses, compare_all, sanitized, settle
from netns import Pair, run_test

# Name, lifetime in µs, count, threads, connections open at a time in each thread.
CLASSES = ("100us:100:1000:4:1", "5ms:5000:1000:1:16", "50ms:50000:300:1:16")


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        flags = [word for one in CLASSES for word in ("--class", one)]
        with Collector(sys.argv[1], output, pair.receiver) as collector:
            with Traffic(sys.argv[2], "short", pair, Path(scratch) / "truth", *flags) as traffic:
                made = traffic.finish()
            settle()
            ended = collector.stop()
        archives.check(len(made) == 2300, f"{len(made)} connections made")

        recorded = archives.read_directory(output)
        records = compare_all(made, recorded)
        check_no_losses(ended)
        archives.check(ended.number("connections") == len(made), "summary: connections")
        archives.check(ended.number("records") == records, "summary: records")
        archives.check(ended.number("files") == len(archives.finished_files(output)),
                       "summary: files")

        # Of the longest ones there is more than their end. (Not of every last one: on a busy
        # machine a poll may be late by as much as they last.)
        by_cookie = {one.receiver_cookie: one for one in made}
        polled = sum(any(record.poll is not None for record in connection.records())
                     for cookie, connection in recorded.items()
                     if by_cookie[cookie].group == "50ms")
        print(f"seen by a poll: {polled} of the 300 that lasted 50 ms")
        if sanitized():
            print("that is not judged: this build has sanitizers, which make it slow")
        else:
            archives.check(polled >= 150, "the polls saw too few of them")


run_test(main)
