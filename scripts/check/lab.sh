# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: the lab's relay, held against the kernel's counters, and its other tools

part_builds=yes
part_optional=('nftables=nft|its other tools' 'iptables=iptables|its other tools')

# It keeps times of milliseconds, which a machine that runs other tests beside it does not.
part() {
  long_check "relay of the lab" python3 -B test/lab/check_relay.py build/test/lab/relay
  long_check "other tools of the lab" python3 -B test/lab/why --labels --kind unseen --flows 1
}
