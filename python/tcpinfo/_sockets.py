# SPDX-License-Identifier: Apache-2.0
"""Dumps, queries, and sockets that end."""
from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import os
import select
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_uint16, sizeof
from typing import Union

from ._messages import Message, SocketId, address_struct, kernel_layout
from ._native import (LIB, DumpOptions, Handle, ListenerOptions, MessageStruct, Prefix,
                      SocketIdStruct, SocketOptions, checked, opened)

#: Numbers of the TCP states by the kernel's names.
STATES = {LIB.state_name(number).decode("ascii"): number for number in range(1, 14)
          if LIB.state_name(number)}


class _States(frozenset):  # type: ignore[type-arg]
    """Numbers of states, with a name to be shown by, as in the help of what has it as a default."""

    name = "frozenset()"

    def __repr__(self) -> str:
        return self.name


def _named(name: str, numbers: Iterable[int]) -> frozenset[int]:
    states = _States(numbers)
    states.name = name
    return states


#: Every state that a connection may be in, as Socket.dump() takes them.
CONNECTIONS = _named("tcpinfo.CONNECTIONS", (number for number in range(1, 13) if number != 10))
#: Every state of a socket.
ALL_STATES = _named("tcpinfo.ALL_STATES", range(1, 14))
_EXTENSIONS = 0xff
Netns = Union[None, int, str, "os.PathLike[str]"]
Network = Union[str, ipaddress.IPv4Network, ipaddress.IPv6Network]


@contextmanager
def _netns_descriptor(netns: Netns) -> Iterator[int]:
    """-1 for the caller's own namespace; not 0, which means that to the library, too."""
    made = []
    try:
        if netns is None:
            descriptor = -1
        elif isinstance(netns, int):
            descriptor = netns
        else:
            descriptor = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
            made.append(descriptor)
        if descriptor == 0:
            descriptor = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 1)
            made.append(descriptor)
        yield descriptor
    finally:
        for one in made:
            os.close(one)


def _path_of(netns: Netns) -> str | int | None:
    """What an OSError about it names."""
    return netns if netns is None or isinstance(netns, int) else os.fspath(netns)


def _state_bits(states: Iterable[int | str]) -> int:
    bits = 0
    for one in states:
        bits |= 1 << (STATES[one] if isinstance(one, str) else one)
    return bits


def _prefixes(networks: Iterable[Network]) -> ctypes.Array[Prefix]:
    parsed = [ipaddress.ip_network(one) for one in networks]
    return (Prefix * len(parsed))(*(Prefix(address_struct(one.network_address), one.prefixlen)
                                    for one in parsed))


def socket_id(descriptor: int) -> SocketId:
    """What a connected TCP socket of this process is known by: socket_id(sock.fileno())."""
    said = SocketIdStruct()
    checked(LIB.socket_id_of(descriptor, byref(said)))
    return SocketId._of(said)


class Socket(Handle):
    """A netlink socket for dumps and queries. It needs no privilege."""

    def __init__(self, netns: Netns = None) -> None:
        """`netns`: a network namespace, as a descriptor or a path; None: the caller's."""
        with _netns_descriptor(netns) as descriptor:
            options = SocketOptions(size=sizeof(SocketOptions), netns=descriptor)
            super().__init__(opened(LIB.socket_open, byref(options), filename=_path_of(netns)),
                             LIB.socket_close)
        self._dumps = 0

    def dump(self, states: Iterable[int | str] = CONNECTIONS, *, family: int = 0,
             exclude_sports: Iterable[int] = (), exclude_src: Iterable[Network] = (),
             exclude_dst: Iterable[Network] = ()) -> Iterator[Message]:
        """The sockets in these states (numbers, or the kernel's names); unless told otherwise in
        all that a connection may be in: not LISTEN, and none that is only bound (CONNECTIONS).

        `family` is socket.AF_INET or AF_INET6, 0 both; what is excluded the kernel leaves out. The
        dump is done when this returns; a fault of it is raised after the messages before it.
        Another dump of the same Socket ends the iterator of the one before.
        """
        ports = list(exclude_sports)
        sports = (c_uint16 * len(ports))(*ports)
        src, dst = _prefixes(exclude_src), _prefixes(exclude_dst)
        options = DumpOptions(sizeof(DumpOptions), _state_bits(states), _EXTENSIONS, family, 0,
                              sports, len(sports), src, len(src), dst, len(dst))
        checked(LIB.socket_collect(self._alive(), byref(options)))
        self._dumps += 1
        return self._messages(self._dumps)

    def _messages(self, dump: int) -> Iterator[Message]:
        view, layout = MessageStruct(), kernel_layout()
        while (self._dumps == dump
               and checked(LIB.socket_collected(self._alive(), byref(view))) == 1):
            yield Message._of(view, layout)

    def query(self, which: SocketId) -> Message | None:
        """The socket of that id now; None where it does not exist any more."""
        view = MessageStruct()
        result = LIB.socket_query(self._alive(), byref(which._struct()), None, byref(view))
        try:
            checked(result)
        except OSError as error:
            if error.errno in (2, 116):  # ENOENT; ESTALE: another socket has these ends now
                return None
            raise
        return Message._of(view, kernel_layout())


def dump(states: Iterable[int | str] = CONNECTIONS, *, netns: Netns = None,
         family: int = 0) -> Iterator[Message]:
    """The machine's TCP connections now: Socket(netns).dump(states, family=family).

    ALL_STATES as `states` takes listening sockets, and those that are only bound, along.
    """
    with Socket(netns) as socket:
        yield from socket.dump(states, family=family)


class Listener(Handle):
    """Hears of every TCP socket that ends, with its final counters. It needs no privilege.

    Iterating waits for the next one, for ever; receive() takes what has come.
    """

    def __init__(self, receive_buffer: int = 0, netns: Netns = None) -> None:
        """`receive_buffer`: bytes of queue to ask of the kernel, 0 = its default; `netns`: as for
        Socket."""
        with _netns_descriptor(netns) as descriptor:
            options = ListenerOptions(size=sizeof(ListenerOptions), receive_buffer=receive_buffer,
                                      netns=descriptor)
            super().__init__(opened(LIB.listener_open, byref(options), filename=_path_of(netns)),
                             LIB.listener_close)

    def fileno(self) -> int:
        """Readable when something has come: for select() and selectors."""
        return LIB.listener_descriptor(self._alive())

    def _next(self) -> Message | None:
        view = MessageStruct()
        if checked(LIB.listener_next(self._alive(), byref(view))) == 0:
            return None
        return Message._of(view, kernel_layout())

    def receive(self, timeout: float | None = 0) -> list[Message]:
        """What has come; waits up to `timeout` seconds (None: for ever) for the first."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            found = list(iter(self._next, None))
            left = None if end is None else end - time.monotonic()
            if found or (left is not None and left <= 0):
                return found
            select.select([self], [], [], left)

    def __iter__(self) -> Iterator[Message]:
        while True:
            yield from self.receive(None)

    @property
    def overflows(self) -> int:
        """How often the kernel's queue was full: ends were lost each time."""
        return LIB.listener_overflows(self._alive())
