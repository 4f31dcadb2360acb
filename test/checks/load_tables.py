#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads tables into PostgreSQL, DuckDB and SQLite with the commands of the manual page, and asks
what it asks.

usage: load_tables.py TCPINFO_CSV MANUAL ARCHIVE...

What is not here is skipped, and said. No row may be refused, no number may change, and the answers
must be those that the table itself gives.
"""
import base64
import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import databases

SKIP = 77
# Any number of these: a wrong column or a lost row shows in one of them.
SUMS = "select count(*), count(rtt_us), sum(rtt_us), sum(bytes_received), count(cong), " \
       "count(distinct src) from tcpinfo"
# A number that is neither a signed integer nor a double.
LARGE = 2**64 - 3
COOKIES = f"select count(*) from tcpinfo where cast(cookie as varchar(20)) = '{LARGE}'"


def manual(path: Path) -> tuple[dict[str, str], str]:
    """The commands that load a table into each database, and the query."""
    text = path.read_text(encoding="utf-8").replace("\\*", "*").replace("\\\\\n", "\\\n")
    blocks = re.findall(r"^\t.*(?:\n\t.*)*", text[text.index("# EXAMPLES"):], re.MULTILINE)
    plain = [re.sub(r"^\t", "", block, flags=re.MULTILINE) for block in blocks]
    commands = {match[1]: block for block in plain
                if (match := re.match(r"tcpinfo-csv --ddl (\w+)", block))}
    queries = [block for block in plain if block.startswith("select ")]
    assert set(commands) >= {"postgresql", "duckdb", "sqlite"} and len(queries) == 1, plain
    return commands, queries[0]


def with_large_numbers(golden: Path, to: Path) -> None:
    """An archive whose connection has a cookie that is no signed integer."""
    lines = []
    for line in golden.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record.get("RawIDM"):
            idm = bytearray(base64.b64decode(record["RawIDM"]))
            idm[44:52] = LARGE.to_bytes(8, "little")
            record["RawIDM"] = base64.b64encode(idm).decode()
        lines.append(json.dumps(record))
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")


def numbers(line: str) -> list[float]:
    return [float(one) for one in line.split("|")]


def expected(table: Path) -> tuple[list[float], list[list[str | float]], int]:
    """What the sums and the manual's query must give, from the table's own rows, and how many of
    these have a large number."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    large = sum(row["cookie"] == str(LARGE) for row in rows)
    assert large > 0

    def whole(name: str) -> list[int]:
        return [int(row[name]) for row in rows if row[name] != ""]
    sums = [len(rows), len(whole("rtt_us")), sum(whole("rtt_us")), sum(whole("bytes_received")),
            sum(row["cong"] != "" for row in rows), len({row["src"] for row in rows})]
    of_flow: dict[str, tuple[str, list[int]]] = {}
    for row in rows:
        cong, rtts = of_flow.get(row["uuid"], ("", []))
        if row["min_rtt_us"] != "":
            rtts.append(int(row["min_rtt_us"]))
        of_flow[row["uuid"]] = (max(cong, row["cong"]), rtts)
    of_cong: dict[str, list[list[int]]] = {}
    for cong, rtts in of_flow.values():
        of_cong.setdefault(cong, []).append(rtts)
    answer = []
    for cong, flows in sorted(of_cong.items(), key=lambda item: (-len(item[1]), item[0])):
        least = [min(rtts) for rtts in flows if rtts]
        answer.append([cong, len(flows), sum(least) / len(least) if least else -1.0])
    return [float(one) for one in sums], answer, large


def load(name: str, place: databases.Place, commands: str, query: str, wanted) -> list[str]:
    """What is wrong."""
    sums, answer, large = wanted
    faults = []
    with databases.STARTED[name](place) as ask:
        def asked(sql: str) -> list[str]:
            place.env["SQL"] = sql
            return place.call(ask).splitlines()
        place.call(commands)
        got = numbers(asked(SUMS)[0])
        print(f"{name}: {got}")
        if got != sums:
            faults.append(f"{name}: {got}, not {sums}")
        if numbers(asked(COOKIES)[0]) != [large]:
            faults.append(f"{name}: {asked(COOKIES)[0]} of {large} rows have the cookie {LARGE}")
        told = [line.split("|") for line in asked(query)]
        rows = sorted([cong, int(n), round(float(rtt), 3) if rtt else -1.0]
                      for cong, n, rtt in told)
        if rows != sorted([cong, n, round(rtt, 3)] for cong, n, rtt in answer):
            faults.append(f"{name}: the manual's query gives {rows}, not {answer}")
    return faults


def main() -> None:
    tool, page = sys.argv[1], Path(sys.argv[2])
    paths = [str(Path(path).resolve()) for path in sys.argv[3:]]
    commands, query = manual(page)
    loaded = 0
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        with_large_numbers(Path(paths[0]), folder / "large.00000.jsonl")
        paths.append(str(folder / "large.00000.jsonl"))
        table = folder / "table.csv"
        subprocess.run([tool, "-o", table, *paths], check=True)
        wanted = expected(table)
        print("wanted:", *wanted[0])
        for name in databases.STARTED:
            if not databases.is_here(name):
                print(f"skipped: {name} is not here")
                continue
            loaded += 1
            place = folder / name
            place.mkdir()
            try:
                faults += load(name, databases.Place(place, tool, paths), commands[name], query,
                               wanted)
            except RuntimeError as fault:
                faults.append(f"{name}: {fault}")
    print(*faults, sep="\n")
    print(f"{loaded} databases, {len(faults)} faults")
    sys.exit(1 if faults else 0 if loaded else SKIP)


main()
