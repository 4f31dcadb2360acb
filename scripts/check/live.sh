# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: live tests in full length

part_builds=yes

part() {
  say "live tests in full length"
  TCPINFO_LIVE_FULL=1 run_tests g++ build livelog --suite live --timeout-multiplier 10
}
