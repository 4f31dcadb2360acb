# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: on a bare Debian 12: ./dev run, README's library commands, configuring

source scripts/bare/part.sh

part_within=bare
part_packages=("${bare_packages[@]}")

part() { bare_machines --short; }
