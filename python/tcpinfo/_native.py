# SPDX-License-Identifier: Apache-2.0
"""tcpinfo/c.h in the words of ctypes: structs, functions, and errors as exceptions."""
from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int32, c_int64,
                    c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p)
from typing import Any

ERRNO_END = 10_000
INVALID_ARGUMENT, BAD_JSON, BAD_UUID = -10_008, -10_009, -10_017
UNKNOWN_FIELD, WRONG_TYPE, FOREIGN_BYTE_ORDER = -11_001, -11_002, -11_003
OnFault = Callable[[Exception], None]


class Address(Structure):
    _fields_ = [("bytes", c_uint8 * 16), ("family", c_uint8), ("reserved", c_uint8 * 3)]


class Prefix(Structure):
    _fields_ = [("address", Address), ("length", c_uint32)]


class SocketIdStruct(Structure):
    _fields_ = [("src", Address), ("dst", Address), ("sport", c_uint16), ("dport", c_uint16),
                ("interface", c_uint32), ("cookie", c_uint64)]


class MessageStruct(Structure):
    _fields_ = [("bytes", c_void_p), ("length", c_size_t)]


class Timestamp(Structure):
    _fields_ = [("seconds", c_int64), ("nanoseconds", c_uint32), ("utc_offset_seconds", c_int32)]


class FieldStruct(Structure):
    _fields_ = [("size", c_size_t), ("id", c_uint32), ("group", c_uint32), ("type", c_uint32),
                ("has_sentinel", c_uint32), ("sentinel", c_uint64), ("name", c_char_p),
                ("csv_name", c_char_p), ("group_name", c_char_p), ("unit_name", c_char_p),
                ("first_kernel", c_char_p), ("meaning", c_char_p)]


class DumpOptions(Structure):
    _fields_ = [("size", c_size_t), ("states", c_uint32), ("extensions", c_uint32),
                ("family", c_uint32), ("protocol", c_uint32),
                ("exclude_sports", POINTER(c_uint16)), ("exclude_sport_count", c_size_t),
                ("exclude_src", POINTER(Prefix)), ("exclude_src_count", c_size_t),
                ("exclude_dst", POINTER(Prefix)), ("exclude_dst_count", c_size_t),
                ("timeout_ns", c_int64)]


class QueryOptions(Structure):
    _fields_ = [("size", c_size_t), ("extensions", c_uint32), ("protocol", c_uint32),
                ("timeout_ns", c_int64)]


class SocketOptions(Structure):
    _fields_ = [("size", c_size_t), ("netns", c_int), ("reserved", c_uint32)]


class ListenerOptions(Structure):
    _fields_ = [("size", c_size_t), ("receive_buffer", c_size_t), ("netns", c_int),
                ("reserved", c_uint32)]


class ReaderOptions(Structure):
    _fields_ = [("size", c_size_t), ("max_line", c_size_t), ("max_window_log", c_int32),
                ("reserved", c_uint32)]


class EventsOptions(Structure):
    _fields_ = [("size", c_size_t), ("max_line", c_size_t), ("nonblocking", c_uint32),
                ("reserved", c_uint32)]


class MetadataStruct(Structure):
    _fields_ = [("size", c_size_t), ("uuid", c_char_p), ("sequence", c_uint64),
                ("start_time", Timestamp), ("opened", Timestamp), ("host", c_char_p),
                ("kernel", c_char_p), ("collector", c_char_p), ("interval", c_char_p),
                ("run", c_char_p), ("netns", c_char_p), ("byte_order", c_char_p),
                ("policy", c_char_p), ("cgroup", c_char_p), ("owner", c_char_p),
                ("pid", c_char_p), ("comm", c_char_p), ("executable", c_char_p)]


class RecordStruct(Structure):
    _fields_ = [("size", c_size_t), ("time", Timestamp), ("message", MessageStruct),
                ("poll", c_uint64), ("ended", Timestamp), ("carried", c_uint32),
                ("flags", c_uint32), ("layout", c_uint32), ("thinned", c_uint32),
                ("line", c_uint64), ("metadata", POINTER(MetadataStruct))]


class ColumnsStruct(Structure):
    _fields_ = [("size", c_size_t), ("rows", c_size_t), ("fields", POINTER(c_uint32)),
                ("field_count", c_size_t), ("values", POINTER(c_uint64)),
                ("present", POINTER(c_uint8)), ("times_ns", POINTER(c_int64)),
                ("keep_sentinels", c_uint32), ("reserved", c_uint32)]


class SummaryValue(Structure):
    _fields_ = [("field", c_uint32), ("reserved", c_uint32), ("value", c_uint64)]


class SummaryBucket(Structure):
    _fields_ = [("lowest", c_uint32), ("highest", c_uint32), ("count", c_uint64)]


class SummaryStruct(Structure):
    _fields_ = [("size", c_size_t), ("values", POINTER(SummaryValue)), ("value_count", c_size_t),
                ("rtts", POINTER(SummaryBucket)), ("rtt_count", c_size_t),
                ("congestion_control", c_char_p), ("goes_on", c_uint32), ("reserved", c_uint32)]


class SegmentColumn(Structure):
    _fields_ = [("attribute", c_uint32), ("offset", c_uint16), ("width", c_uint16)]


class SegmentColumnsStruct(Structure):
    _fields_ = [("size", c_size_t), ("rows", c_size_t), ("column_count", c_size_t),
                ("times_ns", POINTER(c_int64)), ("polls", POINTER(c_uint64)),
                ("values", POINTER(c_uint64)), ("present", POINTER(c_uint8)),
                ("lines", c_uint32), ("goes_on", c_uint32)]


FaultFunction = CFUNCTYPE(c_int, c_void_p, c_int, c_uint64)
ReleaseFunction = CFUNCTYPE(None, c_void_p)


class ArrowOptions(Structure):
    _fields_ = [("size", c_size_t), ("fields", POINTER(c_uint32)), ("field_count", c_size_t),
                ("rows", c_size_t), ("on_fault", FaultFunction), ("on_release", ReleaseFunction),
                ("user", c_void_p), ("keep_sentinels", c_uint32), ("reserved", c_uint32)]


class ArrowStreamStruct(Structure):
    """struct ArrowArrayStream."""


ArrowStreamStruct._fields_ = [
    ("get_schema", CFUNCTYPE(c_int, POINTER(ArrowStreamStruct), c_void_p)),
    ("get_next", CFUNCTYPE(c_int, POINTER(ArrowStreamStruct), c_void_p)),
    ("get_last_error", CFUNCTYPE(c_char_p, POINTER(ArrowStreamStruct))),
    ("release", CFUNCTYPE(None, POINTER(ArrowStreamStruct))), ("private_data", c_void_p)]


class WriterOptions(Structure):
    _fields_ = [("size", c_size_t), ("plain", c_uint32), ("level", c_int32),
                ("frame_bytes", c_size_t)]


class EventStruct(Structure):
    _fields_ = [("size", c_size_t), ("kind", c_int64), ("time", Timestamp), ("uuid", c_char_p),
                ("has_id", c_uint32), ("reserved", c_uint32), ("id", SocketIdStruct),
                ("cgroup", c_char_p), ("owner", c_char_p), ("pid", c_char_p), ("comm", c_char_p),
                ("executable", c_char_p)]


# As tcpinfo/c.h names them; a test compares every size and offset.
STRUCTS = {
    "tcpinfo_address": Address, "tcpinfo_prefix": Prefix, "tcpinfo_socket_id": SocketIdStruct,
    "tcpinfo_message": MessageStruct, "tcpinfo_timestamp": Timestamp, "tcpinfo_field": FieldStruct,
    "tcpinfo_dump_options": DumpOptions, "tcpinfo_metadata": MetadataStruct,
    "tcpinfo_record": RecordStruct, "tcpinfo_columns": ColumnsStruct,
    "tcpinfo_writer_options": WriterOptions, "tcpinfo_event": EventStruct,
    "tcpinfo_query_options": QueryOptions, "tcpinfo_socket_options": SocketOptions,
    "tcpinfo_listener_options": ListenerOptions, "tcpinfo_reader_options": ReaderOptions,
    "tcpinfo_events_options": EventsOptions, "tcpinfo_arrow_options": ArrowOptions,
    "tcpinfo_summary_value": SummaryValue,
    "tcpinfo_summary_bucket": SummaryBucket, "tcpinfo_summary": SummaryStruct,
    "tcpinfo_segment_column": SegmentColumn, "tcpinfo_segment_columns": SegmentColumnsStruct,
}
OUT = POINTER(c_void_p)
# Name, result, arguments.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "error_text": (c_size_t, [c_int, c_char_p, c_size_t]),
    "version": (c_char_p, []),
    "message_id": (c_int, [POINTER(MessageStruct), POINTER(SocketIdStruct)]),
    "socket_id_of": (c_int, [c_int, POINTER(SocketIdStruct)]),
    "state_name": (c_char_p, [c_uint32]),
    "kernel_layout": (c_uint32, []),
    "field_count": (c_size_t, []),
    "field_at": (c_int, [c_size_t, POINTER(FieldStruct)]),
    "field_by_id": (c_int, [c_uint32, POINTER(FieldStruct)]),
    "field_by_name": (c_int, [c_char_p, POINTER(FieldStruct)]),
    "snapshot_new": (c_int, [OUT]),
    "snapshot_free": (None, [c_void_p]),
    "snapshot_decode": (c_int, [c_void_p, POINTER(MessageStruct), c_uint32]),
    "snapshot_value": (c_int, [c_void_p, c_uint32, POINTER(c_uint64)]),
    "snapshot_measured": (c_int, [c_void_p, c_uint32, POINTER(c_uint64)]),
    "snapshot_text": (c_int, [c_void_p, c_uint32, POINTER(c_void_p), POINTER(c_size_t)]),
    "snapshot_address": (c_int, [c_void_p, c_uint32, POINTER(Address)]),
    "snapshot_has_group": (c_int, [c_void_p, c_uint32]),
    "socket_open": (c_int, [OUT, POINTER(SocketOptions)]),
    "socket_close": (None, [c_void_p]),
    "socket_collect": (c_int, [c_void_p, POINTER(DumpOptions)]),
    "socket_collected": (c_int, [c_void_p, POINTER(MessageStruct)]),
    "socket_query": (c_int, [c_void_p, POINTER(SocketIdStruct), POINTER(QueryOptions),
                             POINTER(MessageStruct)]),
    "listener_open": (c_int, [OUT, POINTER(ListenerOptions)]),
    "listener_close": (None, [c_void_p]),
    "listener_descriptor": (c_int, [c_void_p]),
    "listener_next": (c_int, [c_void_p, POINTER(MessageStruct)]),
    "listener_overflows": (c_uint64, [c_void_p]),
    "reader_open_path": (c_int, [OUT, c_char_p, POINTER(ReaderOptions)]),
    "reader_open_fd": (c_int, [OUT, c_int, POINTER(ReaderOptions)]),
    "reader_open_memory": (c_int, [OUT, c_void_p, c_size_t, POINTER(ReaderOptions)]),
    "reader_close": (None, [c_void_p]),
    "reader_next": (c_int, [c_void_p, POINTER(RecordStruct)]),
    "reader_columns": (c_int, [c_void_p, POINTER(ColumnsStruct), POINTER(c_size_t)]),
    "reader_arrow": (c_int, [c_void_p, POINTER(ArrowOptions), POINTER(ArrowStreamStruct)]),
    "reader_line": (c_uint64, [c_void_p, POINTER(c_void_p), POINTER(c_size_t)]),
    "reader_is_segment": (c_int, [c_void_p]),
    "reader_archive": (c_char_p, [c_void_p]),
    "reader_missing": (c_uint64, [c_void_p]),
    "segment_open_path": (c_int, [OUT, c_char_p, POINTER(ReaderOptions)]),
    "segment_open_fd": (c_int, [OUT, c_int, POINTER(ReaderOptions)]),
    "segment_open_memory": (c_int, [OUT, c_void_p, c_size_t, POINTER(ReaderOptions)]),
    "segment_close": (None, [c_void_p]),
    "segment_next_summary": (c_int, [c_void_p, POINTER(SummaryStruct)]),
    "segment_want_columns": (c_int, [c_void_p, POINTER(SegmentColumn), c_size_t]),
    "segment_next_columns": (c_int, [c_void_p, POINTER(SegmentColumnsStruct)]),
    "segment_archive": (c_char_p, [c_void_p]),
    "segment_metadata": (c_int, [c_void_p, POINTER(MetadataStruct)]),
    "segment_records": (c_uint64, [c_void_p]),
    "segment_missing": (c_uint64, [c_void_p]),
    "writer_open": (c_int, [OUT, c_char_p, POINTER(WriterOptions)]),
    "writer_write": (c_int, [c_void_p, POINTER(RecordStruct)]),
    "writer_close": (c_int, [c_void_p]),
    "events_connect": (c_int, [OUT, c_char_p, POINTER(EventsOptions)]),
    "events_close": (None, [c_void_p]),
    "events_descriptor": (c_int, [c_void_p]),
    "events_next": (c_int, [c_void_p, POINTER(EventStruct)]),
}


class Library:
    """libtcpinfo.so.0: each function of c.h under its name without tcpinfo_."""

    def __init__(self) -> None:
        loaded = ctypes.CDLL("libtcpinfo.so.0")
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(loaded, "tcpinfo_" + name)
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"libtcpinfo has no {name}")


LIB = Library()


class Error(Exception):
    """What is wrong and is no error of the system.

    code: the enumerator of tcpinfo_error in tcpinfo/c.h, below -10000
    text: what is wrong, in words; str() of the Error has file and line before it
    filename: the file's path, its descriptor, or "<memory>"; None where no file is at fault
    line: number of the line in it, from 1; None where no line is at fault
    """

    def __init__(self, code: int, text: str, filename: str | int | None = None,
                 line: int | None = None) -> None:
        # All of it, so that an Error can be pickled.
        super().__init__(code, text, filename, line)
        self.code = code
        self.text = text
        self.filename = filename
        self.line = line

    def __str__(self) -> str:
        place = f"descriptor {self.filename}" if isinstance(self.filename, int) else self.filename
        return ": ".join(([place + (f":{self.line}" if self.line else "")] if place else [])
                         + [self.text])


def error_text(result: int) -> str:
    size = LIB.error_text(result, None, 0) + 1
    text = ctypes.create_string_buffer(size)
    LIB.error_text(result, text, size)
    return text.value.decode("utf-8", "replace")


def exception_of(result: int, filename: str | int | None = None,
                 line: int | None = None) -> Exception:
    """The exception of a result below 0; line 0 is none."""
    if -ERRNO_END < result:
        # OSError makes the right subclass of itself by the number.
        fault = OSError(-result, os.strerror(-result), filename)
        fault.filename = filename  # a number as OSError's third argument may mean something else
        fault.line = line or None  # type: ignore[attr-defined]
        return fault
    return Error(result, error_text(result), filename, line or None)


def checked(result: int, filename: str | int | None = None) -> int:
    """The result, where it is no error."""
    if result < 0:
        raise exception_of(result, filename)
    return result


def version() -> str:
    """The version of the library in use."""
    return LIB.version().decode("ascii")


class Handle:
    """A handle of the library. close(), `with` or the garbage collector closes it, once."""

    def __init__(self, opened: c_void_p, close: Any) -> None:
        self._handle = opened
        self._finalizer = weakref.finalize(self, close, opened)

    def close(self) -> None:
        """Closes it; again does no harm. Nothing else can be called afterwards."""
        self._finalizer()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return not self._finalizer.alive

    def _alive(self) -> c_void_p:
        if not self._finalizer.alive:
            raise ValueError(f"{type(self).__name__} is closed")
        return self._handle

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(function: Any, *arguments: Any, filename: str | int | None = None) -> c_void_p:
    """A new handle."""
    handle = c_void_p()
    checked(function(byref(handle), *arguments), filename)
    return handle


def nanoseconds(time: Timestamp) -> int | None:
    """Since 1970; None where no time is told."""
    if not (time.seconds or time.nanoseconds or time.utc_offset_seconds):
        return None
    return time.seconds * 1_000_000_000 + time.nanoseconds


def timestamp(time_ns: int | None) -> Timestamp:
    """The other way, in UTC."""
    if time_ns is None:
        return Timestamp()
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return Timestamp(seconds, rest, 0)


def message_struct(data: bytes) -> MessageStruct:
    """A view of bytes, which the caller keeps alive."""
    return MessageStruct(ctypes.cast(c_char_p(data), c_void_p), len(data))


def text_of(value: bytes | None) -> str | None:
    """Bytes that are not UTF-8 stay what they are when they are encoded again."""
    return None if value is None else value.decode("utf-8", "surrogateescape")
