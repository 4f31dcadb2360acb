# SPDX-License-Identifier: Apache-2.0
"""Packets that the kernel hands to this program (NFQUEUE), which lets them go later, or never."""

from __future__ import annotations

import contextlib
import heapq
import multiprocessing
import os
import random
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass

import netlink

SO_RCVBUFFORCE = 33
NUMBER = 5  # of the queue
PACKET, VERDICT, CONFIG = (3 << 8 | which for which in range(3))
PACKET_HEADER, VERDICT_HEADER = 1, 2
CONFIG_COMMAND, CONFIG_PARAMS, CONFIG_LENGTH = 1, 2, 3
BIND, COPY_META = 1, 1
DROP, ACCEPT = 0, 1
GENERAL = struct.pack(">BBH", 0, 0, NUMBER)


@dataclass(frozen=True)
class Hold:
    """From `begin` to `end`, in seconds since the flow's first byte, packets wait so long; at
    other times they go on at once."""

    begin: float = 0
    end: float = 1e9
    delay: float = 0
    jitter: float = 0  # up to so much more, and packets stay in order
    in_order: bool = True  # else each waits for itself, and those behind it may overtake
    to_end: bool = False  # all of them wait until `end`
    drop: float = 0  # the share of them that never goes on

    def leaves(self, now: float, draw: random.Random) -> float:
        """All times are since the first byte."""
        if self.to_end:
            return self.end
        return now + self.delay + (draw.uniform(0, self.jitter) if self.jitter else 0)


class Queue:
    """A context manager: the program behind the queue, a process of its own, so that packets leave
    at their time. To be made inside the namespace, while this process has one thread."""

    def __init__(self, holds: tuple[Hold, ...], seed: int) -> None:
        context = multiprocessing.get_context("fork")
        self._began = context.Value("d", 0.0, lock=False)
        self._mine, theirs = context.Pipe()
        program = _Program(holds, seed, self._began, theirs)
        self._process = context.Process(target=program.run, args=(self._mine,), daemon=True)
        self._process.start()
        theirs.close()
        program.close()
        self.late_us = 0  # how late packets left, at worst but for one in a hundred; at the end
        self.counts: dict[str, int] = {}  # empty: it failed, and packets were not let go
        self.dropped: list[float] = []  # when, in seconds since the first byte

    def begin(self, now: float) -> None:
        """The first byte is sent at this time.monotonic(): times of holds count from there."""
        self._began.value = now

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._mine.send("end")
            self.late_us, self.counts, self.dropped = self._mine.recv()
        self._mine.close()
        self._process.join()


class _Program:
    def __init__(self, holds: tuple[Hold, ...], seed: int, began, pipe) -> None:  # noqa: ANN001
        self._holds, self._began, self._pipe = holds, began, pipe
        self._draw = random.Random(seed)
        self._netlink = netlink.Netlink(netlink.NETFILTER)
        self._netlink.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self._config(CONFIG_COMMAND, struct.pack(">BxH", BIND, 0))
        self._config(CONFIG_PARAMS, struct.pack(">IB", 0, COPY_META))
        self._config(CONFIG_LENGTH, struct.pack(">I", 20000))
        self._waiting: list[tuple[float, int, int]] = []  # when it leaves, order, the kernel's name
        self._order = 0
        self._last = -1.0
        self._late: list[float] = []
        self._dropped: list[float] = []
        self._counts = {"passed": 0, "held": 0, "dropped": 0}

    def close(self) -> None:
        self._netlink.close()

    def run(self, not_mine) -> None:  # noqa: ANN001 (the other end of the pipe)
        """Until somebody writes into the pipe, or nobody can."""
        not_mine.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
        while not self._pipe.poll():
            self._work()
        late = sorted(self._late)
        with contextlib.suppress(OSError):
            worst = int(late[(len(late) - 1) * 99 // 100] * 1e6) if late else 0
            self._pipe.send((worst, self._counts, self._dropped))

    def _config(self, kind: int, value: bytes) -> None:
        self._netlink.must(CONFIG, GENERAL + netlink.attribute(kind, value))

    def _say(self, name: int, verdict: int) -> None:
        value = struct.pack(">II", verdict, name)
        self._netlink.send(VERDICT, 0, GENERAL + netlink.attribute(VERDICT_HEADER, value))

    def _work(self) -> None:
        patience = 0.05
        if self._waiting:
            patience = min(patience, max(0.0, self._waiting[0][0] - time.monotonic()))
        if self._netlink.socket in select.select([self._netlink.socket, self._pipe], [], [],
                                                 patience)[0]:
            for kind, data in self._netlink.receive():
                if kind == PACKET:
                    header = netlink.attributes(data[len(GENERAL):])[PACKET_HEADER]
                    self._take(struct.unpack_from(">I", header)[0])
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            leaves, _, name = heapq.heappop(self._waiting)
            self._late.append(now - leaves)
            self._say(name, ACCEPT)

    def _take(self, name: int) -> None:
        began = self._began.value
        since = time.monotonic() - began if began else -1.0
        hold = next((one for one in self._holds if one.begin <= since < one.end), None)
        if hold is not None and self._draw.random() < hold.drop:
            self._counts["dropped"] += 1
            self._dropped.append(since)
            self._say(name, DROP)
            return
        leaves = since if hold is None else hold.leaves(since, self._draw)
        if hold is None or hold.in_order:
            leaves = self._last = max(leaves, self._last)
        if leaves <= since:
            self._counts["passed"] += 1
            self._say(name, ACCEPT)
            return
        self._counts["held"] += 1
        self._order += 1
        heapq.heappush(self._waiting, (leaves + began, self._order, name))
