# SPDX-License-Identifier: Apache-2.0
"""The event socket of a collector."""
from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from ctypes import byref, sizeof
from dataclasses import dataclass

from ._messages import SocketId
from ._native import (LIB, EventsOptions, EventStruct, Handle, OnFault, exception_of, nanoseconds,
                      opened, text_of)

#: Event.kind: the connection was seen for the first time; it has ended. Newer collectors may tell
#: other numbers.
OPENED, CLOSED = 0, 1
OWNER = ("cgroup", "owner", "pid", "comm", "executable")


@dataclass(frozen=True)
class Event:
    """What a collector told of one connection.

    kind: OPENED, CLOSED, or a newer collector's
    time_ns: when the connection was first or last seen, nanoseconds since 1970
    uuid: as in its archive's name
    id: told of an opening, else None
    cgroup, owner, pid, comm, executable: whose it is, as in Metadata, where the collector is asked
        to tell (--events-owner), else None
    """

    kind: int
    time_ns: int | None
    uuid: str | None
    id: SocketId | None
    cgroup: str | None = None
    owner: str | None = None
    pid: str | None = None
    comm: str | None = None
    executable: str | None = None


class Events(Handle):
    """Follows tcpinfo-collect --eventsocket: an iterator that ends when the collector does.

    A fault of a line is given to `on_fault`, or raised where there is none; next() goes on behind
    it. It does not connect again by itself.
    """

    def __init__(self, path: str | os.PathLike[str], *, nonblocking: bool = False,
                 on_fault: OnFault | None = None) -> None:
        """`nonblocking`: next() raises BlockingIOError where nothing has come."""
        self._name = os.fsdecode(path)
        options = EventsOptions(size=sizeof(EventsOptions), nonblocking=int(nonblocking))
        super().__init__(opened(LIB.events_connect, os.fsencode(path), byref(options),
                                filename=self._name), LIB.events_close)
        self._on_fault = on_fault

    def fileno(self) -> int:
        """Readable when there is something to read. Read until BlockingIOError, then wait."""
        return LIB.events_descriptor(self._alive())

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        said = EventStruct(size=sizeof(EventStruct))
        while True:
            result = LIB.events_next(self._alive(), byref(said))
            if result == 1:
                return Event(said.kind, nanoseconds(said.time), text_of(said.uuid),
                             SocketId._of(said.id) if said.has_id else None,
                             *(text_of(getattr(said, key)) for key in OWNER))
            if result == 0:
                raise StopIteration
            # A handler of a signal ran, and Python's own runs now.
            if result == -errno.EINTR:
                continue
            fault = exception_of(result, self._name)
            if isinstance(fault, OSError) or self._on_fault is None:
                raise fault
            self._on_fault(fault)
