# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev run [SECONDS] [DIR]: build, record this machine, show what was recorded.

verb() {
  local seconds=${1:-10} dir=${2:-recording-$(date -u +%Y%m%dT%H%M%SZ)}
  (($# <= 2)) || refuse "run takes at most SECONDS and DIR"
  [[ $seconds =~ ^[1-9][0-9]{0,3}$ ]] || refuse "SECONDS is a whole number from 1 to 9999, not '$seconds'"
  if [[ ${2:-} && $dir != /* ]]; then dir=$caller/$dir; fi
  if [[ -e $dir && (! -d $dir || -n $(ls -A "$dir")) ]]; then
    refuse "'$dir' is there already and not an empty folder"
  fi
  ready_to_build build-run
  install_packages "${run_packages[@]}"
  try_packages "${run_optional[@]}"
  say "building"
  configure_run || die "configuring failed"
  ninja -C build-run tools/tcpinfo-collect tools/tcpinfo-dump || die "the build failed"

  say "recording for $seconds s into $dir"
  local collector traffic status=0
  build-run/tools/tcpinfo-collect --include-local --duration "${seconds}s" --output "$dir" &
  collector=$!
  # A background child of a script ignores SIGINT until it says otherwise: pass the wish on.
  trap 'kill -TERM "$collector" 2>/dev/null || true' INT TERM
  # The traffic starts a moment later and ends a moment earlier, so that openings and closings are
  # part of the recording.
  sleep 0.3
  python3 -B scripts/traffic.py "$((seconds > 2 ? seconds - 2 : 1)).0" &
  traffic=$!
  wait "$collector" || status=$?
  wait "$traffic" || true
  trap - INT TERM
  ((status == 0)) || die "tcpinfo-collect ended with status $status"

  say "connections recorded (one line an end; both ends of a local connection are this machine's)"
  build-run/tools/tcpinfo-dump ls "$dir"
  say "files"
  local files=() file
  while IFS= read -r -d '' file; do files+=("$file"); done \
    < <(find "$dir" -name '*.jsonl.zst' -type f -print0 | sort -z)
  ((${#files[@]})) || die "no connection was recorded"
  printf '%s files, %s in all, below %s; for example\n' \
    "${#files[@]}" "$(du -sh "$dir" | cut -f1)" "$dir"
  printf '  %s\n' "${files[@]:0:3}"
  printf 'look inside:  build-run/tools/tcpinfo-dump %s\n' "${files[0]}"
}
