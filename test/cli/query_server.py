# SPDX-License-Identifier: Apache-2.0
"""A collector's query socket, for tests of who asks: a few lines that say what they are told to."""

from __future__ import annotations

import socket
import threading
from pathlib import Path


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return (f"HTTP/1.1 {status}\r\nContent-Type: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body)


class Server:
    """Answers the first caller that asks something, with these bytes, and keeps what was asked."""

    def __init__(self, path: Path, text: bytes) -> None:
        self.request = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._text = text
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while b"\r\n\r\n" not in self.request:
            caller, _ = self._listener.accept()
            with caller:
                while some := caller.recv(4096):
                    self.request += some
                    if b"\r\n\r\n" in self.request:
                        caller.sendall(self._text)
                        break

    def close(self) -> None:
        self._thread.join(20)
        self._listener.close()
