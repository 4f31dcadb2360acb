# SPDX-License-Identifier: Apache-2.0
"""Summaries and columns of segments, read without their records."""
from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from ctypes import byref, sizeof
from dataclasses import dataclass
from typing import Any

from ._archives import Column, Metadata, Source, array_of, metadata_of, opened_source
from ._native import (INVALID_ARGUMENT, LIB, Handle, MetadataStruct, OnFault, SegmentColumn,
                      SegmentColumnsStruct, SummaryStruct, checked, exception_of, text_of)

HEAD = 2**32 - 1


@dataclass(frozen=True)
class Summary:
    """What the records of one archive in a segment come to.

    archive: name of the archive, as its file would be called; None: it has none
    metadata: what its first line says; None: no such line, or one that is kept as text
    values: numbers by their field, which docs/segment.md tells; of 64 bits, signed ones in two's
        complement
    rtts: how many round-trip times fall together: lowest and highest of them in microseconds, and
        of how many records; ascending
    congestion_control: the last one; None: not told
    goes_on: there are earlier records of the archive, of which it does not tell
    """

    archive: str | None
    metadata: Metadata | None
    values: dict[int, int]
    rtts: list[tuple[int, int, int]]
    congestion_control: str | None
    goes_on: bool


@dataclass(frozen=True)
class SegmentColumns:
    """Columns of the messages that one archive has in a block of a segment. Arrays are numpy's
    where numpy is installed, else array.array.

    archive, metadata: as in a Summary
    times_ns: of each message, nanoseconds since 1970
    polls: in which each was seen; 2**64 - 1: not told
    columns: in the order in which they were wanted, the bytes of each message as a number of this
        machine. What the kernel has in network order (ports, addresses), and what a machine of the
        other byte order has recorded (metadata.byte_order), is to be turned
    lines: records of the archive that are kept as text, and not here
    goes_on: earlier records of the archive are in a block or file before
    """

    archive: str | None
    metadata: Metadata | None
    times_ns: Any
    polls: Any
    columns: list[Column]
    lines: int
    goes_on: bool


class Segment(Handle):
    """Reads of a segment its summaries, or some columns of its messages: in a fraction of the time
    that a Reader takes, which gives all records. One of the two: for both, open it twice.

        for summary in tcpinfo.Segment("host.tcpseg.zst").summaries():
            print(summary.metadata and summary.metadata.uuid, summary.values.get(0))

    A fault of a block is given to `on_fault`, and reading goes on behind it. Without `on_fault` it
    is raised; next() goes on behind it then, too. As those of a Reader, a fault has `filename` and
    `line`: the number of the record before it. What is no segment is a fault.
    """

    def __init__(self, source: Source, on_fault: OnFault | None = None) -> None:
        """`source`: a path, a descriptor (which stays the caller's), or a memoryview."""
        handle, self._name, self._kept = opened_source(
            source, LIB.segment_open_path, LIB.segment_open_fd, LIB.segment_open_memory)
        super().__init__(handle, LIB.segment_close)
        self._on_fault = on_fault
        self._wanted = 0

    def summaries(self) -> Iterator[Summary]:
        """The summaries that follow. Of an archive there may be several, each of other records."""
        return iter(self._next_summary, None)

    def columns(self, wanted: Iterable[tuple[int, int, int]]) -> Iterator[SegmentColumns]:
        """Columns of each archive in each block that follows.

        `wanted`: attribute (as inet_diag numbers them, 2 is INFO; HEAD is struct inet_diag_msg),
        offset of the first byte in it, and width: 1, 2, 4 or 8 bytes. Without any there are times
        and polls.
        """
        asked = []
        for attribute, offset, width in wanted:
            made = SegmentColumn(attribute, offset, width)
            # ctypes keeps the low bits of a number, which would be another column.
            if (made.attribute, made.offset, made.width) != (attribute, offset, width):
                raise ValueError(f"no column: {(attribute, offset, width)}")
            asked.append(made)
        array = (SegmentColumn * len(asked))(*asked)
        checked(LIB.segment_want_columns(self._alive(), array, len(asked)))
        self._wanted = len(asked)
        return iter(self._next_columns, None)

    @property
    def record_number(self) -> int:
        """Records so far, or passed over, with those that are missing."""
        return LIB.segment_records(self._alive())

    @property
    def missing_records(self) -> int:
        """Records that were in damaged blocks, as far as blocks behind them told."""
        return LIB.segment_missing(self._alive())

    def _step(self, function: Any, said: Any) -> bool:
        """Fills `said`; False at the end."""
        while True:
            result = function(self._alive(), byref(said))
            if result >= 0:
                return bool(result)
            fault = exception_of(result, self._name, self.record_number)
            # Only summaries, or only columns: no call will do better.
            if self._on_fault is None or result == INVALID_ARGUMENT:
                raise fault
            self._on_fault(fault)

    def _whose(self) -> tuple[str | None, Metadata | None]:
        said = MetadataStruct(size=sizeof(MetadataStruct))
        has = checked(LIB.segment_metadata(self._alive(), byref(said)), self._name)
        return text_of(LIB.segment_archive(self._alive())), metadata_of(said) if has else None

    def _next_summary(self) -> Summary | None:
        said = SummaryStruct(size=sizeof(SummaryStruct))
        if not self._step(LIB.segment_next_summary, said):
            return None
        archive, metadata = self._whose()
        return Summary(
            archive, metadata, {v.field: v.value for v in said.values[:said.value_count]},
            [(b.lowest, b.highest, b.count) for b in said.rtts[:said.rtt_count]],
            text_of(said.congestion_control), bool(said.goes_on))

    def _next_columns(self) -> SegmentColumns | None:
        said = SegmentColumnsStruct(size=sizeof(SegmentColumnsStruct))
        if not self._step(LIB.segment_next_columns, said):
            return None
        rows = said.rows

        def numbers(kind: str, of: Any, column: int = 0) -> Any:
            width = 1 if kind == "?" else 8
            if rows == 0:
                return array_of(kind, bytearray())
            begin = ctypes.addressof(of.contents) + column * rows * width
            return array_of(kind, bytearray(ctypes.string_at(begin, rows * width)))

        def column(number: int) -> Column:
            return Column(numbers("Q", said.values, number), numbers("?", said.present, number)
                          if said.present else array_of("?", bytearray(b"\1" * rows)))

        archive, metadata = self._whose()
        return SegmentColumns(
            archive, metadata, numbers("q", said.times_ns), numbers("Q", said.polls),
            [column(i) for i in range(said.column_count if rows else self._wanted)], said.lines,
            bool(said.goes_on))
