# SPDX-License-Identifier: Apache-2.0
"""The engines that answer the questions of docs/fleet, each with its way to load and to ask."""
from __future__ import annotations

import contextlib
import datetime
import re
import sys
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

    def __init__(self, place: databases.Place, docs: Path):
        super().__init__()
        self.place, self.docs = place, docs

    def __enter__(self) -> Engine:
        return self

    @classmethod
    def missing(cls) -> str | None:
        """Why it cannot be asked here."""
        raise NotImplementedError

    def load(self, log: Path) -> None:
        raise NotImplementedError

    def ask(self, question: str) -> list[list[str]]:
        raise NotImplementedError


class PostgreSQL(Engine):
    name = "postgresql"

    @classmethod
    def missing(cls) -> str | None:
        return None if databases.is_here("postgresql") else "no server is installed"

    def load(self, log: Path) -> None:
        self.enter_context(databases.postgres(self.place))
        self.place.call("tcpinfo-csv --connections --ddl postgresql | psql -q")
        self.place.call("tcpinfo-csv --connections --why /var/spool/tcpinfo | psql -q -c "
                        "'copy tcpinfo_connections from stdin (format csv, header match)'")
        self.place.call(f"psql -q -v ON_ERROR_STOP=1 -f {self.docs}/views/postgresql.sql")
        self.place.call(f"psql -q -c '{LOG.format(time='timestamptz', text='text', port='int')}'")
        self.place.call(f"psql -q -c 'copy application_log from stdin (format csv)' < {log}")

    def ask(self, question: str) -> list[list[str]]:
        self.place.env["SQL"] = question
        said = self.place.call('psql -qAtX -v ON_ERROR_STOP=1 -c "$SQL"')
        return [line.split("|") for line in said.splitlines()]


class DuckDB(Engine):
    name = "duckdb"

    @classmethod
    def missing(cls) -> str | None:
        return None if databases.is_here("duckdb") else "no npm package @duckdb/node-api"

    def load(self, log: Path) -> None:
        self.place.call("tcpinfo-csv --connections --ddl duckdb | duckdb tcpinfo.duckdb")
        self.place.call("tcpinfo-csv --connections --why -o rows.csv /var/spool/tcpinfo")
        self._run("COPY tcpinfo_connections FROM 'rows.csv' (HEADER)")
        self._run((self.docs / "views" / "duckdb.sql").read_text(encoding="utf-8"))
        self._run(LOG.format(time="timestamp_ns", text="varchar", port="int"))
        self._run(f"COPY application_log FROM '{log}'")

    def _run(self, sql: str) -> str:
        self.place.env["SQL"] = sql
        return self.place.call('duckdb tcpinfo.duckdb -c "$SQL"')

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

    @classmethod
    def missing(cls) -> str | None:
        return clickhouse.missing()

    def load(self, log: Path) -> None:
        self.cluster = self.enter_context(clickhouse.Cluster(self.place.folder))
        table = self.place.call("tcpinfo-csv --connections --time epoch --ddl clickhouse-plain")
        clickhouse.create_replicated(self.cluster, table)
        self.place.call("tcpinfo-csv --connections --time epoch --why /var/spool/tcpinfo | "
                        f"{self.cluster.client('a')} "
                        f"-q 'insert into {clickhouse.HERE} format CSVWithNames'")
        self.cluster.must("b", f"SYSTEM SYNC REPLICA {clickhouse.HERE}")
        view = (self.docs / "views" / "clickhouse.sql").read_text(encoding="utf-8")
        for name in self.cluster.NAMES:
            self.cluster.must(name, view)
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
