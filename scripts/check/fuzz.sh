# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: every libFuzzer program for a minute

part_packages=("${test_packages[@]}")

source scripts/fuzz.sh

part() { run_fuzzers 60; }
