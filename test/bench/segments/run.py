#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What records cost in segments, beside what they cost in archives.

usage: run.py BUILD OUTPUT [--only PART,…] [--rounds R] [--seconds S] [--archives DIR]
              [--connections N] [--flood N]

Parts, all of them unless some are named:

  busy100, busy1000   of 10,000 connections so many send every 10 ms, for S and S / 4 seconds
  asking              200 connections that ask for 2 to 20 KB some 10 times a second
  short               5,000 short connections
  csv                 tcpinfo-csv of 100 busy connections: packed, as archives, as plain lines
  many                ls, csv --connections, get, and a day without records, of N short
                      connections
  flood               N short connections at once with the collector, or what a minute makes
  archives            pack of the archives below DIR

Each load is recorded into memory twice, by collectors of either layout; `.part` is what was not
complete when the collector was ended. The records of archives are then written as one segment and
as lines, and read again, ROUNDS times by turns; medians are told. The floor of writing is the same
records as lines, compressed; that of reading is the decompression of the same segment.
OUTPUT.json has the rows of these, OUTPUT.md all tables.
"""
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "live"))
# pylint: disable=wrong-import-position
import in_memory  # noqa: E402
import loads  # noqa: E402
import tools  # noqa: E402
from flood import flood  # noqa: E402
from loads import LAYOUTS, Recording  # noqa: E402
from netns import Skip  # noqa: E402

PARTS = ("busy100", "busy1000", "asking", "short", "csv", "many", "flood", "archives")


def collected_line(name: str, layout: str, made: Recording) -> str:
    return (f"| {name} | {layout} | {made.records:,} | {made.bytes / made.records:.2f} | "
            f"{made.part_bytes / made.records:.2f} | {made.disk_bytes / made.records:.1f} |\n")


class Report:
    """What was measured so far."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.rows: dict[str, dict[str, float]] = {}
        self.collected: dict[str, dict[str, Recording]] = {}
        self.tables: list[str] = []

    def load(self, name: str, recorded: dict[str, Recording], scratch: Path,
             has_idle: bool = False) -> None:
        build, rounds = self.args.build, self.args.rounds
        self.collected[name] = recorded
        self.rows[name] = in_memory.measure(build, recorded["connections"].files(), rounds, scratch)
        if has_idle:
            files = in_memory.busy_files(build, recorded["connections"])
            self.rows[f"{name}, these alone"] = in_memory.measure(build, files, rounds, scratch)

    def text(self) -> str:
        tables = list(self.tables)
        if self.collected:
            tables.insert(0, "| collected | layout | records | bytes a record | of .part files at "
                          "the end | on disk |\n| --- | --- | --- | --- | --- | --- |\n"
                          + "".join(collected_line(name, layout, made[layout])
                                    for name, made in self.collected.items()
                                    for layout in LAYOUTS))
        if self.rows:
            tables.insert(0, in_memory.HEAD + "".join(in_memory.line(name, row)
                                                      for name, row in self.rows.items()))
        return "\n".join(tables)


def packed(build: Path, folder: Path, scratch: Path) -> str:
    """Archives as they are, and what pack makes of them."""
    dump = build / "tools/tcpinfo-dump"
    told = subprocess.run([dump, "pack", folder, "-o", scratch / "packed"], capture_output=True,
                          text=True, check=False)
    match = re.search(r"(\d+) archives packed \((\d+) records, (\d+) lines as text\) into \d+ "
                      r"segments of (\d+) bytes", told.stdout)
    if match is None:
        raise SystemExit(f"pack: {told.stdout}{told.stderr}")
    archives, records, as_text, size = map(int, match.groups())
    had = sum(path.stat().st_size for path in folder.rglob("*.jsonl*") if path.is_file())
    lines = records + as_text
    return ("| packed | records | lines kept as text | bytes of either | before |\n"
            "| --- | --- | --- | --- | --- |\n"
            f"| {archives} archives | {records:,} | {as_text:,} | {size / lines:.2f} | "
            f"{had / lines:.2f} |\n")


def measure(part: str, report: Report, scratch: Path) -> None:
    args = report.args
    build, rounds, seconds = args.build, args.rounds, args.seconds
    if part == "busy100":
        report.load("100 busy of 10,000", loads.busy(build, scratch, seconds, 100), scratch, True)
    elif part == "busy1000":
        report.load("1,000 busy of 10,000", loads.busy(build, scratch, seconds / 4, 1000), scratch,
                    True)
    elif part == "asking":
        report.load("request and answer", loads.request_answer(build, scratch, seconds / 2),
                    scratch)
    elif part == "short":
        report.load("short connections", loads.short(build, scratch, 5000), scratch)
    elif part == "csv":
        made = loads.busy(build, scratch, seconds / 3, 100)["connections"]
        files = in_memory.busy_files(build, made)
        records = int(in_memory.measure(build, files, 1, scratch)["records"])
        report.tables.append(tools.csv(build, files, scratch, records, rounds))
    elif part == "many":
        made_many = loads.short(build, scratch, args.connections)
        report.tables.append(tools.many(build, made_many, rounds))
    elif part == "flood":
        report.tables.append(flood(build, scratch, args.flood, 60))
    elif part == "archives" and args.archives is not None:
        report.tables.append(packed(build, args.archives, scratch))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("build", type=Path)
    options.add_argument("output", type=Path)
    options.add_argument("--only", type=lambda text: text.split(","), default=PARTS)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--archives", type=Path)
    options.add_argument("--connections", type=int, default=92_000)
    options.add_argument("--flood", type=int, default=600_000)
    args = options.parse_args()
    unknown = set(args.only) - set(PARTS)
    if unknown:
        options.error(f"there is no part {', '.join(unknown)}: {', '.join(PARTS)}")
    report = Report(args)
    for part in args.only:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
            measure(part, report, Path(scratch))
        # After each part: what was measured stays when a later one fails.
        args.output.with_suffix(".json").write_text(json.dumps(report.rows, indent=1) + "\n")
        args.output.with_suffix(".md").write_text(report.text())
    print(report.text())


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        sys.exit(f"cannot measure here: {reason}")
