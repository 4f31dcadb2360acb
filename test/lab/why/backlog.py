# SPDX-License-Identifier: Apache-2.0
"""How long the queue of a device's root qdisc is, as its kernel says again and again."""

from __future__ import annotations

import struct
import threading
import time

import netlink

GET_QDISC, NEW_QDISC = 38, 36
ROOT = 0xffffffff
TCA_STATS2, TCA_STATS_QUEUE = 7, 3
MESSAGE = struct.Struct("=BxxxiIII")  # family, interface, handle, parent, info
EVERY = 0.02


def root_backlog(messages, interface: int) -> int | None:  # noqa: ANN001 (bodies of messages)
    """Bytes that wait in that interface's root qdisc."""
    for body in messages:
        _, which, _, parent, _ = MESSAGE.unpack_from(body)
        if which != interface or parent != ROOT:
            continue
        stats = netlink.attributes(netlink.attributes(body[MESSAGE.size:]).get(TCA_STATS2, b""))
        if TCA_STATS_QUEUE in stats:
            return struct.unpack_from("=II", stats[TCA_STATS_QUEUE])[1]
    return None


class Backlog:
    """A context manager: looks at the queue until it ends. To be made inside the namespace."""

    def __init__(self, interface: int, bits: float) -> None:
        self._interface, self._bits = interface, bits
        self._netlink = netlink.Netlink(0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._bytes: list[int] = []
        self._began = 0.0
        self.times: list[tuple[float, int]] = []  # since the first byte: how many bytes waited

    def begin(self, now: float) -> None:
        """The first byte is sent at this time.monotonic()."""
        self._began = now

    def __enter__(self) -> Backlog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._netlink.close()

    def queue_us(self) -> int | None:
        """The 95th percentile, in time at the rate of the link."""
        if not self._bytes:
            return None
        return int(sorted(self._bytes)[(len(self._bytes) - 1) * 95 // 100] * 8e6 / self._bits)

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            waiting = root_backlog(
                self._netlink.dump(GET_QDISC, MESSAGE.pack(0, self._interface, 0, 0, 0)),
                self._interface)
            if waiting is not None and self._began:
                self.times.append((time.monotonic() - self._began, waiting))
            # What it is before there is a packet, and behind the last, is no queue of the flow's.
            if waiting is not None and (waiting or self._bytes):
                self._bytes.append(waiting)
