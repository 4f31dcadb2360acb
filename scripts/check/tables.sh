# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: the table loaded into PostgreSQL, DuckDB and SQLite, by the manual's commands

part_packages=(postgresql=- sqlite3=sqlite3)
part_optional=('nodejs=node|DuckDB' 'npm=npm|DuckDB')
part_builds=yes

# DuckDB comes from npm, into a build folder.
part() {
  from_npm build/npm @duckdb/node-api
  NODE_PATH=$PWD/build/npm/node_modules long_check "tables in databases" \
    python3 -B test/checks/load_tables.py build/tools/tcpinfo-csv tools/tcpinfo-csv.1.scd \
    test/golden/own/kernel*.jsonl
}
