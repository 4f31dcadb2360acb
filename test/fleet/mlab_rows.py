#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows as M-Lab's ETL makes them, by docs/fleet/views/bigquery-mlab.sql, of archives: each number
must be the one that the same record has in M-Lab's own CSV (tcpinfo-csv --compat mlab), and there
must be a field for each of its columns, and no other.

usage: mlab_rows.py TCPINFO_CSV DOCS_FLEET ARCHIVE…

There is no BigQuery here. DuckDB makes the view, of a table whose columns have the nearest types;
what is BigQuery's own way to write (STRUCT, SAFE_CAST) is rewritten for it, word by word. Besides
ARCHIVEs, the first one is read with attributes that its kernel did not send.
"""
from __future__ import annotations

import base64
import csv
import io
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checks"))
# pylint: disable=wrong-import-position
import databases  # noqa: E402

SKIP = 77
# Groups of the columns of M-Lab's CSV, and where they are in a row of the ETL.
GROUPS = {"TCP": "TCPInfo", "MemInfo": "MemInfo", "SKMemInfo": "SocketMem", "Vegas": "VegasInfo",
          "DCTCP": "DCTCPInfo", "BBR": "BBRInfo"}
# Columns that M-Lab misspells, the latter of its two of that name; and those that tell of its
# parser, which a row has not.
MISSPELT = {"SKMemInfo.Sndbug": "SocketMem.Sndbuf"}
OF_ITS_PARSER = {"Timestamp", "Observed", "NotFullyParsed"}
SOCK_ID = {"SPort": "SPort", "DPort": "DPort", "Src": "SrcIP", "Dst": "DstIP",
           "Interface": "Interface", "Cookie": "Cookie"}


# Attributes that a kernel sends only where somebody asks for them, and their sizes: memory, Vegas,
# TOS, TCLASS, memory of the socket, shutdown, DCTCP, mark, BBR.
DRAWN = {1: 16, 3: 16, 5: 1, 6: 1, 7: 36, 8: 1, 9: 16, 15: 4, 16: 20}


def with_all(archive: Path, to: Path) -> Path:
    """The archive with each of these in its records."""
    draw = random.Random(7)
    lines = []
    for line in archive.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        if "RawIDM" in said:
            attributes = said["Attributes"] + [None] * 20
            for kind, size in DRAWN.items():
                # Below 2^31, and shutdown below 4.
                drawn = bytes(draw.randrange(4 if kind == 8 or at % 4 == 3 else 256)
                              for at in range(size))
                attributes[kind] = base64.b64encode(drawn).decode()
            said["Attributes"] = attributes[:17]
        lines.append(json.dumps(said, separators=(",", ":")))
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return to


def split(text: str) -> list[str]:
    """By the commas that are in no parenthesis."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def structs_for_duckdb(sql: str) -> str:
    """STRUCT(x AS y) is struct_pack(y := x)."""
    while (at := sql.rfind("STRUCT(")) >= 0:
        begin = at + len("STRUCT(")
        end, depth = begin, 1
        while depth:
            depth += (sql[end] == "(") - (sql[end] == ")")
            end += 1
        fields = [re.fullmatch(r"(.*)\sAS\s+(\w+)\s*", part, re.DOTALL)
                  for part in split(sql[begin:end - 1])]
        assert all(fields), sql[at:end]
        packed = ", ".join(f'"{field[2]}" := {field[1].strip()}' for field in fields if field)
        sql = f"{sql[:at]}struct_pack({packed}){sql[end:]}"
    return sql


def for_duckdb(sql: str) -> str:
    lines = [line for line in sql.splitlines() if not line.startswith("--")]
    return structs_for_duckdb("\n".join(lines)).replace("SAFE_CAST", "TRY_CAST")


def place_of(column: str) -> str:
    """Where a row of the ETL has what a column of M-Lab's CSV has."""
    group, _, name = column.rpartition(".")
    if column in MISSPELT:
        return MISSPELT[column]
    if group == "IDM.SockID":
        return f"SockID.{SOCK_ID[name]}"
    if group == "IDM":
        return f"InetDiagMsg.IDiag{name}"
    return f"{GROUPS[group]}.{name}" if group else name


def leaves(row: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(row, dict):
        yield prefix[:-1], row
        return
    for name, inner in row.items():
        yield from leaves(inner, f"{prefix}{name}.")


def same(cell: str, value: Any) -> bool:
    """M-Lab has no NULL: what is not there is 0 or nothing, what the kernel has not set its highest
    number."""
    if value is None:
        return cell in ("", "0", "-1", "4294967295", "2147483647")
    return cell == str(value)


def compare(row: dict[str, Any], cells: list[dict[str, str]]) -> list[str]:
    faults = []
    snapshots = row["raw"]["Snapshots"]
    if len(snapshots) != len(cells):
        return [f"{row['id']}: {len(snapshots)} snapshots, not {len(cells)}"]
    if row["a"]["FinalSnapshot"] != snapshots[-1]:
        faults.append(f"{row['id']}: another final snapshot than the last one")
    for number, (snapshot, wanted) in enumerate(zip(snapshots, cells, strict=True)):
        got = dict(leaves(snapshot)) | {f"SockID.{name}": value
                                        for name, value in row["a"]["SockID"].items()}
        for place, cell in wanted.items():
            group = place.split(".")[0]
            value = got[place] if place in got else got[group]  # the whole group may be NULL
            if place == "SockID.Cookie":
                value = f"{value:X}"
            if not same(cell, value):
                faults.append(f"{row['id']}, snapshot {number}: {place} is {value}, not {cell}")
    return faults


def names_missing(row_type: str, places: list[str]) -> list[str]:
    """What DuckDB calls the type of a snapshot, against the columns."""
    named = set(re.findall(r'"?(\w+)"? (?!STRUCT)[A-Z]\w*', row_type))
    wanted = {place.rpartition(".")[2] for place in places if not place.startswith("SockID.")}
    return sorted((wanted | {"Timestamp"}) ^ named)


def made_by_view(tool: str, sql: str, archive: Path) -> tuple[list[dict[str, Any]], str]:
    """Its rows, and what DuckDB calls the type of a snapshot."""
    with tempfile.TemporaryDirectory() as scratch:
        place = databases.Place(Path(scratch), tool, [str(archive)])
        # The columns of --ddl bigquery, which must be those of DuckDB's table.
        names = [re.findall(r"^  (\w+) ", place.call(f"tcpinfo-csv --ddl {database}"),
                            re.MULTILINE) for database in ("bigquery", "duckdb")]
        assert names[0] == names[1] and len(names[0]) > 100
        place.call("tcpinfo-csv --ddl duckdb | duckdb tcpinfo.duckdb")
        place.call(f"tcpinfo-csv -o rows.csv {databases.SPOOL}")
        place.call("duckdb tcpinfo.duckdb -c \"copy tcpinfo from 'rows.csv' (header)\"")
        place.env["SQL"] = sql
        place.call('duckdb tcpinfo.duckdb -c "$SQL"')
        made = place.call("duckdb tcpinfo.duckdb -c "
                          "'select to_json(row) from mlab_tcpinfo as row'")
        kind = place.call("duckdb tcpinfo.duckdb -c "
                          "'select typeof(a.FinalSnapshot) from mlab_tcpinfo limit 1'")
        return [json.loads(line) for line in made.splitlines()], kind


def check(tool: str, sql: str, archive: Path) -> tuple[int, list[str]]:
    """How many snapshots there are, and what is wrong."""
    made, kind = made_by_view(tool, sql, archive)
    text = subprocess.run([tool, "--compat", "mlab", archive], capture_output=True, text=True,
                          check=True).stdout
    heading, *table = csv.reader(io.StringIO(text))
    places = [column if column in OF_ITS_PARSER else place_of(column) for column in heading]
    second = len(heading) - 1 - heading[::-1].index("TCP.LastDataRecv")
    places[second] = "TCPInfo.LastAckRecv"
    wanted = [{name: cell for name, cell in zip(places, line, strict=True)
               if name not in OF_ITS_PARSER} for line in table]
    # The first line of an archive is of no socket.
    wanted = [cells for cells in wanted if cells["InetDiagMsg.IDiagFamily"] not in ("", "0")]
    if differ := names_missing(kind, [name for name in places if name not in OF_ITS_PARSER]):
        return 0, [f"{archive}: names that one of both has: {differ}"]
    if len(made) != 1:
        return 0, [f"{archive}: {len(made)} rows, not one"]
    return len(wanted), compare(made[0], wanted)


def main() -> None:
    tool, docs = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    if not databases.is_here("duckdb"):
        print("skipped: no npm package @duckdb/node-api")
        sys.exit(SKIP)
    sql = for_duckdb((docs / "views" / "bigquery-mlab.sql").read_text(encoding="utf-8"))
    faults: list[str] = []
    snapshots = 0
    with tempfile.TemporaryDirectory() as scratch:
        archives = [Path(name).resolve() for name in sys.argv[3:]]
        archives.append(with_all(archives[0], Path(scratch) / "all.jsonl"))
        for archive in archives:
            count, found = check(tool, sql, archive)
            snapshots += count
            faults += found
    print(*faults[:20], sep="\n")
    print(f"{len(archives)} rows with {snapshots} snapshots, {len(faults)} faults")
    sys.exit(1 if faults or not snapshots else 0)


main()
