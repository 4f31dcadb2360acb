# SPDX-License-Identifier: Apache-2.0
"""A connection that closes before any dump has seen it is told once, though the kernel shows two
cookies for it: that of its destroy event, and that of the mini socket it leaves behind.

usage: live_told_once.py COLLECTOR TRAFFIC TCPINFO_DUMP

Nobody here asks for a socket's cookie, and no other collector may record this namespace: a socket
that has its cookie before it closes hands it on to its mini socket.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from collections import Counter
from pathlib import Path

import archives
from archives import check
from collector import Collector, check_no_losses, check_verified, settle
from events import CLOSE, OPEN, Listener
from netns import RECEIVER_V4, Pair, run_test

PAIRS = 100


def open_and_close(pair: Pair) -> Counter[tuple[int, int]]:
    """Both ends in one namespace, of which one closes without having sent anything. Returns how
    often each pair of ports was made, local one first."""
    made: Counter[tuple[int, int]] = Counter()
    server = pair.receiver.socket(socket.AF_INET)
    server.bind((RECEIVER_V4, 0))
    server.listen(PAIRS)
    for _ in range(PAIRS):
        client = pair.receiver.socket(socket.AF_INET)
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        client.send(b"x")
        accepted.recv(1)
        made[accepted.getsockname()[1], client.getsockname()[1]] += 1
        made[client.getsockname()[1], accepted.getsockname()[1]] += 1
        # In FIN_WAIT2 a socket that nobody holds becomes a mini socket, which dumps show.
        accepted.close()
        kept.append(client)
    server.close()
    return made


kept: list[socket.socket] = []


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        output = scratch / "out"
        with Collector(sys.argv[1], output, pair.receiver, "--sampling", "dump", "--eventsocket",
                       str(scratch / "events")) as collector:
            listener = Listener(scratch / "events")
            made = open_and_close(pair)
            settle()
            for client in kept:
                client.close()
            settle()
            ended = collector.stop()
            told = listener.finish()
        check_no_losses(ended)
        recorded = archives.read_directory(output)
        check(len(made) == 2 * PAIRS, "a pair of ports came twice")
        print(f"{len(made)} ends made, {len(recorded)} recorded, "
              f"{sum(one.kind == OPEN for one in told)} opens and "
              f"{sum(one.kind == CLOSE for one in told)} closes told")
        ports = Counter((record.local_port, record.remote_port)
                        for record in (one.records()[0] for one in recorded.values()))
        wrong = sum(((ports - made) + (made - ports)).values())
        check(ports == made, f"{wrong} ends recorded twice or not at all")
        check(ended.number("connections") == len(made), "summary: connections")
        for kind in (OPEN, CLOSE):
            uuids = Counter(one.uuid for one in told if one.kind == kind)
            check(uuids == Counter(one.uuid for one in recorded.values()),
                  f"events of kind {kind}: {sum(uuids.values())} of {len(recorded)}")
        check_verified(sys.argv[3], output)


run_test(main)
