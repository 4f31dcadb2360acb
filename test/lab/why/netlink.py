# SPDX-License-Identifier: Apache-2.0
"""Messages of netlink: headers, attributes, and a socket that asks and waits."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

REQUEST, ACKNOWLEDGE, DUMP = 1, 4, 0x300
ERROR, DONE = 2, 3
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
NETFILTER = 12  # the family of sockets of libnfnetlink, which the module socket has no name for


def attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """By kind, without the bits that say of which form they are; the last one of a kind."""
    found = {}
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            break
        found[kind & 0x3fff] = data[at + 4:at + size]
        at += size + -size % 4
    return found


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Of what was received at once: type and what is behind the header."""
    at = 0
    while at + HEADER.size <= len(data):
        size, kind, *_ = HEADER.unpack_from(data, at)
        if size < HEADER.size or at + size > len(data):
            break
        yield kind, data[at + HEADER.size:at + size]
        at += size + -size % 4


class Netlink:
    """One socket; to be made inside the namespace whose kernel it asks."""

    def __init__(self, family: int) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
        self.socket.bind((0, 0))

    def close(self) -> None:
        self.socket.close()

    def send(self, kind: int, flags: int, body: bytes) -> None:
        size = HEADER.size + len(body)
        self.socket.send(HEADER.pack(size, kind, REQUEST | flags, 0, 0) + body)

    def receive(self) -> list[tuple[int, bytes]]:
        return list(messages(self.socket.recv(1 << 18)))

    def must(self, kind: int, body: bytes) -> None:
        """Asks for something to be done, and raises OSError where it is not."""
        self.send(kind, ACKNOWLEDGE, body)
        while True:
            for got, data in self.receive():
                if got != ERROR:
                    continue
                error = struct.unpack_from("=i", data)[0]
                if error:
                    raise OSError(-error, os.strerror(-error))
                return

    def dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        self.send(kind, DUMP, body)
        while True:
            for got, data in self.receive():
                if got in (DONE, ERROR):
                    return
                yield data
