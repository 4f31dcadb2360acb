# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev format: lay out the C++ sources.

verb() {
  install_packages "${test_packages[@]}"
  find lib tools test \( -name '*.h' -o -name '*.cc' \) -print0 | xargs -0r clang-format -i
}
