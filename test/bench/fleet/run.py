#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What rows cost on their way into the engines of docs/fleet.md.

usage: run.py BUILD OUTPUT [--connections N] [--archives DIR] [--rounds R] [--tables NAME,…]

N (20,000) short connections are recorded as archives, which are packed; or those below DIR are.
The same rows are then written in each format, and loaded from each into each engine that is here,
R (3) times; medians are told. The floor of a load is the engine copying the same rows from one of
its tables to another: nothing to read, the same to store. Processor time is that of the client, of
tcpinfo-csv where it is in between, and of the server; what a client takes to start and to answer
nothing is taken off. OUTPUT.md has the tables.
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / name) for name in ("bench", "bench/segments", "checks", "fleet", "live")]
# pylint: disable=wrong-import-position
import databases  # noqa: E402
import loads  # noqa: E402
import stores  # noqa: E402
from meter import at_rest, measured  # noqa: E402
from tools import Cost, cost  # noqa: E402

FORMATS = ("csv", "jsonl", "parquet")
# Of a run that a table has to begin and to end with; below that a figure says nothing.
LEAST_S = 0.005


@dataclass
class Recorded:
    archives: Path
    segments: Path

    def bytes(self, folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*.zst"))


@dataclass
class Table:
    """The rows of tcpinfo-csv, in files."""

    name: str  # "connections" or "records"
    flags: list[str]
    rows: int
    files: dict[str, Path]
    written: dict[str, Cost]


def record(build: Path, scratch: Path, args: argparse.Namespace) -> Recorded:
    archives = (loads.short(build, scratch, args.connections)["connections"].folder
                if args.archives is None else args.archives)
    packed = scratch / "packed"
    subprocess.run([build / "tools/tcpinfo-dump", "pack", "-q", archives, "-o", packed],
                   check=True)
    return Recorded(archives, packed)


def write(build: Path, recorded: Recorded, name: str, scratch: Path, rounds: int) -> Table:
    tool = build / "tools/tcpinfo-csv"
    flags = ["--connections"] if name == "connections" else []
    files, written = {}, {}
    for form in FORMATS:
        files[form] = scratch / f"{name}.{form}"
        command = [tool, *flags, "--format", form, "-o", files[form], recorded.segments]
        written[form] = cost(["sh", "-c", 'rm -f "$1"; shift; exec "$@"', "sh", files[form],
                              *command], rounds)
        if form != "parquet":
            subprocess.run(["zstd", "-qfk", files[form]], check=True)
    # For an engine that has no times of nanoseconds.
    for form in ("csv", "jsonl"):
        files[form + ", epoch"] = scratch / f"{name}-epoch.{form}"
        subprocess.run([tool, *flags, "--format", form, "--time", "epoch", "-o",
                        files[form + ", epoch"], recorded.segments], check=True)
    with open(files["csv"], "rb") as file:
        rows = sum(1 for _ in file) - 1
    return Table(name, flags, rows, files, written)


def sizes(table: Table, recorded: Recorded) -> str:
    text = (f"| {table.rows:,} {table.name} | bytes a row | with zstd | rows/s of CPU, written "
            "from segments |\n| --- | --- | --- | --- |\n")
    for form in FORMATS:
        path = table.files[form]
        small = ("" if form == "parquet" else
                 f"{path.with_name(path.name + '.zst').stat().st_size / table.rows:.1f}")
        text += (f"| {form} | {path.stat().st_size / table.rows:.1f} | {small} | "
                 f"{table.rows / table.written[form].cpu_s:,.0f} |\n")
    for name, folder in (("segments", recorded.segments), ("archives", recorded.archives)):
        text += f"| {name} | | {recorded.bytes(folder) / table.rows:.1f} | |\n"
    return text


def loaded(store: stores.Store, table: Table, recorded: Recorded, rounds: int) -> str:
    """Rows of the table of load rates: one for each way into this engine."""
    place = store.place
    server = store.server()
    rest = at_rest(server)
    starts = [measured(store.nothing(), server, rest) for _ in range(rounds)]
    start = Cost(min(one.wall_s for one in starts), min(one.cpu_s for one in starts))
    ways = dict(store.ways(table.name, table.files, " ".join(table.flags)))
    for name, folder in (("segments", recorded.segments), ("archives", recorded.archives)):
        ways[name] = store.from_tool(table.name, " ".join(table.flags), folder)
    ways["floor"] = store.copy(table.name)
    text = ""
    for name, command in ways.items():
        took = []
        for _ in range(rounds):
            target = store.target(table.name) if name != "floor" else store.second(table.name)
            place.call(store.empty(target))
            took.append(measured(command, server, rest))
            found = store.count(target)
            if found != table.rows:
                raise SystemExit(f"{store.name}, {name}: {found} rows, not {table.rows}")
        wall, cpu = (sorted(values)[len(took) // 2] for values in (
            [max(LEAST_S, one.wall_s - start.wall_s) for one in took],
            [max(LEAST_S, one.cpu_s - start.cpu_s) for one in took]))
        text += (f"| {store.name} | {table.name} | {name} | {wall:.2f} | {cpu:.2f} | "
                 f"{table.rows / cpu:,.0f} |\n")
    return text


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("build", type=Path)
    options.add_argument("output", type=Path)
    options.add_argument("--connections", type=int, default=20_000)
    options.add_argument("--archives", type=Path)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tables", type=lambda text: text.split(","),
                         default=["connections", "records"])
    args = options.parse_args()
    build = args.build.resolve()
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        scratch.chmod(0o755)
        recorded = record(build, scratch, args)
        tables = [write(build, recorded, name, scratch, args.rounds) for name in args.tables]
        text = "".join(sizes(table, recorded) + "\n" for table in tables)
        text += ("| engine | table | from | s | CPU, s | rows/s of CPU |\n"
                 "| --- | --- | --- | --- | --- | --- |\n")
        for kind in stores.ALL:
            if (missing := kind.missing()) is not None:
                print(f"skipped: {kind.name}: {missing}")
                continue
            home = scratch / kind.name
            home.mkdir()
            home.chmod(0o755)
            with kind(databases.Place(home, str(build / "tools/tcpinfo-csv"), [])) as store:
                os.environ.update(store.place.env)
                for table in tables:
                    store.create(table.name, " ".join(table.flags))
                    text += loaded(store, table, recorded, args.rounds)
            shutil.rmtree(home, ignore_errors=True)
            args.output.with_suffix(".md").write_text(text)
    print(text)


main()
