# SPDX-License-Identifier: Apache-2.0
"""A service manager as far as sd_notify(3) goes."""

from __future__ import annotations

import re
import socket
import sys
import time
from dataclasses import dataclass

from archives import check
from netns import Namespace

PATIENCE_S = 20
WATCHDOG_USEC = 1_000_000
STATUS = re.compile(r"(?P<sockets>\d+) sockets"
                    r"(?:, a look every (?P<interval>[\d.]+) ms \((?P<asked>\w+) asked for\))?"
                    r", missed ticks (?P<missed>\d+), losses (?P<losses>\d+)")


@dataclass
class Message:
    at: float  # monotonic seconds
    sender: int  # process
    fields: dict[str, str]


class Manager:
    """NOTIFY_SOCKET, with what systemd looks at: the credentials of who sends."""

    def __init__(self, name: str, where: Namespace) -> None:
        self.name = name
        # Abstract names belong to a network namespace.
        self._socket = where.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def environment(self, watchdog: bool = False) -> dict[str, str]:
        found = {"NOTIFY_SOCKET": self.name}
        if watchdog:
            found["WATCHDOG_USEC"] = str(WATCHDOG_USEC)
        return found

    def next(self, patience: float) -> Message | None:
        self._socket.settimeout(max(patience, 0.001))
        try:
            data, control, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
        except TimeoutError:
            return None
        sender = int.from_bytes(control[0][2][:4], sys.byteorder)
        lines = data.decode().split("\n")
        check(all("=" in line for line in lines), f"no assignment in {lines}")
        return Message(time.monotonic(), sender, dict(line.split("=", 1) for line in lines))

    def during(self, seconds: float) -> list[Message]:
        end = time.monotonic() + seconds
        found = []
        while (left := end - time.monotonic()) > 0:
            if (message := self.next(left)) is not None:
                found.append(message)
        return found

    def until(self, key: str, value: str | None = None) -> Message:
        end = time.monotonic() + PATIENCE_S
        while (message := self.next(end - time.monotonic())) is not None:
            if key in message.fields and value in (None, message.fields[key]):
                return message
        check(False, f"no {key}={value or ''} within {PATIENCE_S} s")
        raise AssertionError

    def forget(self) -> None:
        while self.next(0.001) is not None:
            pass


def status_of(message: Message) -> re.Match[str]:
    match = STATUS.fullmatch(message.fields["STATUS"])
    check(match is not None, f"status is {message.fields['STATUS']!r}")
    assert match is not None
    return match
