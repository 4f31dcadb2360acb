#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of two versions of the table go into each engine by turns, as while a fleet is upgraded.

usage: upgrade.py TCPINFO_CSV DOCS_FLEET [CONNECTIONS]

The old version has fewer columns. Its table is made first and takes its rows; then the columns of
the new one are added by docs/fleet/add-columns.sh, and pieces of either version come in turns. No
row is refused, each keeps its values, and what the old version does not have is NULL.
"""
from __future__ import annotations

import contextlib
import csv
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checks"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
import engines  # noqa: E402
import traffic  # noqa: E402

SKIP = 77
PIECES = 6
NEW = ("host", "comm", "why", "why_share", "total_retrans_segments")
SUMS = ("select count(*), count(comm), count(total_retrans_segments), "
        "sum(total_retrans_segments), sum(min_rtt_us), sum(sent_bytes) from tcpinfo_connections")


def columns(tool: str) -> list[str]:
    listed = subprocess.run([tool, "--connections", "--list-columns"], capture_output=True,
                            text=True, check=True).stdout
    return [line.split("\t")[0] for line in listed.splitlines()[1:]]


def add_columns(docs: Path, old: str, new: str) -> subprocess.CompletedProcess[str]:
    """The script, of two statements of --ddl."""
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch) / name for name in ("old.sql", "new.sql")]
        for file, text in zip(files, (old, new), strict=True):
            file.write_text(text, encoding="utf-8")
        return subprocess.run(["sh", docs / "add-columns.sh", *files], capture_output=True,
                              text=True, check=False)


def growth(docs: Path, old: str, new: str) -> str:
    """What it says between them."""
    done = add_columns(docs, old, new)
    done.check_returncode()
    return done.stdout


def upgrade(engine: engines.Engine, folders: list[Path], tool: str) -> tuple[list[str], list[str]]:
    """What the engine says in the end, and what the rows say."""
    engine.begin()
    every = columns(tool)
    old = ",".join(name for name in every if name not in NEW)
    engine.create(old)
    wanted = [0] * 6
    for number, folder in enumerate(folders):
        if number == 2:
            engine.alter(growth(engine.docs, engine.ddl(old), engine.ddl("")))
        is_new = number >= 2 and number % 2 == 0
        rows = engine.place.folder / f"{number}.csv"
        subprocess.run([tool, "--connections", "--why", *engine.flags.split(), "-o", rows, folder,
                        *([] if is_new else ["--columns", old])], check=True)
        engine.add_rows(rows)
        lines = rows.read_text(encoding="utf-8").splitlines()
        names = lines[0].split(",")
        for line in lines[1:]:
            row = dict(zip(names, line.split(","), strict=True))
            again = row.get("total_retrans_segments", "")
            # ClickHouse takes an empty cell for an empty text, the others for none.
            named = "comm" in row if engine.name == "clickhouse" else bool(row.get("comm"))
            for at, value in enumerate((1, named, again != "", int(again or 0),
                                        int(row["min_rtt_us"]), int(row["sent_bytes"]))):
                wanted[at] += value
    return engine.ask(SUMS)[0], [str(value) for value in wanted]


def unasked(tool: str, docs: Path) -> list[str]:
    """Of databases that are not here, which columns are added."""
    old = ",".join(name for name in columns(tool) if name not in NEW)
    faults = []
    for database in ("bigquery", "clickhouse"):
        ddl = [subprocess.run([tool, "--connections", "--ddl", database, *more],
                              capture_output=True, text=True, check=True).stdout
               for more in (["--columns", old], [])]
        added = re.findall(r"^ALTER TABLE tcpinfo_connections ADD COLUMN (\w+) ",
                           growth(docs, *ddl), re.MULTILINE)
        if sorted(added) != sorted(NEW):
            faults.append(f"{database}: {added} are added")
    # Of a column that has another type, in a table that has others more.
    done = add_columns(docs, ddl[0], re.sub(r"(?m)^(  uuid) \w+", r"\1 UInt8", ddl[1]))
    if done.returncode != 1 or done.stdout or "uuid is" not in done.stderr:
        faults.append(f"another type: {done}")
    return faults


def by_import(tool: str, docs: Path, folders: list[Path]) -> list[str]:
    """The same with SQLite, whose rows go through a view."""
    def say(*flags: object) -> str:
        return subprocess.run([tool, "--connections", *map(str, flags)], capture_output=True,
                              text=True, check=True).stdout

    old = ",".join(name for name in columns(tool) if name not in NEW)
    wanted = []
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(say("--ddl", "sqlite", "--columns", old))
        for flags, folder in ((("--columns", old), folders[0]), ((), folders[1])):
            if not flags:
                database.executescript(growth(docs, say("--ddl", "sqlite", "--columns", old),
                                              say("--ddl", "sqlite")))
            heading, *rows = csv.reader(say("--why", *flags, folder).splitlines())
            database.executemany("insert into tcpinfo_connections_csv values "
                                 f"({','.join('?' * len(heading))})", rows)
            for row in rows:
                cells = dict(zip(heading, row, strict=True))
                wanted.append(tuple(cells.get(name) or None for name in ("uuid", "dst", *NEW)))
        got = database.execute(f"select uuid, dst, {', '.join(NEW)} from tcpinfo_connections")
        found = [tuple(None if cell is None else str(cell) for cell in row) for row in got]
    return [] if sorted(found, key=str) == sorted(wanted, key=str) else ["sqlite: other rows"]


def main() -> None:
    tool, docs = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    many = int(sys.argv[3]) if len(sys.argv) > 3 else 600
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        base.chmod(0o755)
        folders = []
        for number in range(PIECES):
            folders.append(base / f"archives{number}")
            folders[-1].mkdir()
            traffic.make(folders[-1], many // PIECES, seed=number)

        def judge(engine: engines.Engine) -> list[str]:
            got, wanted = upgrade(engine, folders, tool)
            print(f"{engine.name}: {got}")
            return [] if got == wanted else [f"{engine.name}: {got}, not {wanted}"]

        asked, faults = engines.ask_all(base, tool, [], docs, judge)
        faults += by_import(tool, docs, folders) + unasked(tool, docs)
    print(*faults, sep="\n")
    print(f"{asked} engines, {len(faults)} faults")
    sys.exit(1 if faults else 0 if asked else SKIP)


main()
