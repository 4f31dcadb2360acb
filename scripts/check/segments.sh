# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: segments killed 200 times, against archives, packed and unpacked, damaged at every byte

# CHECK_ARCHIVES names folders of archives, separated by colons, that are packed and unpacked besides
# what is recorded for it and those of the tests.

part_builds=yes

part() {
  local live=(build/tools/tcpinfo-collect build/test/live/traffic build/test/live/segment_files
    build/tools/tcpinfo-dump)
  local folders=(test/golden/own)
  if [[ -d ../shared/corpus ]]; then folders+=(../shared/corpus); fi
  if [[ ${CHECK_ARCHIVES:-} ]]; then
    local named
    IFS=: read -ra named <<<"$CHECK_ARCHIVES"
    folders+=("${named[@]}")
  fi
  local -x TCPINFO_LIVE_FULL=1
  long_check "segments beside archives" python3 -B test/live/live_segments.py "${live[@]}" \
    build/tools/tcpinfo-csv
  long_check "segments killed" python3 -B test/live/live_segments_kill.py "${live[@]}" 200
  long_check "segments on a full disk" python3 -B test/live/segments_long.py "${live[@]}" disk_full
  long_check "segments packed and unpacked" python3 -B test/live/segments_long.py "${live[@]}" \
    packing "${folders[@]}"
  TCPINFO_DAMAGE_BLOCKS=40 long_check "segments damaged" build/test/unit/unit_segment "*byte of*"
}
