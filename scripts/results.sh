# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Running tests and gathering what they said, for the one line at the end. Sourced by dev.

# Results are gathered as lines "build<TAB>log file" or "build<TAB>FAILED<TAB>what" and counted at the
# end.
results=

note_log() { printf '%s\t%s\n' "$1" "$2" >>"$results"; }
note_failure() { printf '%s\tFAILED\t%s\n' "$1" "$2" >>"$results"; }

# Sanitizer runtimes of this age cannot place their shadow where the kernel randomises with more bits.
without_aslr=()
probe_aslr() {
  if command -v setarch >/dev/null && setarch "$(uname -m)" -R true 2>/dev/null; then
    without_aslr=(setarch "$(uname -m)" -R)
  fi
}

# run_tests NAME DIR LOGBASE ARGUMENT…: four at a time at least, for most of them wait more than they
# compute. Those that judge times run alone whatever is said here.
run_tests() {
  local name=$1 dir=$2 logbase=$3 status=0 processes
  shift 3
  rm -f "$dir/meson-logs/$logbase.json"
  processes=$(nproc)
  "${without_aslr[@]}" meson test -C "$dir" --logbase "$logbase" \
    --num-processes "$((processes > 4 ? processes : 4))" "$@" \
    </dev/null || status=$?
  # meson calls it a success when no test matches; for us it is a selection that has gone wrong.
  if [[ -s $dir/meson-logs/$logbase.json ]]; then
    note_log "$name" "$dir/meson-logs/$logbase.json"
  else
    note_failure "$name" "no test ran (meson test $*: status $status)"
  fi
}

# With DEV_RESULTS, the list is written to that file and stays (scripts/bare reads it).
start_results() {
  if [[ ${DEV_RESULTS:-} ]]; then
    results=$DEV_RESULTS
    : >"$results"
  else
    results=$(mktemp)
    trap 'rm -f "$results"' EXIT
  fi
  probe_aslr
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
}

# long_check NAME COMMAND…: what is no test of meson's, judged by its exit status (77: skipped). The
# last lines of what it prints are shown at once; a reason for a skip is the line "skipped: …".
long_check() {
  local name=$1 logs=build-check status=0 result=OK
  local log=$logs/${1//[ \/]/-}.log
  shift
  say "$name"
  mkdir -p "$logs"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  tail -n 20 "$log"
  case $status in
    0) ;;
    77) result=SKIP ;;
    *) result=FAIL ;;
  esac
  python3 -B scripts/report.py --log "$name" "$result" "$log" >"${log%.log}.json"
  note_log check "${log%.log}.json"
}

# Prints skips, failures and the one line; the status is that of all.
report() { python3 -B scripts/report.py "$results"; }
