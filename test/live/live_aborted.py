# SPDX-License-Identifier: Apache-2.0
"""A poll that meets a socket in the middle of its own side's reset sees it without its counters:
that is no history, and no connection of its own.

usage: live_aborted.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import archives
from archives import check
from collector import Collector, Traffic, check_no_losses, check_verified, compare_all, settle
from netns import Pair, run_test

# About one of 2,000 is met by a poll every 10 ms; here a poll follows the other.
CONNECTIONS = 6000


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        output = scratch / "out"
        with Collector(sys.argv[1], output, pair.receiver, "--interval", "1ms") as collector:
            with Traffic(sys.argv[2], "short", pair, scratch / "truth", "--closings",
                         "receiver_rst", "--class", f"12ms:12000:{CONNECTIONS}:1:8") as traffic:
                made = traffic.finish()
            settle()
            ended = collector.stop()
        check_no_losses(ended)
        recorded = archives.read_directory(output)
        compare_all(made, recorded)
        check_verified(sys.argv[3], output)
        several = [one.uuid for one in recorded.values() if len(one.archives) > 1]
        check(not several, f"connections in more than one file: {several[:3]}")


run_test(main)
