# SPDX-License-Identifier: Apache-2.0
"""Follows an event socket, and compares what it told with what was made."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from archives import check, time_ns
from collector import ABORTED_HERE, PREFIX, Truth

OPEN, CLOSE = 0, 1
KEYS = ["Event", "Timestamp", "UUID", "ID"]
OWNER_KEYS = ["Cgroup", "Owner", "Pid", "Comm", "Executable"]
ID_KEYS = ["SPort", "DPort", "SrcIP", "DstIP", "Interface", "Cookie"]


@dataclass
class Event:
    kind: int
    time_ns: int
    uuid: str
    cookie: int
    id: dict[str, object] | None
    owner: dict[str, object]  # keys and values behind the ID


def parse(line: str) -> Event:
    row = json.loads(line)
    check(list(row)[:len(KEYS)] == KEYS, f"keys of an event: {line}")
    owner = {key: row[key] for key in list(row)[len(KEYS):]}
    check(list(owner) == [key for key in OWNER_KEYS if key in owner], f"keys of an owner: {line}")
    check(row["Timestamp"].endswith("Z"), f"not UTC: {line}")
    match = re.fullmatch(re.escape(PREFIX) + "_([0-9A-F]{16})", row["UUID"])
    check(match, f"UUID: {line}")
    assert match
    cookie = int(match[1], 16)
    if row["Event"] == OPEN:
        check(list(row["ID"]) == ID_KEYS, f"keys of an ID: {line}")
        check(row["ID"]["Cookie"] == cookie, f"cookie and UUID differ: {line}")
    else:
        check(row["Event"] == CLOSE and row["ID"] is None, f"no event: {line}")
    return Event(row["Event"], time_ns(row["Timestamp"]), row["UUID"], cookie, row["ID"], owner)


class Listener:
    """Reads all events until the server goes, in a thread. Knows nothing of the library."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._text = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        time.sleep(0.3)  # to be accepted

    def _read(self) -> None:
        while part := self._socket.recv(1 << 16):
            self._text += part

    def lines(self) -> list[str]:
        """Those that came until now."""
        return self._text.decode().split("\n")[:-1]

    def finish(self) -> list[Event]:
        self._thread.join(20)
        check(not self._thread.is_alive(), "the server did not close the connection")
        self._socket.close()
        check(self._text.endswith(b"\n") or not self._text, "the last line is cut")
        return [parse(line) for line in self.lines()]


class Sidecar:
    """The example of the docs."""

    def __init__(self, exe: str, path: Path) -> None:
        self.child = subprocess.Popen([exe, str(path), "--once"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._lines: list[str] = []
        self._complaints = ""
        self._threads = [threading.Thread(target=self._read, daemon=True),
                         threading.Thread(target=self._read_complaints, daemon=True)]
        for thread in self._threads:
            thread.start()
        time.sleep(0.5)  # to connect, and to be accepted

    def _read(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            self._lines.append(line.rstrip("\n"))

    def _read_complaints(self) -> None:
        assert self.child.stderr
        self._complaints = self.child.stderr.read()

    def ends(self) -> int:
        """How many connections it has printed until now."""
        return len(self._lines)

    def finish(self) -> list[str]:
        for thread in self._threads:
            thread.join(20)
            check(not thread.is_alive(), "the sidecar did not end")
        check(self.child.wait(20) == 0, f"the sidecar: {self._complaints}")
        return self._lines

    def kill(self) -> None:
        if self.child.poll() is None:
            self.child.kill()


def compare_id(one: Truth, event: Event) -> None:
    assert event.id is not None
    seen = dict(event.id)
    # Of one that it never polled, and that was aborted here, the kernel has forgotten the port.
    if one.close == ABORTED_HERE and seen["DPort"] == 0:
        seen["DPort"] = one.remote_port
    # IPv4-mapped addresses are told as the IPv4 ones they are.
    made = {"SPort": one.local_port, "DPort": one.remote_port,
            "SrcIP": one.local.removeprefix("::ffff:"),
            "DstIP": one.remote.removeprefix("::ffff:"), "Interface": 0}
    for key, value in made.items():
        check(seen[key] == value, f"{event.uuid}: {key} {value} was told as {seen[key]}")


def compare_events(made: list[Truth], events: list[Event]) -> None:
    """Exactly one open and one close for each connection, in this order, and nothing else."""
    known = {one.receiver_cookie: one for one in made}
    opened: dict[int, Event] = {}
    closed: dict[int, Event] = {}
    for event in events:
        check(event.cookie in known, f"{event.uuid} was never made")
        check(not event.owner, f"{event.uuid}: nobody asked whose it is: {event.owner}")
        if event.kind == OPEN:
            check(event.cookie not in opened, f"{event.uuid} opens twice")
            opened[event.cookie] = event
            compare_id(known[event.cookie], event)
        else:
            check(event.cookie in opened, f"{event.uuid} closes before it opens")
            check(event.cookie not in closed, f"{event.uuid} closes twice")
            check(event.time_ns >= opened[event.cookie].time_ns, f"{event.uuid} closes too early")
            closed[event.cookie] = event
    print(f"{len(made)} connections, {len(opened)} opens, {len(closed)} closes")
    check(len(opened) == len(made), "opens are missing")
    check(len(closed) == len(made), "closes are missing")
