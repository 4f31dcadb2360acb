# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev bench WHAT: benchmarks (test/bench/run).

bench_packages=("${test_packages[@]}" libbenchmark-dev=pc:benchmark)
bench_optional=("${test_optional[@]}" 'gnuplot-nox=gnuplot|the plot of costs')

verb() {
  # It knows its words, and refuses others.
  [[ ${1:-} =~ ^(offline|micro|size|collect|live|segments|fleet)$ ]] || exec test/bench/run "$@"
  if [[ -z ${TCPINFO_BENCH_BUILD:-} ]]; then
    ready_to_build build-bench
    install_packages "${bench_packages[@]}"
    try_packages "${bench_optional[@]}"
    configure build-bench g++ --buildtype=debugoptimized -Dtools=enabled -Dtests=enabled \
      -Dbench=enabled || die "configuring failed"
  fi
  exec test/bench/run "$@"
}
