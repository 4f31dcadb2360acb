# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev soak [TIME]: the collector under a steady load, and then under mixed churn.

verb() {
  local time=${1:-10m} unit=1
  (($# <= 1)) || refuse "soak takes at most TIME"
  [[ $time =~ ^([1-9][0-9]{0,4})(s|m)?$ ]] || refuse "TIME is seconds or minutes, as 60s or 10m, not '$time'"
  if [[ ${BASH_REMATCH[2]} == m ]]; then unit=60; fi
  local seconds=$((BASH_REMATCH[1] * unit))
  ready_to_test build
  install_for_tests
  say "building"
  configure_main || die "configuring failed"
  ninja -C build tools/tcpinfo-collect tools/tcpinfo-dump test/live/traffic || die "the build failed"
  local name status=0
  for name in soak churn; do
    say "$name: recording for $seconds s"
    python3 -B "test/live/live_$name.py" build/tools/tcpinfo-collect build/test/live/traffic \
      build/tools/tcpinfo-dump "$seconds" || status=1
  done
  return "$status"
}
