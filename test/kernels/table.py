#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the table of docs/operations.md about kernels, from what check_kernels.py left.

usage: table.py FOLDER

A cell says what the test printed, so that nothing stands there that was not seen.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

HEAD = ("Linux", "Debian", "`tcp_info`", "dumps and queries", "destroy events",
        "short connections", "against `ss`", "by events, of the changes that dumps saw",
        "answers")


def output(row: dict, test: str) -> str:
    return str(row["results"][test]["stdout"])


def figures(row: dict, test: str, pattern: str, words: str) -> str:
    """Words with the numbers of the pattern's groups in them."""
    result = row["results"][test]["result"]
    if result == "SKIP":
        return "no"
    if result != "OK":
        return "**failed**"
    match = re.search(pattern, output(row, test))
    return words.format(*match.groups()) if match else "yes"


def result(row: dict, *tests: str) -> str:
    good = all(row["results"][test]["result"] == "OK" for test in tests)
    return "yes" if good else "**failed**"


def kept(row: dict) -> str:
    programs = row["facts"].get("programs", [])
    if not programs:
        return "–"
    return "kept" if "keep_answer" in programs else "received"


COLUMNS: tuple[Callable[[dict], str], ...] = (
    lambda row: re.sub(r"-\d.*", "", row["version"]),
    lambda row: row["suite"],
    lambda row: f"{row['facts'].get('tcp_info', '?')} bytes",
    lambda row: result(row, "live inetdiag", "live exclusions"),
    lambda row: figures(row, "live closing", r"^(\d+) connections, \d+ answers",
                        "{} connections"),
    lambda row: figures(row, "live short_connections", r"made (\d+), recorded (\d+), missed 0,",
                        "{1} of {0}"),
    lambda row: figures(row, "live dump", r"(\d+) sockets, (\d+) words of ss",
                        "{} sockets, {} words"),
    lambda row: figures(row, "live sampling",
                        r"(\d+) changes that dumps saw: ([\d.]+) % told by events in time",
                        "{1} % in time ({0})"),
    kept,
)


def main() -> None:
    rows = [json.loads(path.read_text(encoding="utf-8"))
            for path in Path(sys.argv[1]).glob("*/row.json")]
    rows.sort(key=lambda row: [int(part) for part in re.findall(r"\d+", row["version"])[:3]])
    print("| " + " | ".join(HEAD) + " |")
    print("|" + " --- |" * len(HEAD))
    for row in rows:
        print("| " + " | ".join(column(row) for column in COLUMNS) + " |")


main()
