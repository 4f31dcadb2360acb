# SPDX-License-Identifier: Apache-2.0
"""What this kernel gives, for the table: the length of its tcp_info and how the collector samples.
Judges nothing; prints one JSON object.

usage: facts.py COLLECTOR
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds; the programs for the kernel take some to be checked


def tcp_info_bytes() -> int:
    with socket.socket() as one:
        return len(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1024))


def collector_says(*flags: str) -> tuple[list[str], list[str]]:
    """Its log until it records, and what of BPF the kernel holds then."""
    with tempfile.TemporaryDirectory() as scratch, subprocess.Popen(
            [sys.argv[1], "--output", scratch + "/out", "--verbose", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True) as child:
        lines = []
        deadline = time.monotonic() + PATIENCE
        assert child.stderr is not None
        for line in child.stderr:
            line = line.strip().removeprefix("tcpinfo-collect: ")
            if line.startswith("recording to ") or time.monotonic() > deadline:
                break
            lines.append(line)
        programs = subprocess.run(["bpftool", "prog", "show"], capture_output=True, text=True,
                                  check=False).stdout
        child.terminate()
        child.communicate(timeout=PATIENCE)
    return lines, sorted(set(re.findall(r"  name ((?:on|keep)_\w+)", programs)))


def main() -> None:
    said, programs = collector_says()
    print(json.dumps({"tcp_info": tcp_info_bytes(), "said": said, "programs": programs}))


main()
