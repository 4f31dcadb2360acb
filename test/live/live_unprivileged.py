# SPDX-License-Identifier: Apache-2.0
"""The user nobody, without any capability, records as completely as root does.

usage: live_unprivileged.py COLLECTOR TRAFFIC
"""

import os
import sys
import tempfile
from pathlib import Path

import archives
from collector import (Collector, Traffic, check_no_losses, check_runnable, compare_all,
                       give_to_nobody, settle)
from netns import Pair, run_test

MARK = 15  # the attribute only CAP_NET_ADMIN gets to see


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        check_runnable(sys.argv[1])
        os.chmod(scratch, 0o755)
        output = Path(scratch) / "out"
        output.mkdir()
        give_to_nobody(output)
        with Collector(sys.argv[1], output, pair.receiver, nobody=True) as collector:
            with open(f"/proc/{collector.child.pid}/status", encoding="ascii") as status:
                rights = [line.split()[1] for line in status if line.startswith("CapEff:")]
            archives.check(rights == ["0" * 16], f"the collector has capabilities: {rights}")
            with Traffic(sys.argv[2], "short", pair, Path(scratch) / "truth",
                         "--class", "100us:100:100:2:1", "--class", "5ms:5000:60:1:8",
                         "--class", "50ms:50000:40:1:8") as traffic:
                made = traffic.finish()
            settle()
            ended = collector.stop()
        recorded = archives.read_directory(output)
        compare_all(made, recorded)
        check_no_losses(ended)
        marks = sum(record.attribute(MARK) is not None
                    for connection in recorded.values() for record in connection.records())
        archives.check(marks == 0, f"{marks} records with MARK: it had privileges after all")


run_test(main)
