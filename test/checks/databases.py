# SPDX-License-Identifier: Apache-2.0
"""Databases that checks load tables into: each is started in a folder of its own, without a port.

A PostgreSQL server runs as an unprivileged user. DuckDB is the npm package @duckdb/node-api, looked
for by node (NODE_PATH helps).
"""
from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import subprocess
from pathlib import Path

# What the manual calls the folder of the archives.
SPOOL = "/var/spool/tcpinfo"
# Its command line is not in npm's package: this runs what the manual gives to it.
DUCKDB = """#!/usr/bin/env node
const { DuckDBInstance } = require('@duckdb/node-api');
const [file, flag, given] = process.argv.slice(2);
const sql = flag === '-c' ? given : require('fs').readFileSync(0, 'utf8');
(async () => {
  const db = await (await DuckDBInstance.create(file)).connect();
  const rows = await (await db.run(sql)).getRows();
  for (const row of rows)
    console.log(row.map((cell) => (cell === null ? '' : String(cell))).join('|'));
})().catch((e) => { console.error(String(e)); process.exit(1); });
"""


class Place:
    """A folder in which the commands run, with what they name on the PATH."""

    def __init__(self, folder: Path, tool: str, paths: list[str]):
        self.folder, self.paths = folder, paths
        programs = folder / "bin"
        programs.mkdir()
        (programs / "tcpinfo-csv").symlink_to(Path(tool).resolve())
        (programs / "duckdb").write_text(DUCKDB, encoding="utf-8")
        (programs / "duckdb").chmod(0o755)
        self.env = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}")

    def call(self, command: str) -> str:
        done = subprocess.run(["bash", "-ec", command.replace(SPOOL, " ".join(self.paths))],
                              capture_output=True, text=True, check=False, cwd=self.folder,
                              env=self.env)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


@contextlib.contextmanager
def postgres(place: Place):
    bin_dir = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1]).parent
    where = place.folder / "postgres"
    where.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        nobody = pwd.getpwnam("nobody")
        os.chown(where, nobody.pw_uid, nobody.pw_gid)
        as_user = ["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid),
                   "--clear-groups"]

    def call(*command: object) -> None:
        done = subprocess.run([*as_user, *map(str, command)], capture_output=True, text=True,
                              check=False, cwd=where)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())

    call(bin_dir / "initdb", "-D", where / "data", "-A", "trust", "-U", "test", "-E", "UTF8", "-N")
    control = [bin_dir / "pg_ctl", "-D", where / "data", "-w", "-l", where / "log"]
    call(*control, "-o", f"-c listen_addresses= -k {where}", "start")
    place.env |= {"PGHOST": str(where), "PGUSER": "test", "PGDATABASE": "postgres"}
    try:
        yield 'psql -qAtX -v ON_ERROR_STOP=1 -c "$SQL"'
    finally:
        call(*control, "-m", "immediate", "stop")


@contextlib.contextmanager
def duckdb(_: Place):
    yield 'duckdb tcpinfo.duckdb -c "$SQL"'


@contextlib.contextmanager
def sqlite(_: Place):
    yield 'sqlite3 tcpinfo.sqlite "$SQL"'


def is_here(name: str) -> bool:
    if name == "postgresql":
        return bool(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if name == "sqlite":
        return shutil.which("sqlite3") is not None
    return shutil.which("node") is not None and subprocess.run(
        ["node", "-e", "require('@duckdb/node-api')"], capture_output=True,
        check=False).returncode == 0


STARTED = {"postgresql": postgres, "duckdb": duckdb, "sqlite": sqlite}
