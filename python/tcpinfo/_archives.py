# SPDX-License-Identifier: Apache-2.0
"""Archives, read and written."""
from __future__ import annotations

import array
import ctypes
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from ctypes import byref, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, sizeof
from dataclasses import dataclass
from typing import Any, Union

from ._fields import Field, field
from ._messages import Message
from ._native import (LIB, ColumnsStruct, Handle, MetadataStruct, RecordStruct, WriterOptions,
                      checked, exception_of, message_struct, nanoseconds, opened, text_of,
                      timestamp)

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

_HAS_POLL, _DAMAGED, _FOREIGN = 1, 2, 4
_CHUNK = 4096
Source = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]", int, memoryview]
OnFault = Callable[[Exception], None]


@dataclass(frozen=True)
class Metadata:
    """What the first line of an archive says; None: not told. Times are nanoseconds since 1970."""

    uuid: str | None = None
    sequence: int = 0
    start_time_ns: int | None = None
    opened_ns: int | None = None
    host: str | None = None
    kernel: str | None = None
    collector: str | None = None
    interval: str | None = None
    run: str | None = None
    netns: str | None = None
    byte_order: str | None = None


_TEXTS = ("uuid", "host", "kernel", "collector", "interval", "run", "netns", "byte_order")


@dataclass(frozen=True)
class Record:
    """One line of an archive: a message with its time, or metadata."""

    time_ns: int | None  #: when the message was read from the kernel
    message: Message | None  #: None in a metadata record
    metadata: Metadata | None  #: None in a record of a message
    poll: int | None  #: in which it was seen
    ended_ns: int | None  #: when the connection ended, where that is not time_ns
    carried: int  #: what was taken from the record before it (docs/format.md)
    damaged: bool  #: of a zstd frame whose fault follows: it may not be what was written
    foreign: bool  #: recorded on a machine of the other byte order: numbers are to be turned
    line: int  #: number of the line, from 1


def _metadata_of(said: MetadataStruct) -> Metadata:
    return Metadata(sequence=said.sequence, start_time_ns=nanoseconds(said.start_time),
                    opened_ns=nanoseconds(said.opened),
                    **{name: text_of(getattr(said, name)) for name in _TEXTS})


def _record_of(said: RecordStruct) -> Record:
    return Record(
        nanoseconds(said.time),
        Message._of(said.message, said.layout) if said.message.bytes else None,
        _metadata_of(said.metadata.contents) if said.metadata else None,
        said.poll if said.flags & _HAS_POLL else None, nanoseconds(said.ended), said.carried,
        bool(said.flags & _DAMAGED), bool(said.flags & _FOREIGN), said.line)


class Reader(Handle):
    """The records of an archive, zstd or plain, in whatever condition: an iterator.

    A fault of a line or of a zstd frame is given to `on_fault`, and reading goes on behind it.
    Without `on_fault` it is raised; next() goes on behind it then, too.
    """

    def __init__(self, source: Source, on_fault: OnFault | None = None) -> None:
        """`source`: a path, a descriptor (which stays the caller's), or a memoryview."""
        self._kept: Any = None
        if isinstance(source, int):
            self._name = f"descriptor {source}"
            handle = opened(LIB.reader_open_fd, source)
        elif isinstance(source, memoryview):
            self._name = "memory"
            # A copy, for as long as the reader lives.
            self._kept = ctypes.create_string_buffer(source.tobytes(), max(source.nbytes, 1))
            handle = opened(LIB.reader_open_memory, ctypes.cast(self._kept, c_void_p),
                            source.nbytes)
        else:
            path = os.fsencode(source)
            self._name = os.fsdecode(path)
            handle = opened(LIB.reader_open_path, path, place=self._name)
        super().__init__(handle, LIB.reader_close)
        self._on_fault = on_fault

    def __iter__(self) -> Iterator[Record]:
        return self

    def _fault(self, result: int) -> None:
        """Tells a fault or raises it."""
        fault = exception_of(result, f"{self._name}:{self.line_number}")
        if self._on_fault is None:
            raise fault
        self._on_fault(fault)

    def __next__(self) -> Record:
        said = RecordStruct(size=sizeof(RecordStruct))
        while True:
            result = LIB.reader_next(self._alive(), byref(said))
            if result == 1:
                return _record_of(said)
            if result == 0:
                raise StopIteration
            self._fault(result)

    @property
    def line_number(self) -> int:
        """Of the latest line, good or bad; from 1."""
        return LIB.reader_line(self._alive(), None, None)

    @property
    def line(self) -> bytes:
        """The latest line, good or bad, without its newline; empty where it was too long."""
        text, size = c_void_p(), c_size_t()
        LIB.reader_line(self._alive(), byref(text), byref(size))
        return ctypes.string_at(text, size.value) if size.value else b""

    def columns(self, fields: Iterable[str | Field], *, keep_sentinels: bool = False) -> Columns:
        """These fields, which must be numbers, of all records of messages that follow."""
        wanted = {one if isinstance(one, str) else one.csv_name: field(one) for one in fields}
        gathered = _Gathered(list(wanted.values()), keep_sentinels)
        result = 1
        while result != 0:
            result = gathered.read(self._alive())
            if result < 0:
                # Nothing was read, and nothing can be.
                if gathered.refused(result):
                    raise exception_of(result)
                self._fault(result)
        return gathered.columns(list(wanted))


class Column:
    """One field over records: `values`, and whether it is `present` in each (its value is 0 where
    it is not). numpy's arrays (uint64, bool) where numpy is there, else array.array."""

    def __init__(self, values: Any, present: Any) -> None:
        self.values = values
        self.present = present

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[int | None]:
        """Values, None where the field is absent."""
        for value, there in zip(self.values, self.present):
            yield int(value) if there else None

    def masked(self) -> Any:
        """numpy's masked array of it. RuntimeError without numpy."""
        if numpy is None:
            raise RuntimeError("numpy is not installed")
        return numpy.ma.masked_array(self.values, mask=~self.present)


class Columns(Mapping[str, Column]):
    """Columns by the names that were asked for, and `times_ns`: the records' times."""

    def __init__(self, found: dict[str, Column], times_ns: Any) -> None:
        self._found = found
        self.times_ns = times_ns

    def __getitem__(self, name: str) -> Column:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Gathered:
    """Rows, in chunks as the library fills them."""

    def __init__(self, fields: list[Field], keep_sentinels: bool) -> None:
        count = len(fields)
        self._ids = (c_uint32 * count)(*(one.id for one in fields))
        self._values = (c_uint64 * (count * _CHUNK))()
        self._present = (c_uint8 * (count * _CHUNK))()
        self._times = (c_int64 * _CHUNK)()
        self._asked = ColumnsStruct(sizeof(ColumnsStruct), _CHUNK, self._ids, count, self._values,
                                    self._present, self._times, int(keep_sentinels), 0)
        self._columns = [(bytearray(), bytearray()) for _ in fields]
        self._times_read = bytearray()
        self._fields = fields

    def refused(self, result: int) -> bool:
        """Whether that result means that the fields are at fault."""
        return any(not one.is_number for one in self._fields) or result == -10_008

    def read(self, handle: c_void_p) -> int:
        rows = c_size_t()
        result = LIB.reader_columns(handle, byref(self._asked), byref(rows))
        values, present = memoryview(self._values).cast("B"), memoryview(self._present).cast("B")
        for at, (into, there) in enumerate(self._columns):
            first = at * _CHUNK
            into += values[first * 8:(first + rows.value) * 8]
            there += present[first:first + rows.value]
        self._times_read += memoryview(self._times).cast("B")[:rows.value * 8]
        return result

    def columns(self, names: list[str]) -> Columns:
        return Columns({name: Column(_array("Q", values), _array("?", present))
                        for name, (values, present) in zip(names, self._columns)},
                       _array("q", self._times_read))


def _array(kind: str, data: bytearray) -> Any:
    if numpy is not None:
        return numpy.frombuffer(data, dtype={"Q": "uint64", "q": "int64", "?": "bool"}[kind])
    made = array.array("B" if kind == "?" else kind)
    made.frombytes(data)
    return made


def columns(source: Source, fields: Iterable[str | Field], *, keep_sentinels: bool = False,
            on_fault: OnFault | None = None) -> Columns:
    """Fields of all records of an archive: Reader(source, on_fault).columns(fields)."""
    with Reader(source, on_fault) as reader:
        return reader.columns(fields, keep_sentinels=keep_sentinels)


class Writer(Handle):
    """Writes an archive; the file must not be there yet. What was written is in the file when the
    Writer is closed: by `with` or close(), which raises what went wrong."""

    def __init__(self, path: str | bytes | os.PathLike[str], *, plain: bool = False,
                 level: int = 0, frame_bytes: int = 0) -> None:
        """`plain`: not compressed; `level` of zstd, 0 = 3; `frame_bytes` of text in a frame."""
        self._name = os.fsdecode(path)
        options = WriterOptions(sizeof(WriterOptions), int(plain), level, frame_bytes)
        super().__init__(opened(LIB.writer_open, os.fsencode(path), byref(options),
                                place=self._name), LIB.writer_close)

    def close(self) -> None:
        """Writes what is left and closes the file."""
        result = self._finalizer()
        if result is not None:
            checked(result, self._name)

    def write(self, message: Message | bytes, time_ns: int, *, poll: int | None = None,
              ended_ns: int | None = None, carried: int = 0) -> None:
        """One message with its time."""
        data = message.data if isinstance(message, Message) else bytes(message)
        said = RecordStruct(size=sizeof(RecordStruct), time=timestamp(time_ns),
                            message=message_struct(data), poll=poll or 0,
                            ended=timestamp(ended_ns), carried=carried,
                            flags=0 if poll is None else _HAS_POLL)
        checked(LIB.writer_write(self._alive(), byref(said)), self._name)

    def write_metadata(self, metadata: Metadata) -> None:
        """What the first line says; it comes before all messages."""
        told = MetadataStruct(size=sizeof(MetadataStruct), sequence=metadata.sequence,
                              start_time=timestamp(metadata.start_time_ns),
                              opened=timestamp(metadata.opened_ns))
        for name in _TEXTS:
            text = getattr(metadata, name)
            if text is not None:
                setattr(told, name, text.encode("utf-8", "surrogateescape"))
        said = RecordStruct(size=sizeof(RecordStruct), metadata=ctypes.pointer(told))
        checked(LIB.writer_write(self._alive(), byref(said)), self._name)
