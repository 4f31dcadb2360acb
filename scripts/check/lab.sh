# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: the lab's relay, a bad path between two network namespaces, held against the kernel's counters

part_builds=yes

# It keeps times of milliseconds, which a machine that runs other tests beside it does not.
part() { long_check "relay of the lab" python3 -B test/lab/check_relay.py build/test/lab/relay; }
