# SPDX-License-Identifier: Apache-2.0
"""A second SIGINT or SIGTERM ends at once, says what is left, and leaves it to the next start; one
that comes with the first, as timeout(1) sends them, is the same request.

usage: live_second_signal.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archives
from archives import check
from collector import Collector, Traffic, check_losses_by_load_only, leftovers_completed, wait_until
from netns import Pair, run_test

COLLECTOR, TRAFFIC = sys.argv[1:3]
CONNECTIONS = 6_000  # far more than are completed in the 100 ms that are one request
LINE = ("tcpinfo-collect: told to end a second time: ending at once; files that are not complete "
        "stay .part, and the next start completes them")


def files(output: Path, ending: str) -> int:
    return sum(1 for _ in output.rglob(f"*{ending}"))


def test_second(pair: Pair, output: Path, first: int, second: int) -> None:
    with Collector(COLLECTOR, output, pair.receiver, "--flush", "200ms") as collector:
        check(wait_until(lambda: files(output, ".part") == CONNECTIONS, 60),
              f"{files(output, '.part')} files of {CONNECTIONS}")
        collector.child.send_signal(first)
        # As somebody does who has lost patience.
        begun = time.monotonic()
        while collector.child.poll() is None and time.monotonic() < begun + 30:
            time.sleep(0.02)
            collector.child.send_signal(second)
        status = collector.child.wait(30)
        log = collector.log()
    check(status == 1, f"exit status {status}:\n{log}")
    check(LINE in log.splitlines() and "summary" not in log, f"said:\n{log}")
    left = files(output, ".part")
    check(0 < left, "nothing was left to complete: more connections are needed")
    print(f"ended with {left} of {CONNECTIONS} files not complete")


def test_same_request(pair: Pair, output: Path) -> None:
    """Completes what the others left, too."""
    with Collector(COLLECTOR, output, pair.receiver) as collector:
        completed = wait_until(lambda: leftovers_completed(collector.log()), 60)
        check(completed, f"leftovers: {collector.log()}")
        collector.child.send_signal(signal.SIGTERM)
        collector.child.send_signal(signal.SIGTERM)
        ended = collector.wait()
    check_losses_by_load_only(ended)
    check(files(output, ".part") == 0, "files that are not complete")
    output = output.with_name("timeout")
    done = subprocess.run(["timeout", "1", COLLECTOR, "--output", str(output)], check=False,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          preexec_fn=pair.receiver.enter_for_good)
    check("summary: " in done.stderr and LINE not in done.stderr, f"with timeout(1): {done.stderr}")
    check(files(output, ".part") == 0, "with timeout(1): files that are not complete")


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "out"
        with Traffic(TRAFFIC, "hold", pair, Path(temporary) / "truth", "--connections",
                     str(CONNECTIONS), "--active", "0", "--seconds", "600") as traffic:
            traffic.wait_open()
            test_second(pair, output, signal.SIGTERM, signal.SIGTERM)
            test_second(pair, Path(temporary) / "other", signal.SIGINT, signal.SIGTERM)
            test_same_request(pair, output)
            traffic.stop()
            made = {one.receiver_cookie for one in traffic.finish()}
        recorded = archives.read_directory(output)
        check(set(recorded) == made, f"{len(recorded)} connections recorded of {len(made)}")


run_test(main)
