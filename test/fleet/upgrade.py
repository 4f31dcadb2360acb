#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of two versions of the table go into each engine by turns, as while a fleet is upgraded.

usage: upgrade.py TCPINFO_CSV DOCS_FLEET [CONNECTIONS]

The old version has fewer columns. Its table is made first and takes its rows; then the columns of
the new one are added, and pieces of either version come in turns. No row is refused, each keeps its
values, and what the old version does not have is NULL.
"""
from __future__ import annotations

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


def upgrade(engine: engines.Engine, folders: list[Path], tool: str) -> tuple[list[str], list[str]]:
    """What the engine says in the end, and what the rows say."""
    engine.begin()
    every = engine.definitions()
    old = ",".join(name for name in every if name not in NEW)
    engine.create(old)
    assert list(engine.definitions(old)) == old.split(",")
    wanted = [0] * 6
    for number, folder in enumerate(folders):
        if number == 2:
            for name in NEW:
                engine.add_column(every[name])
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
    print(*faults, sep="\n")
    print(f"{asked} engines, {len(faults)} faults")
    sys.exit(1 if faults else 0 if asked else SKIP)


main()
