#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads the default table into PostgreSQL and DuckDB with the types that --list-columns names.

usage: load_tables.py TCPINFO_CSV PATH...

A PostgreSQL server is started for this in a folder of its own, by an unprivileged user, without a
port. DuckDB is the npm package @duckdb/node-api, looked for by node (NODE_PATH helps). What is not
here is skipped, and said. No row may be refused, and the counts and a few sums must agree.
"""
import csv
import glob
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIP = 77
POSTGRES = {"u8": "smallint", "u16": "integer", "u32": "bigint", "u64": "numeric(20)",
            "boolean": "boolean", "text": "text", "address": "inet", "time": "timestamptz"}
DUCKDB = {"u8": "utinyint", "u16": "usmallint", "u32": "uinteger", "u64": "ubigint",
          "boolean": "boolean", "text": "varchar", "address": "varchar", "time": "timestamp_ns"}
# Any number of these: a wrong column or a lost row shows in one of them.
SUMS = "select count(*), count(rtt_us), sum(rtt_us), sum(bytes_received), count(cong), " \
       "count(distinct src) from t"

DUCKDB_SCRIPT = r"""
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const db = await (await DuckDBInstance.create(':memory:')).connect();
  for (const sql of JSON.parse(process.argv[1])) {
    const rows = await (await db.run(sql)).getRows();
    if (sql.startsWith('select')) console.log(rows[0].join('|'));
  }
})().catch((e) => { console.error(String(e)); process.exit(1); });
"""


def columns(tool: str, types: dict[str, str]) -> dict[str, str]:
    listed = subprocess.run([tool, "--list-columns"], capture_output=True, text=True, check=True)
    rows = csv.DictReader(listed.stdout.splitlines(), delimiter="\t")
    return {row["name"]: types[row["type"]] for row in rows}


def postgres(tool: str, table: Path, folder: Path) -> str | None:
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not programs:
        return None
    bin_dir = Path(programs[-1]).parent
    where = folder / "postgres"
    where.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        nobody = pwd.getpwnam("nobody")
        os.chown(where, nobody.pw_uid, nobody.pw_gid)
        as_user = ["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid),
                   "--clear-groups"]

    def call(*command: object, given: str | None = None) -> str:
        done = subprocess.run([*as_user, *map(str, command)], input=given, capture_output=True,
                              text=True, check=False, cwd=where)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    call(bin_dir / "initdb", "-D", where / "data", "-A", "trust", "-U", "test", "-E", "UTF8", "-N")
    control = [bin_dir / "pg_ctl", "-D", where / "data", "-w", "-l", where / "log"]
    call(*control, "-o", f"-c listen_addresses= -k {where}", "start")
    try:
        names = ", ".join(f"{name} {kind}" for name, kind in columns(tool, POSTGRES).items())
        with open(table, "rb") as rows:
            done = subprocess.run(
                [*as_user, "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", where, "-U", "test",
                 "-d", "postgres", "-c", f"create table t ({names})",
                 "-c", "copy t from stdin (format csv, header match)", "-c", SUMS],
                stdin=rows, capture_output=True, text=True, check=False, cwd=where)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()
    finally:
        call(*control, "-m", "immediate", "stop")


def duckdb(tool: str, table: Path) -> str | None:
    if shutil.which("node") is None or subprocess.run(
            ["node", "-e", "require('@duckdb/node-api')"], capture_output=True,
            check=False).returncode != 0:
        return None
    kinds = columns(tool, DUCKDB)
    names = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    commands = [f"create table t ({names})",
                f"copy t from '{table}' (format csv, header true)", SUMS]
    done = subprocess.run(["node", "-e", DUCKDB_SCRIPT, json.dumps(commands)], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout.strip()


def main() -> None:
    tool, paths = sys.argv[1], sys.argv[2:]
    loaded = failed = 0
    answers: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        table = folder / "table.csv"
        # The golden files have a record with half a field: a loss, but its row is there.
        subprocess.run([tool, "-o", table, *paths], stderr=subprocess.DEVNULL, check=False)
        with open(table, newline="", encoding="utf-8") as rows:
            expected = sum(1 for _ in csv.reader(rows)) - 1
        for name, load in (("PostgreSQL", lambda: postgres(tool, table, folder)),
                           ("DuckDB", lambda: duckdb(tool, table))):
            try:
                answer = load()
            except RuntimeError as fault:
                failed += 1
                print(f"{name}: {fault}")
                continue
            if answer is None:
                print(f"skipped: {name} is not here")
                continue
            loaded += 1
            print(f"{name}: {answer} ({expected} rows wanted)")
            failed += answer.split("|")[0] != str(expected)
            answers[name] = [int(one) for one in answer.split("|")]
        if len({tuple(one) for one in answers.values()}) > 1:
            failed += 1
            print(f"the sums differ: {answers}")
    sys.exit(1 if failed else 0 if loaded else SKIP)


main()
