# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev format: lay out the C++ sources.

verb() {
  # Each major version lays some code out differently (test/checks/format.py).
  local version=14 tool
  tool=$(command -v "clang-format-$version" || true)
  if [[ -z $tool ]]; then
    install_packages clang-format=clang-format
    tool=clang-format
    [[ $("$tool" --version) =~ version\ $version\. ]] ||
      die "the code is laid out by clang-format $version, and here is $("$tool" --version)"
  fi
  find lib tools test \( -name '*.h' -o -name '*.cc' \) -print0 | xargs -0r "$tool" -i
}
