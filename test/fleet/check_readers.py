#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parquet files of tcpinfo-csv, read by programs that are not ours: DuckDB, hyparquet and
parquet-wasm. All rows must be those of the table as CSV, all types those of --list-columns.

usage: check_readers.py TCPINFO_CSV ARCHIVE...

The readers are npm packages in the folder NODE_PATH. What is not there is skipped, and
said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tables

SKIP = 77
HERE = Path(__file__).resolve().parent
TYPES = {
    "duckdb": {"u8": "UTINYINT", "u16": "USMALLINT", "u32": "UINTEGER", "u64": "UBIGINT",
               "boolean": "BOOLEAN", "text": "VARCHAR", "address": "VARCHAR",
               "time": "TIMESTAMP_NS", "decimal": "DOUBLE"},
    "hyparquet": {"u8": "UINT8", "u16": "UINT16", "u32": "UINT32", "u64": "UINT64",
                  "boolean": "BOOLEAN", "text": "STRING", "address": "STRING",
                  "time": "TIMESTAMP NANOS", "decimal": "DOUBLE"},
    "parquet-wasm": {"u8": "Uint8", "u16": "Uint16", "u32": "Uint32", "u64": "Uint64",
                     "boolean": "Bool", "text": "Utf8", "address": "Utf8",
                     "time": "Timestamp<NANOSECOND>", "decimal": "Float64"},
}
PACKAGES = {"duckdb": ["@duckdb/node-api"], "hyparquet": ["hyparquet", "hyparquet-compressors"],
            "parquet-wasm": ["parquet-wasm", "apache-arrow"]}


def is_here(reader: str) -> bool:
    folder = Path(os.environ.get("NODE_PATH", ""))
    return shutil.which("node") is not None and all(
        (folder / name / "package.json").is_file() for name in PACKAGES[reader])


def fault_of(reader: str, file: Path, columns: list[tuple[str, str]],
             wanted: list[list[str | None]]) -> str:
    done = subprocess.run(["node", HERE / "read_parquet.js", reader, file], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    head, *lines = done.stdout.splitlines()
    types = [[name, TYPES[reader][kind]] for name, kind in columns]
    if json.loads(head) != types:
        return str([(a, b) for a, b in zip(json.loads(head), types) if a != b])
    kinds = [kind for _, kind in columns]
    rows = tables.canonical([json.loads(line) for line in lines], kinds)
    return tables.difference(rows, wanted, [name for name, _ in columns])


def main() -> None:
    tool, paths = sys.argv[1], sys.argv[2:]
    readers = [reader for reader in TYPES if is_here(reader)]
    for reader in TYPES:
        if reader not in readers:
            print(f"skipped: {reader} is not here")
    faults = compared = 0
    with tempfile.TemporaryDirectory() as scratch:
        for flags in ([], ["--connections"], ["--sentinels", "keep"]):
            columns = tables.columns_of(tool, *flags)
            wanted = tables.rows_of_csv(tool, paths, *flags)
            file = Path(scratch) / "table.parquet"
            subprocess.run([tool, *flags, "--format", "parquet", "-o", file, *paths], check=False,
                           stderr=subprocess.DEVNULL)
            for reader in readers:
                fault = fault_of(reader, file, columns, wanted)
                compared += 1
                faults += fault != ""
                print(f"{reader} {' '.join(flags)}: {len(wanted)} rows, {file.stat().st_size} "
                      f"bytes: {fault or 'the same'}")
    print(f"{compared} comparisons, {faults} faults")
    sys.exit(1 if faults else 0 if compared else SKIP)


main()
