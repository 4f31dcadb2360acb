# SPDX-License-Identifier: Apache-2.0
"""When a record is made, and when not: connections that are idle, blocked, or half closed.

usage: live_change_rule.py COLLECTOR
"""

import socket
import sys
import tempfile
import time
from pathlib import Path

import archives
from archives import AGES, GROWING, Record, check
from collector import Collector, check_no_losses, settle
from netns import SENDER_V4, SENDER_V6, Namespace, Pair, cookie_of, run_test

QUIET_SECONDS = 6.0
# Until the last delayed acknowledgement and loss probe of what was sent have gone.
CALM_DOWN = 1.0


def connect(near: Namespace, far: Namespace, family: int, window: int | None = None
            ) -> tuple[socket.socket, socket.socket]:
    """A connection from the collector's namespace to the far one: its two ends."""
    with far.socket(family) as listener:
        if window is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        listener.bind((SENDER_V4 if family == socket.AF_INET else SENDER_V6, 0))
        listener.listen()
        client = near.socket(family)
        client.connect(listener.getsockname()[:2])
        server, _ = listener.accept()
    return client, server


def exchange(one: socket.socket, other: socket.socket, size: int) -> None:
    for sender, receiver in ((one, other), (other, one)):
        sender.sendall(bytes(size))
        left = size
        while left:
            left -= len(receiver.recv(left))


def fill(sender: socket.socket) -> None:
    """Sends until nothing more is taken: the peer's window and the send buffer are full."""
    sender.setblocking(False)
    full_since = None
    while full_since is None or time.monotonic() - full_since < 0.3:
        try:
            sender.send(bytes(65536))
            full_since = None
        except BlockingIOError:
            full_since = full_since or time.monotonic()
            time.sleep(0.01)


def check_all_differ(connection: archives.Connection) -> None:
    records = archives.check_history(connection)
    for before, after in zip(records, records[1:]):
        check(before.essence(AGES) != after.essence(AGES),
              f"{connection.uuid}: polls {before.poll} and {after.poll} differ in ages only")


def only_growth(before: Record, after: Record) -> bool:
    return before.essence(AGES + GROWING) == after.essence(AGES + GROWING)


def check_idle(connection: archives.Connection, begin: int, end: int) -> None:
    records = connection.records()
    idle = [one for one in records if begin + CALM_DOWN * 1e9 <= one.time < end]
    first = sum(one.time < begin + CALM_DOWN * 1e9 for one in records)
    print(f"idle: {first} records at first, {len(idle)} in {QUIET_SECONDS:.0f} s of idling")
    check(first >= 1, f"{connection.uuid}: idle connections must be recorded, too")
    check(not idle, f"{connection.uuid}: {len(idle)} records while nothing happened")


def check_blocked(connection: archives.Connection, begin: int, end: int) -> None:
    """Zero window: rwnd_limited grows all the time. Window probes are events of their own."""
    blocked = [one for one in connection.records() if begin <= one.time < end]
    check(len(blocked) >= 2, f"{connection.uuid}: {len(blocked)} records while blocked")
    growth = []
    for before, after in zip(blocked, blocked[1:]):
        if only_growth(before, after):
            growth.append(after)
            gap = (after.time - before.time) / 1e9
            check(gap >= 0.95, f"{connection.uuid}: mere growth, {gap:.3f} s after a record")
    probes = (blocked[-1].total("segs_out") or 0) - (blocked[0].total("segs_out") or 0)
    limited = ((blocked[-1].total("rwnd_limited") or 0)
               - (blocked[0].total("rwnd_limited") or 0)) / 1e6
    seconds = (end - begin) / 1e9
    print(f"blocked {seconds:.1f} s: {len(blocked)} records, {len(growth)} of mere growth, "
          f"{probes} probes, rwnd_limited grew by {limited:.2f} s")
    # A probe changes counters when it goes and again when its answer comes.
    check(len(blocked) - len(growth) <= 3 * probes + 4, f"{connection.uuid}: too many records")
    check(len(growth) <= seconds + 1, f"{connection.uuid}: too many records of mere growth")
    check(limited >= seconds - 2.5, f"{connection.uuid}: growth not recorded")


def check_half_closed(connection: archives.Connection, sent: int) -> None:
    """Closed here, never there: in FIN_WAIT2 a mini socket without tcp_info until time is up."""
    records = connection.records()
    without = [one for one in records if one.info is None]
    full = [one for one in records if one.info is not None]
    print(f"half closed: {len(records)} records, {len(without)} of the mini socket")
    check(len(without) <= 1, f"{connection.uuid}: {len(without)} records of the mini socket")
    check(len(full) <= 12, f"{connection.uuid}: {len(full)} records")
    check(any(one.from_event for one in records), f"{connection.uuid}: no destroy event")
    # All data, the SYN and the FIN.
    check(full[-1].total("bytes_acked") == sent + 2,
          f"{connection.uuid}: {full[-1].total('bytes_acked')} bytes acknowledged of {sent}")


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        near, far = pair.receiver, pair.sender
        near.sysctl("net.ipv4.tcp_fin_timeout", "3")
        output = Path(scratch) / "out"
        with Collector(sys.argv[1], output, near, "--interval", "10ms") as collector:
            idle = [connect(near, far, family) for family in (socket.AF_INET, socket.AF_INET6)]
            blocked = [connect(near, far, family, window=4096)
                       for family in (socket.AF_INET, socket.AF_INET6)]
            half_closed = [connect(near, far, family)
                           for family in (socket.AF_INET, socket.AF_INET6)]
            cookies = {name: [cookie_of(client) for client, _ in pairs]
                       for name, pairs in (("idle", idle), ("blocked", blocked),
                                           ("half closed", half_closed))}
            for client, server in half_closed:
                exchange(client, server, 1000)
                client.close()
            for client, _ in blocked:
                fill(client)
            for client, server in idle:
                exchange(client, server, 1000)
            begin = time.time_ns()
            time.sleep(CALM_DOWN + QUIET_SECONDS)
            end = time.time_ns()
            for client, server in idle + blocked + half_closed:
                client.close()
                server.close()
            settle()
            ended = collector.stop()
        check_no_losses(ended)
        recorded = archives.read_directory(output)
        check(set(recorded) == {cookie for some in cookies.values() for cookie in some},
              f"recorded {len(recorded)} connections")
        for connection in recorded.values():
            check_all_differ(connection)
        for cookie in cookies["idle"]:
            check_idle(recorded[cookie], begin, end)
        for cookie in cookies["blocked"]:
            check_blocked(recorded[cookie], begin, end)
        for cookie in cookies["half closed"]:
            check_half_closed(recorded[cookie], 1000)


run_test(main)
