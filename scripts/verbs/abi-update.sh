# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev abi-update: write what lists the exported symbols anew.

verb() {
  ready_to_build build
  install_for_tests
  # Programs do not link before the script names what they use.
  configure_main && ninja -C build lib/libtcpinfo.a || die "the build failed"
  python3 -B test/checks/symbols.py --update build/lib/libtcpinfo.so build/lib/libtcpinfo.a \
    test/abi/symbols.txt lib/libtcpinfo.map
  python3 -B test/checks/debian_symbols.py --update test/abi/symbols.txt \
    packaging/debian/libtcpinfo0.symbols
  ninja -C build || die "the build failed"
}
