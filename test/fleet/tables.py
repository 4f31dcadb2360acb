# SPDX-License-Identifier: Apache-2.0
"""The rows of tcpinfo-csv in one form, whatever wrote them: what Parquet must hold is what CSV
says. Cells are texts or None; times are ns since 1970, booleans 0 or 1, decimals as repr().
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any


def columns_of(tool: str, *flags: str) -> list[tuple[str, str]]:
    """Name and type of each column; a time's is "time", in whatever style."""
    text = subprocess.run([tool, *flags, "--list-columns"], capture_output=True, text=True,
                          check=True).stdout
    return [(name, kind) for name, kind, *_ in
            (line.split("\t") for line in text.splitlines()[1:])]


_CELL = re.compile(r'("(?:[^"]|"")*")?([^,\n]*)(,|\n)')


def _cell(text: str | None, kind: str) -> str | None:
    if text is None:
        return None
    if kind == "time":
        seconds, _, fraction = text.partition(".")
        ns = int(fraction.ljust(9, "0")) if fraction else 0
        return str(int(seconds) * 10**9 + (-ns if seconds.startswith("-") else ns))
    return repr(float(text)) if kind == "decimal" else text


def rows_of_csv(tool: str, paths: list[str | Path], *flags: str) -> list[list[str | None]]:
    kinds = [kind for _, kind in columns_of(tool, *flags)]
    times = [] if "--grid" in flags else ["--time", "epoch"]
    done = subprocess.run([tool, *flags, *times, *map(str, paths)], capture_output=True,
                          check=False)
    rows = _split(done.stdout.decode())[1:]
    return [[_cell(text, kind) for text, kind in zip(row, kinds, strict=True)] for row in rows]


def _split(text: str) -> list[list[str | None]]:
    """The cells of CSV; None for an empty one, which is no empty text: that is quoted."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    for quoted, bare, end in _CELL.findall(text):
        row.append(quoted[1:-1].replace('""', '"') if quoted else bare or None)
        if end != ",":
            rows.append(row)
            row = []
    return rows


def canonical(rows: list[list[Any]], kinds: list[str]) -> list[list[str | None]]:
    """Of what a reader gave."""
    return [[None if cell is None else repr(float(cell)) if kind == "decimal" else str(cell)
             for cell, kind in zip(row, kinds, strict=True)] for row in rows]


def in_order(rows: list[list[str | None]]) -> list[list[str | None]]:
    """Whatever their order was."""
    return sorted(rows, key=lambda row: [cell or "" for cell in row])


def difference(got: list[list[str | None]], wanted: list[list[str | None]],
               names: list[str]) -> str:
    """In words; empty for none. The order of rows does not count."""
    if len(got) != len(wanted):
        return f"{len(got)} rows, not {len(wanted)}"
    for row, other in zip(in_order(got), in_order(wanted)):
        for name, a, b in zip(names, row, other, strict=True):
            if a != b:
                return f"{name}: {a!r}, not {b!r}, in {other}"
    return ""
