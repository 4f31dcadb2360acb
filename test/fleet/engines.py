# SPDX-License-Identifier: Apache-2.0
"""The engines that answer the questions of docs/fleet, each with its way to load and to ask."""
from __future__ import annotations

import contextlib
import datetime
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checks"))
# pylint: disable=wrong-import-position
import clickhouse  # noqa: E402
import databases  # noqa: E402

# The table of an application, as an operator has one.
LOG = ("create table application_log (began {time}, src {text}, sport {port}, dst {text}, "
       "dport {port}, request {text}, ms {port})")


class Engine(contextlib.ExitStack):
    """Runs in `place`; `docs` is the folder with the views."""

    name: ClassVar[str]
    database: ClassVar[str]  # of --ddl
    flags: ClassVar[str] = ""  # what tcpinfo-csv needs besides

    def __init__(self, place: databases.Place, docs: Path):
        super().__init__()
        self.place, self.docs = place, docs

    def __enter__(self) -> Engine:
        return self

    @classmethod
    def missing(cls) -> str | None:
        """Why it cannot be asked here."""
        raise NotImplementedError

    def begin(self) -> None:
        """Starts it, with no table."""

    def create(self, columns: str) -> None:
        """The table, of these columns of tcpinfo-csv; of all, where none are named."""
        raise NotImplementedError

    def ddl(self, columns: str) -> str:
        given = f"--columns {columns}" if columns else ""
        return self.place.call(f"tcpinfo-csv --connections {self.flags} {given} "
                               f"--ddl {self.database}")

    def alter(self, sql: str) -> None:
        """Changes the table by the statements of docs/fleet/add-columns.sh."""
        raise NotImplementedError

    def add_rows(self, rows: Path) -> None:
        """What tcpinfo-csv wrote, whichever columns of the table that has."""
        raise NotImplementedError

    def make_view(self) -> None:
        """The view that questions ask."""
        raise NotImplementedError

    def add_log(self, log: Path) -> None:
        """The table of an application."""
        raise NotImplementedError

    def ask(self, question: str) -> list[list[str]]:
        raise NotImplementedError

    def load(self, log: Path) -> None:
        """All that the questions ask of."""
        self.begin()
        self.create("")
        rows = self.place.folder / "rows.csv"
        self.place.call(f"tcpinfo-csv --connections {self.flags} --why -o {rows} "
                        f"{databases.SPOOL}")
        self.add_rows(rows)
        self.make_view()
        self.add_log(log)


def names_of(rows: Path) -> str:
    with open(rows, encoding="utf-8") as file:
        return file.readline().strip()


class PostgreSQL(Engine):
    name = database = "postgresql"

    @classmethod
    def missing(cls) -> str | None:
        return None if databases.is_here("postgresql") else "no server is installed"

    def _psql(self, sql: str, rows: Path | None = None) -> str:
        self.place.env["SQL"] = sql
        return self.place.call('psql -qAtX -v ON_ERROR_STOP=1 -c "$SQL"'
                               + (f" < {rows}" if rows else ""))

    def begin(self) -> None:
        self.enter_context(databases.postgres(self.place))

    def create(self, columns: str) -> None:
        # Partitioned as the page says it, with a partition for the first week of the traffic.
        table = self.ddl(columns).replace("\n);\n", "\n) PARTITION BY RANGE (first_seen);\n", 1)
        part = "create table tcpinfo_connections_{} partition of tcpinfo_connections {};"
        week = "for values from ('2023-11-14Z') to ('2023-11-21Z')"
        self._psql(table + part.format("week", week) + part.format("rest", "default"))

    def alter(self, sql: str) -> None:
        self._psql(sql)

    def add_rows(self, rows: Path) -> None:
        self._psql(f"copy tcpinfo_connections ({names_of(rows)}) from stdin (format csv, header)",
                   rows)

    def make_view(self) -> None:
        self.place.call(f"psql -q -v ON_ERROR_STOP=1 -f {self.docs}/views/postgresql.sql")

    def add_log(self, log: Path) -> None:
        self._psql(LOG.format(time="timestamptz", text="text", port="int"))
        self._psql("copy application_log from stdin (format csv)", log)

    def ask(self, question: str) -> list[list[str]]:
        return [line.split("|") for line in self._psql(question).splitlines()]


class DuckDB(Engine):
    name = database = "duckdb"

    @classmethod
    def missing(cls) -> str | None:
        return None if databases.is_here("duckdb") else "no npm package @duckdb/node-api"

    def _run(self, sql: str) -> str:
        self.place.env["SQL"] = sql
        return self.place.call('duckdb tcpinfo.duckdb -c "$SQL"')

    def create(self, columns: str) -> None:
        self._run(self.ddl(columns))

    def alter(self, sql: str) -> None:
        self._run(sql)

    def add_rows(self, rows: Path) -> None:
        self._run(f"copy tcpinfo_connections ({names_of(rows)}) from '{rows}' (header)")

    def make_view(self) -> None:
        self._run((self.docs / "views" / "duckdb.sql").read_text(encoding="utf-8"))

    def add_log(self, log: Path) -> None:
        self._run(LOG.format(time="timestamp_ns", text="varchar", port="int"))
        self._run(f"copy application_log from '{log}'")

    def ask(self, question: str) -> list[list[str]]:
        return [line.split("|") for line in self._run(question).splitlines()]


# What ClickHouse 18.16 has in place of a standard's discrete quantile, of the same meaning.
QUANTILE = re.compile(r"percentile_disc\(([0-9.]+)\) WITHIN GROUP \(ORDER BY (\w+)\)")
ITS_QUANTILE = r"arrayElement(arraySort(groupArray(\2)), toUInt32(ceil(\1 * count(\2))))"


def _in_epoch(line: str) -> str:
    """A line of the log with seconds since 1970 in place of its time."""
    moment, rest = line.split(",", 1)
    whole, _, fraction = moment.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return f"{seconds:.0f}.{fraction or 0},{rest}\n"


class ClickHouse(Engine):
    """Two servers: rows go to the one, questions to the other."""

    name = "clickhouse"
    database = "clickhouse-plain"
    flags = "--time epoch"

    @classmethod
    def missing(cls) -> str | None:
        return clickhouse.missing()

    def begin(self) -> None:
        self.cluster = self.enter_context(clickhouse.Cluster(self.place.folder))

    def create(self, columns: str) -> None:
        clickhouse.create_replicated(self.cluster, self.ddl(columns))

    def alter(self, sql: str) -> None:
        # The replicated table tells the other server; the one that is asked is each server's own.
        self.cluster.must("a", sql.replace("TABLE tcpinfo_connections", f"TABLE {clickhouse.HERE}"))
        for name in self.cluster.NAMES:
            self.cluster.must(name, sql)

    def add_rows(self, rows: Path) -> None:
        self.place.call(f"{self.cluster.client('a')} -q 'insert into {clickhouse.HERE} "
                        f"({names_of(rows)}) format CSVWithNames' < {rows}")
        self.cluster.must("b", f"system sync replica {clickhouse.HERE}")

    def make_view(self) -> None:
        view = (self.docs / "views" / "clickhouse.sql").read_text(encoding="utf-8")
        for name in self.cluster.NAMES:
            self.cluster.must(name, view)

    def add_log(self, log: Path) -> None:
        self.cluster.must("b", LOG.format(time="Decimal(20, 9)", text="String", port="UInt16")
                          + " engine=Log")
        epoch = self.place.folder / "log.csv"
        epoch.write_text("".join(_in_epoch(line) for line in log.read_text().splitlines()))
        self.place.call(f"{self.cluster.client('b')} -q 'insert into application_log format CSV' "
                        f"< {epoch}")

    def ask(self, question: str) -> list[list[str]]:
        said = self.cluster.must("b", QUANTILE.sub(ITS_QUANTILE, question))
        return [["" if cell == "\\N" else cell for cell in line.split("\t")]
                for line in said.splitlines()]


ALL: tuple[type[Engine], ...] = (DuckDB, PostgreSQL, ClickHouse)


def ask_all(folder: Path, tool: str, paths: list[str], docs: Path,
            use: Callable[[Engine], list[str]]) -> tuple[int, list[str]]:
    """Lets `use` have each engine that is here, in a folder of its own; it says what is wrong.
    @return how many engines, and all that is wrong."""
    faults: list[str] = []
    asked = 0
    for kind in ALL:
        if (missing := kind.missing()) is not None:
            print(f"skipped: {kind.name}: {missing}")
            continue
        asked += 1
        home = folder / kind.name
        home.mkdir()
        home.chmod(0o755)
        try:
            with kind(databases.Place(home, tool, paths), docs) as engine:
                faults += use(engine)
        except RuntimeError as fault:
            faults.append(f"{kind.name}: {fault}")
    return asked, faults
