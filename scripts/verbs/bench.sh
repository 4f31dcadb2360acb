# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev bench WHAT: benchmarks (test/bench/run).

verb() {
  install_packages "${test_packages[@]}" libbenchmark-dev=pc:benchmark gnuplot-nox=gnuplot
  exec test/bench/run "$@"
}
