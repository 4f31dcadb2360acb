#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams of Apache Arrow, read by DuckDB, which is not ours: every row must be that of the table
as CSV.

usage: check_arrow.py TCPINFO_CSV ARCHIVE...

DuckDB's library is that of the npm package @duckdb/node-api in the folder NODE_PATH. Where it is
not there, it is skipped, and said.
"""

from __future__ import annotations

import csv
import ctypes
import io
import os
import subprocess
import sys
from ctypes import POINTER, byref, c_char_p, c_uint64, c_void_p
from pathlib import Path

import tcpinfo

SKIP = 77


class Result(ctypes.Structure):
    _fields_ = [("numbers", c_uint64 * 3), ("pointers", c_void_p * 3)]


def library() -> ctypes.CDLL | None:
    found = list(Path(os.environ.get("NODE_PATH", "none")).glob("@duckdb/*/libduckdb.so"))
    if not found:
        return None
    duck = ctypes.CDLL(str(found[0]))
    duck.duckdb_arrow_scan.argtypes = [c_void_p, c_char_p, c_void_p]
    duck.duckdb_query.argtypes = [c_void_p, c_char_p, POINTER(Result)]
    duck.duckdb_result_error.restype = c_char_p
    duck.duckdb_row_count.restype = c_uint64
    duck.duckdb_value_varchar.argtypes = [POINTER(Result), c_uint64, c_uint64]
    duck.duckdb_value_varchar.restype = c_void_p
    duck.duckdb_free.argtypes = [c_void_p]
    return duck


class Database:
    def __init__(self, duck: ctypes.CDLL) -> None:
        self.duck, self.database, self.connection = duck, c_void_p(), c_void_p()
        assert duck.duckdb_open(None, byref(self.database)) == 0
        assert duck.duckdb_connect(self.database, byref(self.connection)) == 0

    def ask(self, sql: str, columns: int = 0) -> list[list[str | None]]:
        result = Result()
        failed = self.duck.duckdb_query(self.connection, sql.encode(), byref(result))
        if failed:
            raise RuntimeError(self.duck.duckdb_result_error(byref(result)).decode())
        rows: list[list[str | None]] = []
        for row in range(self.duck.duckdb_row_count(byref(result)) if columns else 0):
            cells: list[str | None] = []
            for column in range(columns):
                text = self.duck.duckdb_value_varchar(byref(result), column, row)
                cells.append(ctypes.string_at(text).decode() if text else None)
                self.duck.duckdb_free(text)
            rows.append(cells)
        self.duck.duckdb_destroy_result(byref(result))
        return rows

    def load(self, stream: tcpinfo.ArrowStream) -> None:
        """As the table `records`. Of a scan by this call DuckDB is right with all columns alone."""
        capsule = stream.__arrow_c_stream__()
        pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, c_char_p)(
            ("PyCapsule_GetPointer", ctypes.pythonapi))
        scanned = self.duck.duckdb_arrow_scan(self.connection, b"scan",
                                              pointer(capsule, b"arrow_array_stream"))
        assert scanned == 0
        self.ask("CREATE OR REPLACE TABLE records AS SELECT * FROM scan")


def sql_of(name: str, kind: str) -> str:
    if kind == "time":
        return f'CAST(epoch_ns("{name}") AS VARCHAR)'
    return f'CAST(CAST("{name}" AS UTINYINT) AS VARCHAR)' if kind == "boolean" else \
        f'CAST("{name}" AS VARCHAR)'


def cell(text: str, kind: str) -> str | None:
    """Of CSV as DuckDB has it."""
    if text == "":
        return None
    if kind == "time":
        seconds, _, fraction = text.partition(".")
        return str(int(seconds) * 10**9 + int(fraction.ljust(9, "0")))
    return text


def compare(database: Database, tool: str, path: str) -> str:
    """What differs; empty for nothing."""
    listed = subprocess.run([tool, "--list-columns"], capture_output=True, text=True,
                            check=True).stdout.splitlines()[1:]
    # States by their names are CSV's own, and so is one column for the fields of two layouts.
    columns = [(name, kind) for name, kind, unit, *_ in (line.split("\t") for line in listed)
               if name in {"uuid", "timestamp", "poll", "ended"}
               or (name in tcpinfo.FIELDS and f"{name}_a" not in tcpinfo.FIELDS
                   and not (kind == "text" and unit == "enum"))]
    done = subprocess.run([tool, "--time", "epoch", "--columns",
                           ",".join(name for name, _ in columns), path],
                          capture_output=True, text=True, check=True)
    wanted = [[cell(text, kind) for text, (_, kind) in zip(row, columns)]
              for row in list(csv.reader(io.StringIO(done.stdout)))[1:]]
    database.load(tcpinfo.Reader(path).arrow(batch_rows=100))
    got = database.ask("SELECT " + ", ".join(sql_of(*one) for one in columns)
                       + " FROM records ORDER BY rowid", len(columns))
    if len(got) != len(wanted) or not wanted:
        return f"{len(got)} rows, not {len(wanted)}"
    for number, (row, other) in enumerate(zip(got, wanted)):
        for (name, _), a, b in zip(columns, row, other):
            if a != b:
                return f"row {number}, {name}: {a!r}, not {b!r}"
    print(f"{path}: {len(wanted)} rows of {len(columns)} columns are the same")
    return ""


def main() -> int:
    duck = library()
    if duck is None:
        print("skipped: no libduckdb.so of npm's @duckdb/node-api below NODE_PATH")
        return SKIP
    database = Database(duck)
    faults = [f"{path}: {fault}" for path in sys.argv[2:]
              if (fault := compare(database, sys.argv[1], path)) != ""]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


sys.exit(main())
