# SPDX-License-Identifier: Apache-2.0
"""One flow over one path: what both programs do, and how long it took."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from place import DEVICE, RECEIVER, Place  # noqa: E402 (the path is set above)

from netns import cookie_of  # noqa: E402 (place has set its path)

SO_MAX_PACING_RATE = 47
TCP_NOTSENT_LOWAT = 25
PIECE = 16384
# What tools leave in the receiver's namespace, from one flow to the next.
UNDO = (("ip", "link", "del", "ifb0"), ("iptables", "-w", "-F", "INPUT"),
        ("nft", "delete", "table", "ip", "lab"))
ALWAYS = 1e9


@dataclass(frozen=True)
class Slow:
    """From `begin` to `end`, in seconds since the first byte, a program moves so many bytes, then
    does nothing for `pause` seconds, and so on."""

    begin: float
    end: float
    piece: int
    pause: float


@dataclass(frozen=True)
class Flow:
    """Everything that makes a flow what it is. Times are seconds, sizes bytes."""

    words: tuple[str, ...] = ()  # the relay's
    tools: tuple[tuple[str, ...], ...] = ()  # commands run at the receiver: other tools than it
    size: int = 0  # to send; 0: as much as goes in `until`
    until: float = 0
    messages: tuple[int, ...] = ()  # writes of one message, which is answered; `size` of them all
    cc: str = "cubic"
    ecn: bool = False
    mtu_probing: bool = False
    most_rmem: int = 0  # the cap of the receiver's autotuning
    rcvbuf: int = 0
    sndbuf: int = 0
    nodelay: bool = True
    pacing: int = 0  # bytes a second
    wide: bool = False  # the receiver's window is large from the beginning
    initcwnd: int = 0  # and the receiver's first window
    writer: tuple[Slow, ...] = ()
    reader: tuple[Slow, ...] = ()
    competitors: int = 0  # bulk flows over the same path, which begin `lead` before
    lead: float = 0
    linger: float = 0  # it stays open so long after the answer
    deadline: float = 12


@dataclass
class Outcome:
    """What came of it. `seconds` is None where it did not end before its deadline."""

    seconds: float | None
    lasted: float
    began: float  # time.time() of the first byte
    size: int
    sender: int  # cookies
    receiver: int
    late_us: int  # how late the relay was, at worst but for one packet in a hundred
    queue_us: int | None  # the 95th percentile of what packets with data waited there

    def took(self) -> float:
        return self.seconds if self.seconds is not None else self.lasted


def run(place: Place, flow: Flow, seed: int) -> Outcome:
    place.reset()
    _prepare(place, flow)
    with place.route(list(flow.words), seed, 90) as path:
        _equip(place, flow)
        outcome = _Ends(place, flow).run()
    for command in UNDO if flow.tools else ():
        with place.receiver.inside():
            subprocess.run(command, check=False, capture_output=True)
    late = [way["late_us"]["p99"] for way in path.counters.values() if way["late_us"]]
    outcome.late_us = max(late, default=0)
    queued = path.counters["there"]["queue_delay_us"]
    outcome.queue_us = queued["p95"] if queued else None
    return outcome


def _prepare(place: Place, flow: Flow) -> None:
    if flow.ecn:
        for one in (place.sender, place.receiver):
            one.sysctl("net.ipv4.tcp_ecn", "1")
    if flow.mtu_probing:
        place.sender.sysctl("net.ipv4.tcp_mtu_probing", "1")
    if flow.most_rmem:
        first = min(131072, flow.most_rmem // 3)
        place.receiver.sysctl("net.ipv4.tcp_rmem", f"4096 {first} {flow.most_rmem}")
    if flow.wide or flow.initcwnd:
        place.receiver.sysctl("net.ipv4.tcp_rmem", "4096 8388608 16777216")


def _equip(place: Place, flow: Flow) -> None:
    if flow.wide or flow.initcwnd:
        place.receiver.ip("route", "replace", "10.78.0.0/24", "dev", DEVICE, "initrwnd", "2000")
    if flow.initcwnd:
        place.sender.ip("route", "replace", "10.78.0.0/24", "dev", DEVICE,
                        "initcwnd", str(flow.initcwnd))
    for command in flow.tools:
        with place.receiver.inside():
            subprocess.run(command, check=True, capture_output=True, text=True)


def _limit(sock: socket.socket, seconds: float) -> None:
    span = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, which, span)


def _slow_at(spans: tuple[Slow, ...], since: float) -> Slow | None:
    return next((one for one in spans if one.begin <= since < one.end), None)


class _Ends:
    def __init__(self, place: Place, flow: Flow) -> None:
        self._place, self._flow = place, flow
        self._began = 0.0  # monotonic, of the first byte
        self._ended = threading.Event()
        self._sent = 0

    def run(self) -> Outcome:
        flow = self._flow
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(self._place.receiver.socket(socket.AF_INET))
            if flow.rcvbuf:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, flow.rcvbuf)
            listener.bind((RECEIVER, 0))
            listener.listen()
            _limit(listener, flow.deadline)
            if flow.competitors:
                stack.enter_context(_competitors(self._place, flow, listener))
            sender = stack.enter_context(self._place.sender.socket(socket.AF_INET))
            self._set_up(sender)
            begin = time.monotonic()
            sender.connect(listener.getsockname())
            reader, _ = listener.accept()
            stack.enter_context(reader)
            _limit(reader, flow.deadline)
            cookies = cookie_of(sender), cookie_of(reader)
            thread = threading.Thread(target=self._read, args=(reader,), daemon=True)
            thread.start()
            began = time.time()
            self._began = time.monotonic()
            done = self._send(sender)
            lasted = time.monotonic() - begin
            self._ended.set()
            if done:
                time.sleep(flow.linger)
            else:
                # Nothing of it is to reach the next flow of this place.
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sender.close()
            thread.join(flow.deadline)
        return Outcome(lasted if done else None, lasted, began, self._sent, cookies[0], cookies[1],
                       0, None)

    def _set_up(self, sock: socket.socket) -> None:
        flow = self._flow
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, flow.cc.encode())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(flow.nodelay))
        if flow.sndbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, flow.sndbuf)
        if flow.pacing:
            sock.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, flow.pacing)
        if flow.until:
            # What a stage has written is to be sent in that stage.
            sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, 32768)
        _limit(sock, flow.deadline)

    def _send(self, sock: socket.socket) -> bool:
        flow = self._flow
        try:
            if flow.messages:
                for _ in range(flow.size // sum(flow.messages)):
                    for part in flow.messages:
                        sock.sendall(bytes(part))
                        self._sent += part
                    sock.recv(1)
                    self._pause()
            else:
                self._write(sock)
            sock.shutdown(socket.SHUT_WR)
            return sock.recv(1) == b"!"
        except OSError:  # the deadline, mostly
            return False

    def _pause(self) -> None:
        slow = _slow_at(self._flow.writer, time.monotonic() - self._began)
        if slow is not None:
            time.sleep(slow.pause)

    def _write(self, sock: socket.socket) -> None:
        flow = self._flow
        while True:
            since = time.monotonic() - self._began
            if flow.until and since >= flow.until or flow.size and self._sent >= flow.size:
                return
            if since >= flow.deadline:
                raise TimeoutError
            slow = _slow_at(flow.writer, since)
            piece = PIECE if slow is None else slow.piece
            if flow.size:
                piece = min(piece, flow.size - self._sent)
            self._sent += sock.send(bytes(piece))
            if slow is not None:
                time.sleep(slow.pause)

    def _read(self, sock: socket.socket) -> None:
        """Reads to the end, and answers each message, and the end."""
        flow = self._flow
        got = 0
        of_message = sum(flow.messages)
        try:
            while True:
                since = time.monotonic() - self._began if self._began else -1
                slow = _slow_at(flow.reader, since)
                block = sock.recv(1 << 18 if slow is None else slow.piece)
                if not block:
                    break
                if of_message:
                    answers = (got + len(block)) // of_message - got // of_message
                    if answers:
                        sock.sendall(b"!" * answers)
                got += len(block)
                if slow is not None:
                    self._ended.wait(slow.pause)
            sock.sendall(b"!")
        except OSError:
            return


@contextlib.contextmanager
def _competitors(place: Place, flow: Flow, listener: socket.socket):
    stop = threading.Event()
    threads = []
    socks = []

    def push(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                sock.send(bytes(PIECE))

    def pull(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while sock.recv(1 << 18):
                pass

    for _ in range(flow.competitors):
        sock = place.sender.socket(socket.AF_INET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        _limit(sock, 5)
        sock.connect(listener.getsockname())
        other, _ = listener.accept()
        socks += [sock, other]
        for target, one in ((push, sock), (pull, other)):
            threads.append(threading.Thread(target=target, args=(one,), daemon=True))
            threads[-1].start()
    time.sleep(flow.lead)
    try:
        yield
    finally:
        stop.set()
        for sock in socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(6)
        for sock in socks:
            sock.close()


def without(flow: Flow, **changes: object) -> Flow:
    """The same but for these: a twin."""
    return dataclasses.replace(flow, **changes)
