# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev fuzz [SECONDS]: build the libFuzzer programs and run each for SECONDS.

source scripts/fuzz.sh

verb() {
  local seconds=${1:-60}
  [[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || refuse "SECONDS is a whole number, not '$seconds'"
  ready_to_build build-fuzz
  install_packages "${test_packages[@]}"
  start_results
  run_fuzzers "$seconds"
  report
}
