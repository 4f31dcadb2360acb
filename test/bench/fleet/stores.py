# SPDX-License-Identifier: Apache-2.0
"""The engines that rows are loaded into, each with a command for each way in."""
from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import clickhouse
import databases

TARGETS = {"connections": "tcpinfo_connections", "records": "tcpinfo"}


class Store(contextlib.ExitStack):
    """Commands are bash's, and run in the environment of `place`."""

    name: ClassVar[str]
    database: ClassVar[str]  # of --ddl
    flags: ClassVar[str] = ""  # what tcpinfo-csv needs besides
    empties: ClassVar[str] = "delete from {}"

    def __init__(self, place: databases.Place):
        super().__init__()
        self.place = place

    @classmethod
    def missing(cls) -> str | None:
        raise NotImplementedError

    def server(self) -> int | None:
        """The process that works for the client, with its children."""
        return None

    def sql(self, text: str) -> str:
        """The command that runs it and prints cells."""
        raise NotImplementedError

    def ways(self, table: str, files: dict[str, Path], flags: str) -> Iterator[tuple[str, str]]:
        """What is loaded, and the command that does it."""
        raise NotImplementedError

    def from_tool(self, table: str, flags: str, folder: Path) -> str:
        """From what is recorded, through tcpinfo-csv."""
        raise NotImplementedError

    @staticmethod
    def target(table: str) -> str:
        return TARGETS[table]

    @staticmethod
    def second(table: str) -> str:
        return TARGETS[table] + "_copy"

    def nothing(self) -> str:
        return self.sql("select 1")

    def empty(self, target: str) -> str:
        return self.sql(self.empties.format(target))

    def copy(self, table: str) -> str:
        return self.sql(f"insert into {self.second(table)} select * from {self.target(table)}")

    def count(self, target: str) -> int:
        return int(self.place.call(self.sql(f"select count(*) from {target}")))

    def create(self, table: str, flags: str) -> None:
        made = self.place.call(f"tcpinfo-csv {flags} {self.flags} --ddl {self.database}")
        self.place.call(self.sql(made))
        # With the same keys, and without what the statement says beside the table.
        twin = made.replace(self.target(table), self.second(table))
        self.place.call(self.sql(twin))


class DuckDB(Store):
    name = database = "duckdb"
    empties = "truncate {}"

    @classmethod
    def missing(cls) -> str | None:
        return None if databases.is_here("duckdb") else "no npm package @duckdb/node-api"

    def sql(self, text: str) -> str:
        return f"cd {self.place.folder} && duckdb bench.duckdb -c {shlex.quote(text)}"

    def ways(self, table: str, files: dict[str, Path], flags: str) -> Iterator[tuple[str, str]]:
        target = self.target(table)
        yield "csv", self.sql(f"copy {target} from '{files['csv']}' (header)")
        yield "jsonl", self.sql(f"copy {target} from '{files['jsonl']}' (format json)")
        yield "parquet", self.sql(f"copy {target} from '{files['parquet']}' (format parquet)")

    def from_tool(self, table: str, flags: str, folder: Path) -> str:
        rows = self.place.folder / "rows.parquet"
        load = self.sql(f"copy {self.target(table)} from '{rows}' (format parquet)")
        return f"tcpinfo-csv {flags} --format parquet -o {rows} {folder} && {load} && rm {rows}"


class PostgreSQL(Store):
    name = database = "postgresql"
    empties = "truncate {}"

    @classmethod
    def missing(cls) -> str | None:
        return None if databases.is_here("postgresql") else "no server is installed"

    def __enter__(self) -> PostgreSQL:
        self.enter_context(databases.postgres(self.place))
        return self

    def server(self) -> int | None:
        told = self.place.folder / "postgres/data/postmaster.pid"
        return int(told.read_text(encoding="utf-8").split()[0])

    def sql(self, text: str) -> str:
        return f"psql -qAtX -v ON_ERROR_STOP=1 -c {shlex.quote(text)}"

    def _copy_in(self, table: str) -> str:
        return self.sql(f"copy {self.target(table)} from stdin (format csv, header match)")

    def ways(self, table: str, files: dict[str, Path], flags: str) -> Iterator[tuple[str, str]]:
        target = self.target(table)
        yield "csv", f"{self._copy_in(table)} < {files['csv']}"
        # A quote and a delimiter that JSON has not: a line is one cell.
        yield "jsonl", (
            "psql -qAtX -v ON_ERROR_STOP=1 -c 'create temp table line (row json)' "
            "-c \"copy line from stdin (format csv, quote e'\\x01', delimiter e'\\x02')\" "
            f"-c 'insert into {target} select made.* from line, "
            f"json_populate_record(null::{target}, row) as made' < {files['jsonl']}")

    def from_tool(self, table: str, flags: str, folder: Path) -> str:
        return f"set -o pipefail; tcpinfo-csv {flags} {folder} | {self._copy_in(table)}"


class ClickHouse(Store):
    """One server of the two, with a table of its own."""

    name = "clickhouse"
    database = "clickhouse-plain"
    flags = "--time epoch"
    empties = "truncate table {}"

    @classmethod
    def missing(cls) -> str | None:
        return clickhouse.missing()

    def __enter__(self) -> ClickHouse:
        self.cluster = self.enter_context(clickhouse.Cluster(self.place.folder))
        return self

    def server(self) -> int | None:
        return self.cluster.servers["a"].pid

    def sql(self, text: str) -> str:
        return f"{self.cluster.client('a')} -n -q {shlex.quote(text)}"

    def _insert(self, table: str, form: str) -> str:
        return f"{self.cluster.client('a')} -q 'insert into {self.target(table)} format {form}'"

    def ways(self, table: str, files: dict[str, Path], flags: str) -> Iterator[tuple[str, str]]:
        yield "csv", f"{self._insert(table, 'CSVWithNames')} < {files['csv, epoch']}"
        yield "jsonl", f"{self._insert(table, 'JSONEachRow')} < {files['jsonl, epoch']}"

    def from_tool(self, table: str, flags: str, folder: Path) -> str:
        return (f"set -o pipefail; tcpinfo-csv {flags} {self.flags} {folder} | "
                f"{self._insert(table, 'CSVWithNames')}")


ALL: tuple[type[Store], ...] = (DuckDB, PostgreSQL, ClickHouse)
