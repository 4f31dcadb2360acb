# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: whose connections are (--owner), of 1,000 that say it themselves

part_builds=yes

part() {
  TCPINFO_LIVE_FULL=1 long_check "owners of connections" \
    python3 -B test/live/live_owners.py build/tools/tcpinfo-collect build/test/live/traffic
}
