# SPDX-License-Identifier: Apache-2.0
"""Messages of the kernel, decoded."""
from __future__ import annotations

import ctypes
import functools
import ipaddress
from collections.abc import Iterator
from ctypes import byref, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, Union

from ._fields import ADDRESS, BOOLEAN, FIELDS, TEXT, Field, field, number_field
from ._native import (LIB, Address, Handle, MessageStruct, SocketIdStruct, checked, message_struct,
                      opened)

IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Value = Union[int, bool, str, IpAddress, None]
_AF_INET, _AF_INET6 = 2, 10
ANY_COOKIE = 2**64 - 1


@functools.lru_cache(maxsize=None)
def kernel_layout() -> int:
    """The layout of tcp_info's last word in the kernel that runs: 1 Linux 6.18 and 6.19, 2 from
    7.0 on, 0 unknown. Asked once."""
    return LIB.kernel_layout()


def address_of(said: Address) -> IpAddress | None:
    """None where there is none."""
    if said.family == _AF_INET:
        return ipaddress.IPv4Address(bytes(said.bytes)[:4])
    if said.family == _AF_INET6:
        return ipaddress.IPv6Address(bytes(said.bytes))
    return None


def address_struct(address: str | IpAddress | None) -> Address:
    """The other way; a text is read as ipaddress reads it."""
    made = Address()
    if address is not None:
        parsed = ipaddress.ip_address(address)
        made.family = _AF_INET if parsed.version == 4 else _AF_INET6
        packed = parsed.packed
        made.bytes[:len(packed)] = packed
    return made


def unmapped(address: IpAddress | None) -> IpAddress | None:
    """The IPv4 address inside an IPv4-mapped one; any other address, and None, unchanged.

    An IPv4 connection of an IPv6 socket has IPv4-mapped addresses: the kernel's ::ffff:192.0.2.1,
    which Python before 3.13 prints as ::ffff:c000:201.
    """
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


@dataclass(frozen=True)
class SocketId:
    """What a TCP socket is known by.

    src, dst: addresses of the local end and of the remote one, of ipaddress; IPv4-mapped ones of
        IPv4 connections of IPv6 sockets: see unmapped()
    sport, dport: local and remote port, in host order
    cookie: unique on this machine until reboot; None in a query: any
    interface: index of the interface that the socket is bound to, 0 = none
    """

    src: IpAddress | None
    dst: IpAddress | None
    sport: int
    dport: int
    cookie: int | None = None
    interface: int = 0

    @classmethod
    def _of(cls, said: SocketIdStruct) -> SocketId:
        return cls(address_of(said.src), address_of(said.dst), said.sport, said.dport, said.cookie,
                   said.interface)

    def _struct(self) -> SocketIdStruct:
        return SocketIdStruct(address_struct(self.src), address_struct(self.dst), self.sport,
                              self.dport, self.interface,
                              ANY_COOKIE if self.cookie is None else self.cookie)


def _end(address: IpAddress | None, port: int) -> str:
    plain = unmapped(address)
    return f"[{plain}]:{port}" if isinstance(plain, ipaddress.IPv6Address) else f"{plain}:{port}"


class _Snapshot(Handle):
    def __init__(self) -> None:
        super().__init__(opened(LIB.snapshot_new), LIB.snapshot_free)


class Message:
    """What the kernel said of one socket. It owns its bytes.

    Fields are read by name: message["info.rtt"] raises KeyError where the kernel did not send the
    field (and for a name that no field has), message.get("info.rtt") is None then. A value that
    means "never measured", "not set" or "unlimited" (Field.sentinel) is as good as absent, but for
    raw(). info.rtt and info.rcv_rtt have no such value: they are 0 until they are measured.
    """

    def __init__(self, data: bytes, layout: int = 0) -> None:
        """`data`: struct inet_diag_msg and attributes; `layout`: of the kernel that sent them."""
        self._data = bytes(data)
        self._layout = layout
        self._snapshot = _Snapshot()
        self._struct = message_struct(self._data)
        checked(LIB.snapshot_decode(self._snapshot._alive(), byref(self._struct), layout))

    @classmethod
    def _of(cls, view: MessageStruct, layout: int) -> Message:
        return cls(ctypes.string_at(view.bytes, view.length), layout)

    @property
    def data(self) -> bytes:
        """The kernel's bytes: struct inet_diag_msg and attributes."""
        return self._data

    @property
    def layout(self) -> int:
        """Of tcp_info's last word, by the kernel that sent it; as kernel_layout() tells it."""
        return self._layout

    @property
    def id(self) -> SocketId:
        """Ends, interface and cookie."""
        said = SocketIdStruct()
        checked(LIB.message_id(byref(self._struct), byref(said)))
        return SocketId._of(said)

    @property
    def state(self) -> str:
        """The kernel's name of its state, "ESTABLISHED"; "" for a number without one."""
        return LIB.state_name(self.raw("state") or 0).decode("ascii")

    def _number(self, function: Any, one: Field) -> int | bool | None:
        value = c_uint64()
        if checked(function(self._snapshot._alive(), one.id, byref(value))) == 0:
            return None
        return bool(value.value) if one.type == BOOLEAN else value.value

    def get(self, name: str | Field, default: Any = None) -> Any:
        """A field's value, `default` where it is absent. KeyError for a name that no field has.

        Absent is what the kernel did not send, and a value that is the field's sentinel ("never
        measured", "not set", "unlimited"). info.rtt and info.rcv_rtt have no sentinel: 0 there
        means that nothing was measured yet. Addresses are the kernel's: see unmapped().
        """
        one = field(name)
        handle = self._snapshot._alive()
        found: Value
        if one.type == TEXT:
            text, size = c_void_p(), c_size_t()
            there = checked(LIB.snapshot_text(handle, one.id, byref(text), byref(size)))
            found = ctypes.string_at(text, size.value).decode("utf-8", "surrogateescape") \
                if there else None
        elif one.type == ADDRESS:
            address = Address()
            there = checked(LIB.snapshot_address(handle, one.id, byref(address)))
            found = address_of(address) if there else None
        else:
            found = self._number(LIB.snapshot_measured, one)
        return default if found is None else found

    def raw(self, name: str | Field) -> int | bool | None:
        """A number as the kernel sent it, sentinels too; None where it is absent.

        Raises Error for a field that is a text or an address.
        """
        return self._number(LIB.snapshot_value, number_field(name, "raw()"))

    def __getitem__(self, name: str | Field) -> Any:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, (str, Field)) and self.get(name) is not None

    def items(self) -> Iterator[tuple[str, Any]]:
        """csv_name and value of every field that is there."""
        for name, one in FIELDS.items():
            found = self.get(one)
            if found is not None:
                yield name, found

    def as_dict(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return dict(self.items())

    def has_group(self, group: int) -> bool:
        """Whether the header (0) or an attribute is there, whatever fields it has."""
        return checked(LIB.snapshot_has_group(self._snapshot._alive(), group)) == 1

    def __repr__(self) -> str:
        one = self.id
        return (f"<tcpinfo.Message {_end(one.src, one.sport)} {_end(one.dst, one.dport)} "
                f"{self.state} cookie {one.cookie}>")
