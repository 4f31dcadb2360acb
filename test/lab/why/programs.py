# SPDX-License-Identifier: Apache-2.0
"""The two programs of a flow, and those that share its path."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

from flows import Flow, Outcome, Slow
from place import RECEIVER, Place
from watch import Watch, drops_of

from netns import cookie_of  # place has set its path

SO_MAX_PACING_RATE = 47
TCP_NOTSENT_LOWAT = 25
PIECE = 16384
# The kernel is to have more to send while this program waits for a processor. But into a small
# send buffer it would let 64 KB of it at a time.
LARGE = 1 << 18
ROOM = 4 << 20  # bytes of a receive buffer in which everything here has room


def _limit(sock: socket.socket, seconds: float) -> None:
    span = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, which, span)


class Slowness:
    """When a program is slow, and how; and when it truly was."""

    def __init__(self, spans: tuple[Slow, ...], seed: str) -> None:
        self._spans = spans
        self._draw = random.Random(seed)
        self.was: list[list[float]] = []  # of each span that came about: from, to

    def at(self, since: float) -> Slow | None:
        slow = next((one for one in self._spans if one.begin <= since < one.end), None)
        if slow is None:
            return None
        while len(self.was) <= self._spans.index(slow):
            self.was.append([since, since])
        if not slow.vary:
            return slow
        return Slow(slow.begin, slow.end, max(1, int(slow.piece * self._some())),
                    slow.pause * self._some())

    def _some(self) -> float:
        """A factor whose mean is about one."""
        return min(5.0, max(0.1, self._draw.expovariate(1)))

    def note(self, since: float) -> None:
        """It has been slow until now."""
        self.was[-1][1] = since


class Ends:
    """`tools` are told when the first byte is sent."""

    def __init__(self, place: Place, flow: Flow, seed: int, tools: list) -> None:
        self._place, self._flow, self._tools = place, flow, tools
        self.began = 0.0  # monotonic, of the first byte
        self._accepted = threading.Event()
        self._reading: socket.socket | None = None
        self._ended = threading.Event()
        self._sent = 0
        self._written = self._paced = 0.0
        self._draw = random.Random(f"pacing {seed}")
        self._writer = Slowness(flow.writer, f"writer {seed}")
        self._reader = Slowness(flow.reader, f"reader {seed}")

    def _since(self) -> float:
        return time.monotonic() - self.began

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
            thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
            thread.start()
            begin = time.monotonic()
            sender.connect(listener.getsockname())
            # It writes at once: the other end takes the connection half a round trip later.
            began = time.time()
            self.began = time.monotonic()
            for tool in self._tools:
                tool.begin(self.began)
            watch = Watch(sender, flow.cc, self.began)
            with watch if flow.watched else contextlib.nullcontext():
                done = self._send(sender)
                lasted = time.monotonic() - begin
            self._ended.set()
            if not self._accepted.wait(flow.deadline):
                raise TimeoutError("nobody took the connection")
            assert self._reading is not None
            stack.callback(self._reading.close)
            cookies = cookie_of(sender), cookie_of(self._reading)
            drops = drops_of(self._reading)
            if done:
                time.sleep(flow.linger)
            else:
                # Nothing of it is to reach the next flow of this place.
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sender.close()
            thread.join(flow.deadline)
        return Outcome(lasted if done else None, lasted, began, self._sent, cookies[0], cookies[1],
                       drops, self._written, self._writer.was, self._reader.was, watch.bbr,
                       watch.blocked)

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
            self._written = self._since()
            sock.shutdown(socket.SHUT_WR)
            return sock.recv(1) == b"!"
        except OSError:  # the deadline, mostly
            return False

    def _pause(self) -> None:
        slow = self._writer.at(self._since())
        if slow is not None:
            time.sleep(slow.pause)
            self._writer.note(self._since())

    def _write(self, sock: socket.socket) -> None:
        flow = self._flow
        while True:
            since = self._since()
            if flow.until and since >= flow.until or flow.size and self._sent >= flow.size:
                return
            if since >= flow.deadline:
                raise TimeoutError
            slow = self._writer.at(since)
            piece = PIECE if slow is None else slow.piece
            if flow.size and slow is None and not (flow.sndbuf or flow.most_wmem or
                                                   flow.pacing_varies):
                piece = LARGE
            if flow.size:
                piece = min(piece, flow.size - self._sent)
            self._sent += sock.send(bytes(piece))
            self._vary_pacing(sock, since)
            if slow is not None:
                time.sleep(slow.pause)
                self._writer.note(self._since())

    def _vary_pacing(self, sock: socket.socket, since: float) -> None:
        if self._flow.pacing and self._flow.pacing_varies and since >= self._paced + 0.5:
            self._paced = since
            cap = int(self._flow.pacing * self._draw.uniform(0.5, 1.5))
            sock.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, cap)

    def _serve(self, listener: socket.socket) -> None:
        try:
            self._reading, _ = listener.accept()
        except OSError:
            return
        _limit(self._reading, self._flow.deadline)
        self._accepted.set()
        self._read(self._reading)

    def _read(self, sock: socket.socket) -> None:
        """Reads to the end, and answers each message, and the end."""
        flow = self._flow
        got = rested = 0
        of_message = sum(flow.messages)
        slow: Slow | None = None
        try:
            while True:
                # A whole piece is drawn once, however many reads it takes.
                if slow is None or not slow.whole or rested == got:
                    slow = self._reader.at(self._since() if self.began else -1)
                block = sock.recv(1 << 18 if slow is None else slow.piece)
                if not block:
                    break
                if of_message:
                    answers = (got + len(block)) // of_message - got // of_message
                    if answers:
                        sock.sendall(b"!" * answers)
                got += len(block)
                if slow is not None and (not slow.whole or got - rested >= slow.piece):
                    rested = got
                    if flow.shrunk:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, flow.shrunk)
                    self._ended.wait(slow.pause)
                    if flow.shrunk:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
                    self._reader.note(self._since())
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
