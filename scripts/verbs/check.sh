# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ./dev check [PART…]: what takes too long for ./dev test. A part is a file scripts/check/PART.sh, which
# is found by its name; a new one needs no line elsewhere but in CONTRIBUTING.md. It sets and defines,
# and does nothing yet when it is read:
#
#   # help: ONE LINE          shown by ./dev help
#   part_packages=(…)         what it needs installed, as scripts/packages.sh words it: package=probe.
#                             Left out: nothing but bash and coreutils. ("${run_packages[@]}" is what
#                             ./dev run builds with, "${test_packages[@]}" what ./dev test does.)
#   part_optional=(…)         what is tried to be installed; that it cannot be had is said
#   part_builds=yes           wants build/, the build of ./dev test by g++, made first; or names the
#                             targets of it that are enough
#   part_within=PART          is a part of that one, and left out where both would run
#   part() { … }              does it, from the top of the tree, in a shell of its own. What it finds it
#                             says by long_check NAME COMMAND…, run_tests or note_failure
#                             (scripts/results.sh); ending with a failure is a failure.

part_names() {
  local file
  for file in scripts/check/*.sh; do
    file=${file##*/}
    printf '%s\n' "${file%.sh}"
  done
}

# Reads one part into this shell, with nothing left of another.
read_part() {
  part_packages=() part_optional=() part_builds= part_within=
  unset -f part
  # shellcheck source=/dev/null
  source "scripts/check/$1.sh"
}

verb() {
  local parts=() name status builds= targets=()
  mapfile -t parts < <(part_names)
  for name in "$@"; do
    [[ -f scripts/check/$name.sh ]] || refuse "check has the parts ${parts[*]}, and no '$name'"
  done
  (($#)) && parts=("$@")
  local packages=() optional=() more=() all=" ${parts[*]} "
  parts=()
  for name in $all; do
    read_part "$name"
    if [[ $part_within && $all == *" $part_within "* ]]; then continue; fi
    parts+=("$name")
    packages+=("${part_packages[@]}")
    optional+=("${part_optional[@]}")
    if [[ $part_builds == yes ]]; then
      builds=yes
    elif [[ $part_builds ]]; then
      read -ra more <<<"$part_builds"
      targets+=("${more[@]}")
      builds=${builds:-some}
    fi
  done
  if [[ $builds ]]; then
    packages+=("${test_packages[@]}")
    optional+=("${test_optional[@]}")
  fi
  if [[ $builds ]]; then ready_to_test build; else ready_to_build; fi
  # The report is Python's.
  install_packages python3=python3 "${packages[@]}"
  try_packages "${optional[@]}"
  start_results
  if [[ $builds == yes ]]; then targets=(); fi
  if [[ $builds ]]; then
    fetch_prometheus
    if ! configure_main || ! ninja -C build "${targets[@]}"; then
      note_failure g++ "the build"
      builds=failed
    fi
  fi
  for name in "${parts[@]}"; do
    read_part "$name"
    if [[ $part_builds && $builds == failed ]]; then
      note_failure check "$name: not run, for it takes the build"
      continue
    fi
    # In a shell that still ends at the first failure, which it would not within a condition.
    set +e
    (
      set -e
      part
    )
    status=$?
    set -e
    ((status == 0)) || note_failure check "$name: ended with status $status"
  done
  report
}
