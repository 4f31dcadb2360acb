# SPDX-License-Identifier: Apache-2.0
"""A reader of Parquet files, slow and obvious, of what lib/parquet writes: flat columns, version 1
pages, PLAIN, RLE_DICTIONARY and DELTA_BINARY_PACKED, zstd or nothing. Every number that the file
says twice (sizes, counts, statistics, indexes) is compared.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
from typing import Any

_zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p,
                                  ctypes.c_size_t]

BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY = 0, 1, 2, 5, 6
PLAIN, RLE, DELTA, DICTIONARY = 0, 3, 5, 8


def unzstd(data: bytes, size: int) -> bytes:
    to = ctypes.create_string_buffer(max(size, 1))
    got = _zstd.ZSTD_decompress(to, size, data, len(data))
    assert got == size, (got, size)
    return to.raw[:size]


class Cursor:
    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def take(self, size: int) -> bytes:
        assert self.at + size <= len(self.data), "ends too early"
        self.at += size
        return self.data[self.at - size:self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        n = shift = 0
        while True:
            b = self.byte()
            n |= (b & 0x7f) << shift
            shift += 7
            if b < 0x80:
                return n

    def zigzag(self) -> int:
        n = self.varint()
        return n >> 1 ^ -(n & 1)

    # Thrift's compact protocol: structs are dicts by field id.
    def value(self, kind: int) -> Any:
        if kind == 3:
            return struct.unpack("b", self.take(1))[0]
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            return struct.unpack("<d", self.take(8))[0]
        if kind == 8:
            return self.take(self.varint())
        if kind == 9:
            head = self.byte()
            count = head >> 4 if head >> 4 != 15 else self.varint()
            item = head & 15
            return [self.byte() == 1 if item in (1, 2) else self.value(item)
                    for _ in range(count)]
        assert kind == 12, kind
        return self.struct()

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        before = 0
        while (head := self.byte()) != 0:
            before = before + (head >> 4) if head >> 4 else self.zigzag()
            kind = head & 15
            assert before not in fields
            fields[before] = kind == 1 if kind in (1, 2) else self.value(kind)
        return fields

    def hybrid(self, bits: int, count: int) -> list[int]:
        values: list[int] = []
        while len(values) < count:
            head = self.varint()
            if head & 1:
                groups = head >> 1
                packed = int.from_bytes(self.take(groups * bits), "little")
                values += [packed >> bits * i & (1 << bits) - 1 for i in range(8 * groups)]
            else:
                n = int.from_bytes(self.take((bits + 7) // 8), "little")
                values += [n] * (head >> 1)
        return values[:count]

    def delta(self, bits: int) -> list[int]:
        block, parts, count = self.varint(), self.varint(), self.varint()
        values = [self.zigzag()]
        while len(values) < count:
            least = self.zigzag()
            widths = list(self.take(parts))
            for width in widths:
                if len(values) >= count:
                    break
                size = block // parts
                packed = int.from_bytes(self.take(size * width // 8), "little")
                for i in range(size):
                    values.append(values[-1] + least + (packed >> width * i & (1 << width) - 1))
        return [n & (1 << bits) - 1 for n in values[:count]]


class Column:
    def __init__(self, element: dict[int, Any]):
        self.name = element[4].decode()
        self.physical = element[1]
        logical = element.get(10, {})
        self.unsigned = 10 in logical
        if 10 in logical:
            assert logical[10][2] is False
            self.type = f"u{logical[10][1]}"
        elif 8 in logical:
            assert logical[8] == {1: False, 2: {3: {}}}, logical
            self.type = "time"
        else:
            self.type = {BOOLEAN: "boolean", DOUBLE: "double", BYTE_ARRAY: "text"}[self.physical]
        assert element[3] == 1  # optional

    def plain(self, cursor: Cursor, count: int) -> list[Any]:
        if self.physical == BOOLEAN:
            bits = int.from_bytes(cursor.take((count + 7) // 8), "little")
            return [bits >> i & 1 for i in range(count)]
        if self.physical == BYTE_ARRAY:
            return [cursor.take(int.from_bytes(cursor.take(4), "little")).decode()
                    for _ in range(count)]
        size = 4 if self.physical == INT32 else 8
        return [self.one(cursor.take(size)) for _ in range(count)]

    def one(self, data: bytes) -> Any:
        if self.physical == BYTE_ARRAY:
            return data.decode()
        if self.physical == DOUBLE:
            return struct.unpack("<d", data)[0]
        return self.typed(int.from_bytes(data, "little"))

    # Bits as the number that they stand for.
    def typed(self, n: int) -> int:
        return n - (1 << 64) if self.type == "time" and n >= 1 << 63 else n


class File:
    """columns: Column each; rows: lists of cells, None for null; notes; encodings by column name;
    groups: the number of rows of each row group; order: of each, the columns it is sorted by."""

    def __init__(self, data: bytes):
        assert data[:4] == b"PAR1" == data[-4:]
        size = int.from_bytes(data[-8:-4], "little")
        footer_at = len(data) - 8 - size
        cursor = Cursor(data[:-8], footer_at)
        meta = cursor.struct()
        assert cursor.at == len(data) - 8
        root, *elements = meta[2]
        assert root[5] == len(elements) == len(meta[7])
        self.columns = [Column(e) for e in elements]
        self.notes = {n[1].decode(): n[2].decode() for n in meta.get(5, [])}
        self.created_by = meta[6].decode()
        self.rows: list[list[Any]] = []
        self.groups: list[int] = []
        self.order: list[list[str]] = []
        self.pages: dict[str, int] = {}
        self.encodings: dict[str, set[int]] = {}
        self.end = 4  # of what has been read
        for group in meta.get(4, []):
            assert len(group[1]) == len(self.columns)
            chunks = [self._chunk(data, column, chunk, group[3])
                      for column, chunk in zip(self.columns, group[1])]
            assert group[6] == sum(chunk[3][7] for chunk in group[1])
            assert group[2] == sum(chunk[3][6] for chunk in group[1])
            self.order.append([self.columns[c[1]].name for c in group.get(4, [])])
            self.groups.append(group[3])
            self.rows += [list(row) for row in zip(*chunks)]
        assert meta[3] == len(self.rows), (meta[3], len(self.rows))

    def _chunk(self, data: bytes, column: Column, chunk: dict[int, Any], rows: int) -> list[Any]:
        about = chunk[3]
        assert about[1] == column.physical and about[3] == [column.name.encode()]
        assert about[5] == rows
        start = about.get(11, about[9])
        assert start == self.end, "chunks do not stand side by side"
        self.end = start + about[7]
        cursor = Cursor(data[:self.end], start)
        dictionary: list[Any] = []
        cells: list[Any] = []
        plain_size = 0
        pages = []
        while cursor.at < self.end:
            at = cursor.at
            head = cursor.struct()
            plain_size += cursor.at - at + head[2]
            body = cursor.take(head[3])
            page = Cursor(body if about[4] == 0 else unzstd(body, head[2]))
            if head[1] == 2:
                assert at == about[11] and not pages
                dictionary = column.plain(page, head[7][1])
                assert len(set(dictionary)) == len(dictionary)
                continue
            assert pages or at == about[9]
            count, encoding = head[5][1], head[5][2]
            self.encodings.setdefault(column.name, set()).add(encoding)
            levels = Cursor(page.take(int.from_bytes(page.take(4), "little"))).hybrid(1, count)
            present = sum(levels)
            if encoding == DICTIONARY:
                bits = page.byte()
                values = [dictionary[i] for i in page.hybrid(bits, present)]
            elif encoding == DELTA:
                values = [column.typed(n)
                          for n in page.delta(32 if column.physical == INT32 else 64)]
            else:
                values = column.plain(page, present)
            assert len(values) == present and page.at == len(page.data)
            rest = iter(values)
            these = [next(rest) if level else None for level in levels]
            pages.append((at, cursor.at - at, len(cells), these))
            cells += these
        assert plain_size == about[6], (plain_size, about[6])
        self.pages[column.name] = self.pages.get(column.name, 0) + len(pages)
        self._statistics(column, about[12], cells)
        self._indexes(data, column, chunk, pages)
        return cells

    @staticmethod
    def _statistics(column: Column, said: dict[int, Any], cells: list[Any]) -> None:
        known = [cell for cell in cells if cell is not None]
        assert said[3] == len(cells) - len(known)
        if 5 in said:
            assert column.one(said[5]) == max(known), (column.name, said, max(known))
            assert column.one(said[6]) == min(known), (column.name, said, min(known))
        else:
            assert not known or column.type == "text"

    @staticmethod
    def _indexes(data: bytes, column: Column, chunk: dict[int, Any], pages: list[Any]) -> None:
        assert (4 in chunk) == (len(pages) > 1)
        if 4 in chunk:
            index = Cursor(data[:chunk[4] + chunk[5]], chunk[4]).struct()
            assert [(p[1], p[2], p[3]) for p in index[1]] == [p[:3] for p in pages]
        if 6 in chunk:
            index = Cursor(data[:chunk[6] + chunk[7]], chunk[6]).struct()
            for i, (*_, cells) in enumerate(pages):
                known = [cell for cell in cells if cell is not None]
                assert index[1][i] == (not known)
                assert index[5][i] == len(cells) - len(known)
                if known:
                    assert column.one(index[2][i]) == min(known)
                    assert column.one(index[3][i]) == max(known)
