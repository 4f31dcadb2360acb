# SPDX-License-Identifier: Apache-2.0
"""Archives and segments, read; archives, written."""
from __future__ import annotations

import array
import ctypes
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from ctypes import byref, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, sizeof
from dataclasses import dataclass
from typing import Any, Union

from ._arrow import ArrowStream
from ._fields import Field, field, number_field
from ._messages import Message, SocketId
from ._native import (BAD_JSON, FOREIGN_BYTE_ORDER, INVALID_ARGUMENT, LIB, UNKNOWN_FIELD,
                      WRONG_TYPE, ColumnsStruct, Error, Handle, MetadataStruct, OnFault,
                      RecordStruct, WriterOptions, checked, exception_of, message_struct,
                      nanoseconds, opened, text_of, timestamp)

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

_HAS_POLL, _DAMAGED, _FOREIGN, _BEGINS_ARCHIVE, _GOES_ON = 1, 2, 4, 8, 16
_CHUNK = 4096
_NO_TIME = -2**63
Source = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]", int, memoryview]


@dataclass(frozen=True)
class Metadata:
    """What the first line of an archive says; None: not told. Times are nanoseconds since 1970.

    uuid: of the connection, as in the file's name
    sequence: number of the file among those of its connection, from 0
    start_time_ns: first sight of the connection
    opened_ns: when it began to open
    host: name of the machine
    kernel: its release, as of uname(2)
    collector: program and version
    interval: between polls, such as "10ms"
    run: poll numbers are comparable within one run
    netns: network namespace, where not the collector's own
    byte_order: "little" or "big"; None in Writer.write_metadata(): this machine's
    policy: what was left out on purpose, such as "sample=1/100"
    cgroup: control group of the connection's owner
    owner: how the owner was found, such as "connect"
    pid: the owner's process, in decimal
    comm: name of the process
    executable: path of its program
    """

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
    policy: str | None = None
    cgroup: str | None = None
    owner: str | None = None
    pid: str | None = None
    comm: str | None = None
    executable: str | None = None


_TEXTS = ("uuid", "host", "kernel", "collector", "interval", "run", "netns", "byte_order",
          "policy", "cgroup", "owner", "pid", "comm", "executable")


@dataclass(frozen=True)
class Record:
    """One record of an archive: a message with its time, or metadata.

    time_ns: when the message was read from the kernel, nanoseconds since 1970
    message: None in a metadata record
    metadata: None in a record of a message
    poll: in which it was seen; None: not told, as in a final record
    ended_ns: when the connection ended, where that is not time_ns
    carried: what was taken from the record before it (docs/format.md), in bits
    thinned: changes that the recorder left out on purpose before it
    damaged: of a zstd frame whose fault follows: it may not be what was written
    foreign: recorded on a machine of the other byte order: numbers are to be turned
    line: number of the line, of a segment of the record, from 1
    archive: of a segment: name of the archive it belongs to, as its file would be called; None in
        an archive
    begins_archive: of a segment: the first record of an archive in a block, mostly its metadata;
        what was known of another archive does not hold
    goes_on: of a segment, with begins_archive: records of the archive, and its metadata where this
        is it, were given before, in this segment or the one before it
    """

    time_ns: int | None
    message: Message | None
    metadata: Metadata | None
    poll: int | None
    ended_ns: int | None
    carried: int
    thinned: int
    damaged: bool
    foreign: bool
    line: int
    archive: str | None = None
    begins_archive: bool = False
    goes_on: bool = False


def metadata_of(said: MetadataStruct) -> Metadata:
    return Metadata(sequence=said.sequence, start_time_ns=nanoseconds(said.start_time),
                    opened_ns=nanoseconds(said.opened),
                    **{name: text_of(getattr(said, name)) for name in _TEXTS})


def _record_of(said: RecordStruct, archive: str | None) -> Record:
    return Record(
        nanoseconds(said.time),
        Message._of(said.message, said.layout) if said.message.bytes else None,
        metadata_of(said.metadata.contents) if said.metadata else None,
        said.poll if said.flags & _HAS_POLL else None, nanoseconds(said.ended), said.carried,
        said.thinned, bool(said.flags & _DAMAGED), bool(said.flags & _FOREIGN), said.line, archive,
        bool(said.flags & _BEGINS_ARCHIVE), bool(said.flags & _GOES_ON))


def opened_source(source: Source, open_path: Any, open_fd: Any,
                  open_memory: Any) -> tuple[c_void_p, str | int, Any]:
    """A new handle on a source, what the source is called in faults, and what has to live as long
    as the handle."""
    if isinstance(source, int):
        return opened(open_fd, source, None), source, None
    if isinstance(source, memoryview):
        kept = ctypes.create_string_buffer(source.tobytes(), max(source.nbytes, 1))
        handle = opened(open_memory, ctypes.cast(kept, c_void_p), source.nbytes, None)
        return handle, "<memory>", kept
    path = os.fsencode(source)
    name = os.fsdecode(path)
    return opened(open_path, path, None, filename=name), name, None


class Reader(Handle):
    """The records of an archive, zstd or plain, or of a segment, in whatever condition: an
    iterator. The content tells which of them it is. A segment holds many archives, whose records
    come one archive after the other within a block of it; Record.archive tells them apart.

    A fault of a line, a zstd frame or a block is given to `on_fault`, and reading goes on behind
    it. Without `on_fault` it is raised; next() goes on behind it then, too. A fault is an Error, or
    an OSError where the system refused to read; each has the attributes `filename` and `line` (None
    before the first line). A line that is neither a message nor metadata, as those of an event log,
    is a fault, too.
    """

    def __init__(self, source: Source, on_fault: OnFault | None = None) -> None:
        """`source`: a path, a descriptor (which stays the caller's), or a memoryview."""
        handle, self._name, self._kept = opened_source(
            source, LIB.reader_open_path, LIB.reader_open_fd, LIB.reader_open_memory)
        super().__init__(handle, LIB.reader_close)
        self._on_fault = on_fault
        self._metadata: Metadata | None = None
        self._archive: str | None = None

    def __iter__(self) -> Iterator[Record]:
        return self

    def _fault(self, result: int, text: str | None = None) -> None:
        """Tells a fault or raises it; `text` instead of the library's words."""
        fault = exception_of(result, self._name, self.line_number) if text is None \
            else Error(result, text, self._name, self.line_number)
        if self._on_fault is None:
            raise fault
        self._on_fault(fault)

    def __next__(self) -> Record:
        said = RecordStruct(size=sizeof(RecordStruct))
        while True:
            result = LIB.reader_next(self._alive(), byref(said))
            if result == 0:
                raise StopIteration
            if result < 0:
                self._fault(result)
            elif not said.message.bytes and not said.metadata:
                self._fault(BAD_JSON, "neither a message nor metadata")
            else:
                return self._take(said)

    def _take(self, said: RecordStruct) -> Record:
        """The record, and what holds from it on."""
        archive = text_of(LIB.reader_archive(self._alive()))
        if archive != self._archive or said.flags & _BEGINS_ARCHIVE:
            self._archive = archive
            self._metadata = None
        record = _record_of(said, self._archive)
        self._metadata = record.metadata or self._metadata
        return record

    @property
    def is_segment(self) -> bool:
        """Whether it is a segment; known from the first record on."""
        return bool(LIB.reader_is_segment(self._alive()))

    @property
    def missing_records(self) -> int:
        """Of a segment: records that were in damaged blocks, as far as blocks behind them told."""
        return LIB.reader_missing(self._alive())

    @property
    def line_number(self) -> int:
        """Of the latest line, good or bad, or of a segment's latest record; from 1."""
        return LIB.reader_line(self._alive(), None, None)

    @property
    def line(self) -> bytes:
        """The latest line, good or bad, without its newline; empty where it was too long, and where
        a segment does not keep the record as text."""
        text, size = c_void_p(), c_size_t()
        LIB.reader_line(self._alive(), byref(text), byref(size))
        return ctypes.string_at(text, size.value) if size.value else b""

    def columns(self, fields: Iterable[str | Field], *, keep_sentinels: bool = False) -> Columns:
        """These fields, which must be numbers, of all records of messages that follow.

        That is without the records that next() has returned before: of a Reader whose first message
        was looked at, columns() begins with the second. Columns.metadata and Columns.id save that
        look. Of a segment all its connections' records follow: "cookie" among the fields tells them
        apart. `keep_sentinels`: values that mean "never measured", "not set" or "unlimited" are
        there as the kernel sent them, not absent. info.rtt and info.rcv_rtt have none: they are 0
        until they are measured.

        A fault that is raised, for want of `on_fault`, ends the call without a result. Behind the
        first message, lines that are neither a message nor metadata are passed over silently.
        """
        if isinstance(fields, str):
            raise TypeError(f"columns() takes a list of fields: [{fields!r}]")
        wanted = {one if isinstance(one, str) else one.csv_name: number_field(one, "columns()")
                  for one in fields}
        gathered = _Gathered(list(wanted.values()), keep_sentinels)
        # The library's columns pass over metadata, and have no addresses.
        first = self._first_message()
        which = None
        if first is not None and first.message is not None:
            gathered.put(first.message, first.time_ns)
            which = first.message.id
        metadata = self._metadata
        result = 1
        while result != 0:
            result = gathered.read(self._alive())
            if result < 0:
                # Nothing was read, and nothing can be.
                if result in (INVALID_ARGUMENT, UNKNOWN_FIELD, WRONG_TYPE):
                    raise exception_of(result)
                self._fault(result)
        return gathered.columns(list(wanted), metadata, which)

    def arrow(self, fields: Iterable[str | Field] | None = None, *, keep_sentinels: bool = False,
              batch_rows: int = 0) -> ArrowStream:
        """The records that follow as a stream of Apache Arrow, with these fields, or all; texts and
        addresses may be among them. `keep_sentinels` as in columns(); `batch_rows`: of one array at
        most, 0 = 65,536.

        The stream takes the Reader over, which is closed then. Without `on_fault` a fault ends the
        stream with an error, behind the rows before it; an `on_fault` that raises ends it, too. A
        descriptor that is read must stay open as long as the stream.
        """
        if isinstance(fields, str):
            raise TypeError(f"arrow() takes a list of fields: [{fields!r}]")
        ids = [] if fields is None else [field(one).id for one in fields]
        if fields is not None and not ids:
            raise ValueError("arrow() without a field; None is all of them")
        if batch_rows < 0:
            raise ValueError(f"arrow() with batch_rows={batch_rows}")
        on_fault, name = self._on_fault, self._name
        told = None if on_fault is None else lambda result, line: on_fault(
            exception_of(result, name, line))
        stream = ArrowStream(self._alive(), ids, batch_rows, keep_sentinels, told, self._kept)
        self._finalizer.detach()
        return stream

    def _first_message(self) -> Record | None:
        """The next record of a message whose numbers can be read."""
        for record in self:
            if record.message is None:
                continue
            if not record.foreign:
                return record
            self._fault(FOREIGN_BYTE_ORDER)
        return None


class Column:
    """One field over records. Iterating gives its values, None where it is absent.

    values: one of each record, 0 where the field is absent; numpy's array of uint64 where numpy is
        installed, else array.array
    present: whether the field is there in each record; numpy's array of bool, else array.array of 0
        and 1
    """

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
    """Columns by the names that were asked for: a mapping, and what goes with it.

    times_ns: the records' times, nanoseconds since 1970, -2**63 where none is told; numpy's array
        of int64 where numpy is installed, else array.array
    metadata: what the file's first line says (uuid, sequence, host, kernel …); None without such a
        line. Of several archives one after the other, and of a segment: what that before the first
        message says
    id: SocketId of the first message, with addresses and ports; None where there is no message
    """

    def __init__(self, found: dict[str, Column], times_ns: Any, metadata: Metadata | None = None,
                 id: SocketId | None = None) -> None:
        self._found = found
        self.times_ns = times_ns
        self.metadata = metadata
        self.id = id

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

    def put(self, message: Message, time_ns: int | None) -> None:
        """A row, of one message."""
        for one, (values, present) in zip(self._fields, self._columns):
            found = message.raw(one) if self._asked.keep_sentinels else message.get(one)
            values += int(found or 0).to_bytes(8, sys.byteorder)
            present.append(found is not None)
        told = time_ns if time_ns is not None and _NO_TIME < time_ns < 2**63 else _NO_TIME
        self._times_read += told.to_bytes(8, sys.byteorder, signed=True)

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

    def columns(self, names: list[str], metadata: Metadata | None,
                which: SocketId | None) -> Columns:
        return Columns({name: Column(array_of("Q", values), array_of("?", present))
                        for name, (values, present) in zip(names, self._columns)},
                       array_of("q", self._times_read), metadata, which)


def array_of(kind: str, data: bytearray) -> Any:
    """numpy's array of it where numpy is installed, else array.array."""
    if numpy is not None:
        return numpy.frombuffer(data, dtype={"Q": "uint64", "q": "int64", "?": "bool"}[kind])
    made = array.array("B" if kind == "?" else kind)
    made.frombytes(data)
    return made


def columns(source: Source, fields: Iterable[str | Field], *, keep_sentinels: bool = False,
            on_fault: OnFault | None = None) -> Columns:
    """Fields of all records of an archive: Reader(source, on_fault).columns(fields).

        found = tcpinfo.columns("a.jsonl.zst", ["info.rtt"])
        print(found.metadata and found.metadata.uuid, found.id, found["info.rtt"].values)
    """
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
                                filename=self._name), LIB.writer_close)

    def close(self) -> None:
        """Writes what is left and closes the file."""
        result = self._finalizer()
        if result is not None:
            checked(result, self._name)

    def write(self, message: Message | bytes, time_ns: int, *, poll: int | None = None,
              ended_ns: int | None = None, carried: int = 0, thinned: int = 0) -> None:
        """One message with its time."""
        data = message.data if isinstance(message, Message) else bytes(message)
        said = RecordStruct(size=sizeof(RecordStruct), time=timestamp(time_ns),
                            message=message_struct(data), poll=poll or 0,
                            ended=timestamp(ended_ns), carried=carried, thinned=thinned,
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
