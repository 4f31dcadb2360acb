# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev lab why: is `tcpinfo-dump why` right? Flows with known causes (test/lab/why).

verb() {
  [[ ${1:-} == why ]] || refuse "lab takes: why [--flows N] [--seed SEED] … (why --help)"
  shift
  if [[ " $* " != *" --help "* ]]; then
    ready_to_test build
    install_for_tests
    if [[ $* == *unseen* ]]; then install_packages nftables=nft iptables=iptables; fi
    say "building"
    configure_main || die "configuring failed"
    ninja -C build tools/tcpinfo-collect tools/tcpinfo-dump test/lab/relay || die "the build failed"
    say "why: flows with known causes"
  fi
  exec python3 -B test/lab/why "$@"
}
