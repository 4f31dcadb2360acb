# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of a socket itself while the flow lasts: truth about its own state."""

from __future__ import annotations

import socket
import struct
import threading
import time

TCP_CC_INFO = 26
SO_MEMINFO = 55
DROPS = 8  # among SO_MEMINFO's numbers
RWND_LIMITED_AT = 176  # in struct tcp_info
BBR = struct.Struct("=IIIII")  # bandwidth (two halves), lowest RTT, gains of pacing and window
BBR_UNIT, BBR_DRAIN = 256, 88
EVERY = 0.005


def drops_of(sock: socket.socket) -> int:
    numbers = struct.unpack("=9I", sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
    return numbers[DROPS]


def is_bbr_phase(info: bytes) -> bool:
    """Whether BBR drains its queue, or holds four segments to see the lowest round-trip time (then
    alone both gains are 1)."""
    if len(info) < BBR.size:
        return False
    _, _, _, pacing, window = BBR.unpack_from(info)
    return pacing == BBR_DRAIN or pacing == window == BBR_UNIT


class Watch:
    """A context manager: looks at the sender's socket until it ends."""

    def __init__(self, sock: socket.socket, cc: str, began: float) -> None:
        self._sock, self._cc, self._began = sock, cc, began
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.bbr: list[list[float]] = []
        self.blocked: list[float] = []

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        limited, started, before = 0, False, False
        while not self._stop.wait(EVERY):
            try:
                info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
                state = self._sock.getsockopt(socket.IPPROTO_TCP, TCP_CC_INFO, 64)
            except OSError:
                return
            now = time.monotonic() - self._began
            stalled = struct.unpack_from("=Q", info, RWND_LIMITED_AT)[0]
            if stalled > limited:
                self.blocked.append(round(now, 3))
            limited = stalled
            phase = self._cc == "bbr" and is_bbr_phase(state)
            started = started or not phase  # before the first answer its gains say nothing
            if phase and started:
                if before:
                    self.bbr[-1][1] = now
                else:
                    self.bbr.append([now, now])
            before = phase and started
