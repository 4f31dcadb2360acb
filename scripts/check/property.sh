# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: a million damaged archives, each read to its end

part_builds=yes

# Behind the cases of ./dev test.
part() {
  long_check "property archive damage" build/test/property/archive_damage 1000000 100000
}
