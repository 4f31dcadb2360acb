# SPDX-License-Identifier: Apache-2.0
"""As many short connections a second as the machine makes, beside the collector on the same
processors: whether every one is recorded, and in how much memory."""
from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from collector import EXACT_CLOSINGS, Collector, Traffic, read_truth
from netns import Pair
from loads import recording

# Each thread has ports of its own to connect to, so that there are addresses enough while
# connections are in TIME_WAIT: threads * 2 families * 64,000 ports.
THREADS = 12
PORTS = "1024 65535"


def flood(build: Path, folder: Path, count: int, seconds: int) -> str:
    """A table of what was made, recorded and used. Ends after so many connections or seconds."""
    truth, output = folder / "truth", folder / "out"
    with Pair() as pair:
        for one in (pair.sender, pair.receiver):
            one.sysctl("net.ipv4.ip_local_port_range", PORTS)
        with Collector(str(build / "tools/tcpinfo-collect"), output, pair.receiver, "--layout",
                       "segments", "--sampling", "events") as collector:
            begun = time.monotonic()
            with Traffic(str(build / "test/live/traffic"), "short", pair, truth, "--class",
                         f"flood:100:{count}:{THREADS}:4", "--max-seconds", str(seconds),
                         "--closings", EXACT_CLOSINGS) as traffic:
                assert traffic.child.stdout is not None
                for line in traffic.child.stdout:
                    print("traffic " + line.strip())
                traffic.child.wait()
            took = time.monotonic() - begun
            time.sleep(5)
            cpu_s, peak_mb = collector.processor_seconds(), collector.peak_memory_mb()
            ended = collector.stop()
    made = {one.receiver_cookie: one for one in read_truth(truth)}
    packed = recording(output, 0, ended)
    told = subprocess.run([build / "tools/tcpinfo-dump", "ls", "--json", output],
                          capture_output=True, text=True, check=True)
    found = set()
    wrong = 0
    for row in map(json.loads, told.stdout.splitlines()):
        cookie = int(row["uuid"][-16:], 16)
        found.add(cookie)
        one = made.get(cookie)
        # The kernel counts a FIN as a byte, and ls does not.
        if one is not None and row["received_bytes"] not in {one.bytes, *one.expect_received}:
            wrong += 1
    rate = max(len(made), 1) / took
    rows = {"connections made": f"{len(made):,}", "a second": f"{rate:,.0f}",
            "of them not recorded": f"{len(made.keys() - found):,}",
            "with another number of bytes received": f"{wrong:,}",
            "recorded and not made": f"{len(found - made.keys()):,}",
            "losses that the collector tells": ended.summary["losses"],
            "peak memory of the collector, MB": f"{peak_mb:.0f}",
            "its CPU, µs a connection": f"{cpu_s * 1e6 / max(len(made), 1):.1f}",
            "bytes a connection, on disk": f"{packed.disk_bytes / max(len(made), 1):.0f}"}
    print("summary: " + ended.told())
    return ("| short connections by events | |\n| --- | --- |\n"
            + "".join(f"| {what} | {value} |\n" for what, value in rows.items()))
