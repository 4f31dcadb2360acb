# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: questions of docs/fleet asked of every engine, rows of two versions, Parquet, Arrow, clusters killed

# CHECK_FLEET_SECONDS is how long servers of NATS are killed (600); the tenth of it, none is there.

part_packages=(postgresql=-)
part_optional=('nodejs=node|DuckDB' 'npm=npm|DuckDB' clickhouse-server=clickhouse-server
  clickhouse-client=clickhouse-client zookeeper=- 'default-jre-headless=java|ZooKeeper'
  'nats-server=nats-server|a cluster of NATS')
part_builds='tools/tcpinfo-collect tools/tcpinfo-csv'

part() {
  local package more=()
  for package in @duckdb/node-api hyparquet hyparquet-compressors parquet-wasm apache-arrow; do
    from_npm build/npm "$package"
  done
  local -x NODE_PATH=$PWD/build/npm/node_modules
  long_check "questions of a fleet" python3 -B test/fleet/questions.py build/tools/tcpinfo-csv \
    docs/fleet
  long_check "two versions of a table" python3 -B test/fleet/upgrade.py build/tools/tcpinfo-csv \
    docs/fleet
  long_check "rows of the ETL of M-Lab" python3 -B test/fleet/mlab_rows.py build/tools/tcpinfo-csv \
    docs/fleet test/golden/own/kernel*.jsonl
  # More recordings than those that are here.
  IFS=: read -ra more <<<"${CHECK_ARCHIVES:-}"
  long_check "parquet in other readers" python3 -B test/fleet/check_readers.py \
    build/tools/tcpinfo-csv test/golden/own/*.jsonl "${more[@]}"
  if ninja -C build -t query test/cli/kafka_cluster >/dev/null 2>&1; then
    ninja -C build test/cli/kafka_cluster
    long_check "a hundred failures of kafka" python3 -B test/fleet/kafka_failures.py \
      build/tools/tcpinfo-collect build/test/cli/kafka_cluster
  else
    say "no librdkafka: kafka's failures are skipped"
  fi
  long_check "arrow in duckdb" env LD_LIBRARY_PATH=build/lib PYTHONPATH=python python3 -B \
    test/fleet/check_arrow.py build/tools/tcpinfo-csv test/golden/own/kernel618_*.jsonl
  long_check "a cluster killed" python3 -B test/fleet/cluster_kills.py build/tools/tcpinfo-csv
  long_check "a cluster of NATS killed" python3 -B test/fleet/jetstream_kills.py \
    build/tools/tcpinfo-collect build/tools/tcpinfo-csv "${CHECK_FLEET_SECONDS:-600}"
}
