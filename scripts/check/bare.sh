# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: doors, then the tests as root and as a user, on bare Debian 12 and 13

source scripts/bare/part.sh

part_packages=("${bare_packages[@]}")

part() { bare_machines; }
