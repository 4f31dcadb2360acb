# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: a million damaged archives, each read to its end, and 50,000 segments held against their lines

part_builds=yes

# Behind the cases of ./dev test.
part() {
  long_check "property archive damage" build/test/property/archive_damage 1000000 100000
  long_check "property segment round trip" build/test/property/segment_round_trip 50000 2000
}
