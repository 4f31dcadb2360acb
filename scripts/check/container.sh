# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: the container image, made and started on bare Debian 12 without an engine

source scripts/bare/part.sh

part_packages=("${bare_packages[@]}")

part() { bare_machines --container; }
