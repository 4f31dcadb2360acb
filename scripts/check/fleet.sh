# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: the questions of docs/fleet asked of every engine, rows of two versions, a cluster killed

part_packages=(postgresql=-)
part_optional=('nodejs=node|DuckDB' 'npm=npm|DuckDB' clickhouse-server=clickhouse-server
  clickhouse-client=clickhouse-client zookeeper=- 'default-jre-headless=java|ZooKeeper')
part_builds=yes

part() {
  from_npm build/duckdb @duckdb/node-api
  local -x NODE_PATH=$PWD/build/duckdb/node_modules
  long_check "questions of a fleet" python3 -B test/fleet/questions.py build/tools/tcpinfo-csv \
    docs/fleet
  long_check "two versions of a table" python3 -B test/fleet/upgrade.py build/tools/tcpinfo-csv \
    docs/fleet
  long_check "a cluster killed" python3 -B test/fleet/cluster_kills.py build/tools/tcpinfo-csv
}
