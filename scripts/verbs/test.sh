# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev test [--quick] [--doors] [--configure]: build with two compilers and sanitizers, and run the
# tests.

source scripts/bare/part.sh

configure_only=
# The process that has bare machines made, and its log.
machines=
machines_log=build-check/bare-machines.log

# Bare machines are made and used while g++ compiles, for half of the time each of both keeps one processor
# busy. Tests that judge times come when they have gone.
begin_machines() {
  say "bare machines, beside the first build (log: $machines_log)"
  mkdir -p "${machines_log%/*}"
  bare_machines --short >"$machines_log" 2>&1 </dev/null &
  machines=$!
}
end_machines() {
  [[ $machines ]] || return 0
  # How it ended is noted already.
  wait "$machines" || true
  machines=
  say "bare machines"
  cat "$machines_log"
}

# build_and_test NAME DIR COMPILER KIND OPTION…: KIND is all or most.
build_and_test() {
  local name=$1 dir=$2 compiler=$3 kind=$4
  shift 4
  if [[ $configure_only ]]; then
    long_check "configuring $dir" configure "$dir" "$compiler" "$@"
    return 0
  fi
  say "$name: building in $dir"
  if ! configure "$dir" "$compiler" "$@" || ! ninja -C "$dir"; then
    note_failure "$name" "the build"
    return 0
  fi
  end_machines
  say "$name: testing"
  case $kind in
    all) run_tests "$name" "$dir" testlog --no-rebuild ;;
    # What looks at the sources, or at the machine at length, needs to be looked at once only.
    most)
      run_tests "$name" "$dir" testlog --no-rebuild --no-suite live --no-suite checks --no-suite abi
      run_tests "$name" "$dir" livelog --no-rebuild 'live short_connections'
      ;;
  esac
}

# test_threads NAME DIR COMPILER OPTION…: builds and runs what starts threads.
test_threads() {
  local name=$1 dir=$2 compiler=$3
  shift 3
  if [[ $configure_only ]]; then
    long_check "configuring $dir" configure "$dir" "$compiler" "$@"
    return 0
  fi
  say "$name: building and testing in $dir"
  if ! configure "$dir" "$compiler" "$@"; then
    note_failure "$name" "the build"
    return 0
  fi
  run_tests "$name" "$dir" testlog --suite threads
}

verb() {
  local quick= doors=
  while (($#)); do
    case $1 in
      --quick) quick=1 ;;
      --doors) doors=1 ;;
      --configure) configure_only=1 ;;
      *) refuse "test takes --quick, --doors and --configure, and not '$1'" ;;
    esac
    shift
  done
  ready_to_test build build-clang build-tsan
  if [[ $doors ]]; then install_packages "${bare_packages[@]}"; fi
  install_for_tests
  start_results
  if [[ $doors ]]; then begin_machines; fi
  build_and_test g++ build g++ all "${main_options[@]}"
  if [[ -z $quick ]]; then
    # A library that is linked with -z defs cannot leave the sanitizer to the program, as clang does.
    build_and_test clang++/asan+ubsan build-clang clang++ most "${sanitizer_options[@]}" \
      '-Dcpp_args=-gline-tables-only -Wno-shadow' -Db_sanitize=address,undefined -Db_lundef=false
    test_threads tsan build-tsan g++ "${sanitizer_options[@]}" \
      "-Dcpp_args=-g1 $together_warnings" -Db_sanitize=thread
  fi
  end_machines
  report
}
