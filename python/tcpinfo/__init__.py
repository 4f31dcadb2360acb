# SPDX-License-Identifier: Apache-2.0
"""What the Linux kernel knows about every TCP connection, from Python.

    import tcpinfo

    for message in tcpinfo.dump():
        print(message.id.src, message.id.dport, message.get("info.rtt"))

    for record in tcpinfo.Reader("a.jsonl.zst"):
        print(record.time_ns, record.message and record.message.get("snd_cwnd_segments"))

    for path, name in tcpinfo.archives("recording"):
        columns = tcpinfo.columns(path, ["info.rtt", "info.delivery_rate"])
        print(name.uuid, columns.id, columns["info.rtt"].values)

It calls libtcpinfo.so.0 through its interface for C and needs the standard library only; where
numpy is installed, columns are its arrays. Fields are named as in tables ("rtt_us") or by group and
name ("info.rtt").

FIELDS: all fields by their name in tables, in the order of their places
STATES: numbers of the TCP states by the kernel's names
CONNECTIONS: every state that a connection may be in: what dumps ask for unless told otherwise
ALL_STATES: every state of a socket: with LISTEN, and sockets that are only bound
HEAD: as an attribute of Segment.columns(): struct inet_diag_msg, which each message begins with
OPENED, CLOSED: Event.kind of a connection that is seen for the first time, and that has ended

Errors of the system are OSError (FileNotFoundError, PermissionError …), all others are
`tcpinfo.Error`; where a file is at fault, `filename` is its path.

An object is used by one thread at a time; it is closed by close(), by `with`, and when nothing
refers to it any more. Times are nanoseconds since 1970.
"""
from ._arrow import ArrowStream
from ._archives import (Column, Columns, Metadata, Reader, Record, Writer, columns)
from ._events import CLOSED, OPENED, Event, Events
from ._fields import FIELDS, Field, field
from ._messages import Message, SocketId, kernel_layout, unmapped
from ._names import ArchiveName, archives, files, parse_archive_name
from ._native import Error, version
from ._segments import HEAD, Segment, SegmentColumns, Summary
from ._sockets import ALL_STATES, CONNECTIONS, STATES, Listener, Socket, dump, socket_id

__version__ = version()

__all__ = [
    "ALL_STATES", "ArchiveName", "ArrowStream", "CLOSED", "CONNECTIONS", "Column", "Columns",
    "Error", "Event", "Events", "FIELDS", "Field", "HEAD", "Listener", "Message", "Metadata",
    "OPENED", "Reader", "Record", "STATES", "Segment", "SegmentColumns", "Socket", "SocketId",
    "Summary", "Writer", "archives", "columns", "dump", "field", "files", "kernel_layout",
    "parse_archive_name", "socket_id", "unmapped", "version",
]
