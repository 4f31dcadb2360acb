# SPDX-License-Identifier: Apache-2.0
"""Mixed churn: pools whose server goes away, aborts, resets in the accept queue, half-closes,
MPTCP, failed connects, short and long connections. What the collector tells and writes is what the
generator has made: each connection recorded, told open once and closed once, none lost.

usage: live_churn.py COLLECTOR TRAFFIC TCPINFO_DUMP [SECONDS]

One recording by dumps and one by events, each in namespaces of its own: where both looked at the
same sockets, one would give them the cookies that the other then finds.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import archives
from archives import check
from collector import Collector, Ended, check_losses_by_load_only, check_verified, full, settle
from events import CLOSE, OPEN, Event, Listener
from netns import RECEIVER_V4, SENDER_V4, Pair, run_test

COLLECTOR, DUMP = sys.argv[1], sys.argv[3]
IPPROTO_MPTCP = 262
LIVES_A_SECOND = 30
# Longer than it takes to call a connection detached.
HELD_S = 7.0
PATIENCE = 30

Life = Iterator[float]  # each step says when the next one is due


class Churn:
    """The lives of connections, by one thread. `made` are their ports, the local one first."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.made: Counter[tuple[int, int]] = Counter()
        self.kinds: Counter[str] = Counter()
        self._roll = random.Random(seed)
        self._steps: list[tuple[float, int, Life]] = []
        self._number = itertools.count()
        self._gone = itertools.count()
        self._server = self._listen(SENDER_V4)
        self._here = self._listen(RECEIVER_V4)
        self._mptcp = self._listen_mptcp()

    def run(self, seconds: float) -> None:
        kinds = self._weights()
        end = time.monotonic() + seconds
        due = time.monotonic()
        while self._steps or time.monotonic() < end:
            now = time.monotonic()
            # Those that are open come first: else, where time is short, more and more of them are.
            if self._steps and self._steps[0][0] <= now:
                self._continue(heapq.heappop(self._steps)[2])
                continue
            if due < end and now >= due:
                due += 1 / LIVES_A_SECOND
                (make,) = self._roll.choices(list(kinds), list(kinds.values()))
                self.kinds[make.__name__] += 1
                self._continue(make())
                continue
            times = [one for one in (due if due < end else None,
                                     self._steps[0][0] if self._steps else None, now + 0.5) if one]
            time.sleep(max(0.0, min(times) - time.monotonic()))

    def _weights(self) -> dict[Callable[[], Life], float]:
        kinds: dict[Callable[[], Life], float] = {
            self.short: 60, self.long: 5, self.abort: 8, self.unread: 4, self.refused: 4,
            self.accept_queue: 5, self.both_shut_down: 6, self.killed: 2, self.pool: 0.6}
        if self._mptcp is not None:
            kinds[self.mptcp] = 4
        return kinds

    def _continue(self, life: Life) -> None:
        wait = next(life, None)
        if wait is not None:
            heapq.heappush(self._steps, (time.monotonic() + wait, next(self._number), life))

    # --- sockets ---

    def _listen(self, address: str, protocol: int = 0) -> socket.socket:
        where = self.pair.receiver if address == RECEIVER_V4 else self.pair.sender
        with where.inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        server.bind((address, 0))
        server.listen(256)
        return server

    def _listen_mptcp(self) -> socket.socket | None:
        try:
            return self._listen(SENDER_V4, IPPROTO_MPTCP)
        except OSError as error:
            print(f"NOTE: no MPTCP here: {error}")
            return None

    def _connect(self, to: socket.socket, protocol: int = 0) -> tuple[socket.socket, socket.socket]:
        with self.pair.receiver.inside():
            near = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        near.settimeout(PATIENCE)
        near.connect(to.getsockname())
        self.made[near.getsockname()[1], near.getpeername()[1]] += 1
        far, _ = to.accept()
        far.settimeout(PATIENCE)
        return near, far

    def _exchange(self, near: socket.socket, far: socket.socket) -> None:
        for one, other in ((near, far), (far, near)):
            size = self._roll.randrange(1, 10_000)
            one.sendall(bytes(size))
            check(len(other.recv(size, socket.MSG_WAITALL)) == size, "an exchange")

    def _hold_s(self) -> float:
        return HELD_S + self._roll.random() * 3

    # --- lives ---

    def short(self) -> Life:
        near, far = self._connect(self._server)
        self._exchange(near, far)
        yield self._roll.random() * 0.05
        ends = [near, far]
        self._roll.shuffle(ends)
        ends[0].close()
        yield self._roll.choice((0.0, 0.02, 1.0))
        ends[1].close()

    def long(self) -> Life:
        near, far = self._connect(self._server)
        for _ in range(self._roll.randrange(5, 30)):
            self._exchange(near, far)
            yield self._roll.random()
        near.close()
        far.close()

    def abort(self) -> Life:
        near, far = self._connect(self._server)
        self._exchange(near, far)
        yield self._roll.random() * 0.1
        here = self._roll.random() < 0.5
        reset(near if here else far)
        yield self._roll.choice((0.0, self._hold_s()))
        (far if here else near).close()

    def unread(self) -> Life:
        near, far = self._connect(self._server)
        far.sendall(b"not read")
        yield 0.05
        near.close()
        far.close()

    def refused(self) -> Life:
        """A connect that fails is recorded, too."""
        with self.pair.receiver.inside():
            near = socket.socket(socket.AF_INET)
        near.bind((RECEIVER_V4, 0))
        nobody = 9  # the port of discard, on which nobody listens
        self.made[near.getsockname()[1], nobody] += 1
        check(near.connect_ex((SENDER_V4, nobody)) != 0, "somebody listens")
        yield self._roll.choice((0.0, self._hold_s()))
        near.close()

    def accept_queue(self) -> Life:
        """Reset while it waits to be accepted."""
        server = self._listen(RECEIVER_V4)
        far = self.pair.sender.socket(socket.AF_INET)
        far.connect(server.getsockname())
        self.made[server.getsockname()[1], far.getsockname()[1]] += 1
        far.sendall(b"x")
        yield 0.05
        reset(far)
        yield self._hold_s()
        server.accept()[0].close()
        server.close()

    def both_shut_down(self) -> Life:
        near, far = self._connect(self._server)
        self._exchange(near, far)
        ends = [near, far]
        self._roll.shuffle(ends)
        for one, other in (ends, ends[::-1]):
            one.shutdown(socket.SHUT_WR)
            check(other.recv(1) == b"", "the end of the stream")
        yield self._hold_s()
        near.close()
        far.close()

    def killed(self) -> Life:
        near, far = self._connect(self._server)
        self._exchange(near, far)
        yield 0.1
        with self.pair.receiver.inside():
            subprocess.run(["ss", "-tK", "sport", "=", str(near.getsockname()[1])], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield self._hold_s()
        near.close()
        far.close()

    def pool(self) -> Life:
        """Kept for later use, with keepalive; then the server's host is not there any more."""
        address = f"10.77.0.{20 + next(self._gone) % 200}"
        self.pair.add_address(self.pair.sender, address + "/24")
        with self.pair.sender.inside():
            server = socket.socket(socket.AF_INET)
        server.bind((address, 0))
        server.listen(64)
        ends = [self._connect(server) for _ in range(self._roll.randrange(2, 10))]
        for near, far in ends:
            self._exchange(near, far)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
                near.setsockopt(socket.IPPROTO_TCP, option, 1)
        yield 0.5
        self.pair.sender.ip("address", "del", address + "/24", "dev", "veth0")
        for near, _ in ends:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Two seconds until it has ended, and then it is held.
        yield 2.5 + self._hold_s()
        for near, far in ends:
            near.close()
            far.close()
        server.close()

    def mptcp(self) -> Life:
        """The first subflow is disconnected when the connection ends, and lives as long as that is
        held."""
        assert self._mptcp is not None
        near, far = self._connect(self._mptcp, IPPROTO_MPTCP)
        self._exchange(near, far)
        far.close()
        check(near.recv(1) == b"", "the end of the stream")
        near.shutdown(socket.SHUT_WR)
        yield self._hold_s()
        near.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def without_cleared(more: Counter[tuple[int, int]],
                    less: Counter[tuple[int, int]]) -> Counter[tuple[int, int]]:
    """An abort here clears the remote port before the kernel tells of the end: where no poll has
    seen the connection, nobody knows it."""
    for local, remote in list(more.elements()):
        partner = next((one for one in less if one[0] == local and less[one]), None)
        if remote == 0 and partner is not None:
            more[local, remote] -= 1
            less[partner] -= 1
    return +more + +less


class Recording:
    def __init__(self, mode: str, scratch: Path, number: int) -> None:
        self.mode = mode
        self.scratch = scratch
        self.pair = Pair(mode[0])
        self.churn: Churn | None = None
        self.seed = number
        self.faults: list[BaseException] = []
        self.ended: Ended | None = None
        self.told: list[Event] = []

    def work(self, seconds: float) -> None:
        try:
            self._record(seconds)
        except BaseException as fault:  # told by the main thread
            self.faults.append(fault)

    def _record(self, seconds: float) -> None:
        events = self.scratch / (self.mode + ".sock")
        with Collector(COLLECTOR, self.scratch / self.mode, self.pair.receiver, "--sampling",
                       self.mode, "--eventsocket", str(events)) as collector:
            listener = Listener(events)
            self.churn = Churn(self.pair, self.seed)
            self.churn.run(seconds)
            settle(2)
            self.ended = collector.stop()
            self.told = listener.finish()

    def judge(self) -> None:
        for fault in self.faults:
            raise fault
        assert self.churn is not None and self.ended is not None
        made = self.churn.made
        number = sum(made.values())
        print(f"{self.mode}: {number} connections made: {dict(self.churn.kinds)}")
        print(f"{self.mode}: ", end="")
        check_losses_by_load_only(self.ended)
        recorded = archives.read_directory(self.scratch / self.mode)
        ports = Counter((one.local_port, one.remote_port) for one in
                        (connection.records()[0] for connection in recorded.values()))
        wrong = without_cleared(ports - made, made - ports)
        check(not wrong, f"{self.mode}: recorded twice or not at all: {list(wrong.items())[:5]}")
        check(self.ended.number("connections") == number,
              f"{self.mode}: connections={self.ended.summary['connections']} of {number}")
        for kind, what in ((OPEN, "opens"), (CLOSE, "closes")):
            times = Counter(one.uuid for one in self.told if one.kind == kind)
            check(len(times) == number and set(times.values()) <= {1},
                  f"{self.mode}: {sum(times.values())} {what} of {len(times)} connections told, "
                  f"{number} were made")
        check(self.ended.number("losses") == 0, f"{self.mode}: losses")
        check_verified(DUMP, self.scratch / self.mode)


def main() -> None:
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 600.0 if full() else 10.0
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recordings = [Recording(mode, scratch, n) for n, mode in enumerate(("dump", "events"))]
        for one in recordings:
            stack.enter_context(one.pair)
        threads = [threading.Thread(target=one.work, args=(seconds,)) for one in recordings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in recordings:
            if any("cannot sample by events" in str(fault) for fault in one.faults):
                print(f"NOTE: only by dumps: {one.faults[0]}")
                continue
            one.judge()


run_test(main)
