# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: the default table loaded into PostgreSQL and DuckDB

part_packages=(postgresql=-)
part_optional=('nodejs=node|DuckDB' 'npm=npm|DuckDB')
part_builds=yes

# DuckDB comes from npm, into a build folder.
part() {
  if [[ ! -d build/duckdb/node_modules ]]; then
    npm install --prefix build/duckdb --no-audit --no-fund --silent @duckdb/node-api </dev/null ||
      say "no DuckDB from npm: that part is skipped"
  fi
  NODE_PATH=$PWD/build/duckdb/node_modules long_check "tables in databases" \
    python3 -B test/checks/load_tables.py build/tools/tcpinfo-csv test/golden/own
}
