# SPDX-License-Identifier: Apache-2.0
"""A record and an event have the time at which their datagram was read, not that of their poll's
start, which is long before it where many sockets are dumped; in a time namespace, too.

usage: live_times.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import archives
from archives import STEP_NS, Connection, check
from collector import Collector, Traffic, check_losses_by_load_only, settle
from events import CLOSE, OPEN, Event, Listener
from netns import SENDER_V4, Pair, cookie_of, run_test

HELD = 2000
CONNECTIONS = 100
CLONE_NEWTIME = 0x80
AHEAD_S = 1_000_000


@dataclass
class Made:
    """Since 1970: before it was opened, before it was closed."""

    opened_ns: int
    closed_ns: int = 0


def in_time_namespace() -> None:
    """For a child between fork and exec, which is in it from then on (Linux 6.3)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWTIME) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with open("/proc/self/timens_offsets", "w", encoding="ascii") as out:
        out.write(f"monotonic {AHEAD_S} 0\nboottime {AHEAD_S} 0\n")


def make(pair: Pair) -> dict[int, Made]:
    server = pair.sender.socket(socket.AF_INET)
    server.bind((SENDER_V4, 0))
    server.listen(64)
    made = {}
    for _ in range(CONNECTIONS):
        near = pair.receiver.socket(socket.AF_INET)
        one = Made(time.time_ns())
        near.connect(server.getsockname())
        far, _ = server.accept()
        far.sendall(b"x" * 100)
        near.recv(100, socket.MSG_WAITALL)
        made[cookie_of(near)] = one
        time.sleep(0.02)  # to be seen by a poll
        far.close()
        one.closed_ns = time.time_ns()
        near.close()
    server.close()
    return made


def check_times(name: str, made: dict[int, Made], recorded: dict[int, Connection],
                told: list[Event]) -> None:
    opens = {one.cookie: one.time_ns for one in told if one.kind == OPEN}
    closes = {one.cookie: one.time_ns for one in told if one.kind == CLOSE}
    polled = rounded = 0
    for cookie, one in made.items():
        records = recorded[cookie].records()
        first, final = records[0], records[-1]
        where = f"{name}: {cookie:016X}"
        check(final.from_event, f"{where}: no final record")
        older_ns = one.closed_ns - final.time
        check(older_ns <= 0,
              f"{where}: its final record is {older_ns / 1e6:.3f} ms older than the close")
        check(final.time == closes[cookie], f"{where}: close and final record")
        early_ns = one.opened_ns - opens[cookie]
        check(early_ns <= 0, f"{where}: told open {early_ns / 1e6:.3f} ms before it was made")
        check(opens[cookie] < first.time + STEP_NS, f"{where}: open and first record")
        # An event tells of an opening when it happens, a poll perhaps when it is all over.
        check(name == "dump" or opens[cookie] <= one.closed_ns,
              f"{where}: told open {(opens[cookie] - one.closed_ns) / 1e9:.3f} s after its close")
        for record in records[:-1]:
            polled += 1
            rounded += record.time % STEP_NS == 0
            check(record.time % STEP_NS == 0 or record.time == opens[cookie],
                  f"{where}: a record at {record.time} ns")
    exact = sum(recorded[cookie].last().time % STEP_NS != 0 for cookie in made)
    print(f"{name}: {polled} records, {rounded} of them in steps; {exact} of {len(made)} final "
          "records to the nanosecond")
    check(exact > len(made) // 2, f"{name}: final records are rounded")


def main() -> None:
    with (Pair() as pair, tempfile.TemporaryDirectory() as directory,
          contextlib.ExitStack() as stack):
        scratch = Path(directory)
        running = []

        def start(name: str, mode: str, confine: Callable[[], None] | None = None) -> None:
            try:
                collector = stack.enter_context(Collector(
                    sys.argv[1], scratch / name, pair.receiver, "--sampling", mode,
                    "--eventsocket", str(scratch / (name + ".sock")), confine=confine))
            except archives.Malformed as reason:
                if "cannot sample by events" not in str(reason):
                    raise
                print(f"NOTE: without {name}: {reason}")
                return
            running.append((name, collector, Listener(scratch / (name + ".sock"))))

        start("dump", "dump")
        start("events", "events")
        if os.path.exists("/proc/self/timens_offsets"):
            start("time namespace", "events", in_time_namespace)
            pid = running[-1][1].child.pid
            if os.readlink(f"/proc/{pid}/ns/time") == os.readlink("/proc/self/ns/time"):
                print("NOTE: exec does not enter a time namespace here")
        with Traffic(sys.argv[2], "hold", pair, scratch / "truth", "--connections", str(HELD),
                     "--active", "0", "--seconds", "60") as traffic:
            traffic.wait_open()
            made = make(pair)
            traffic.stop()
            traffic.finish()
        settle()
        for name, collector, listener in running:
            ended = collector.stop()
            check_losses_by_load_only(ended)
            check_times(name, made, archives.read_directory(scratch / name), listener.finish())


run_test(main)
