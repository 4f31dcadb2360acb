# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What would stop a build or the tests half-way, said in one line before anything is installed or built.
# Sourced by dev.

# programs_run_in DIR: a file system may be mounted noexec.
programs_run_in() {
  local program status=0
  program=$(mktemp "$1/dev-XXXXXX" 2>/dev/null) || return 1
  printf '#!/bin/sh\nexit 0\n' >"$program"
  chmod +x "$program"
  "$program" 2>/dev/null || status=1
  rm "$program"
  return "$status"
}

# ready_to_build DIR…: the build folders that will be used.
ready_to_build() {
  [[ -w . ]] || die "this checkout cannot be written to, and the build goes into it: copy or clone it to a folder of yours"
  programs_run_in . || die "no program can be run from this folder (mounted noexec, or full): clone elsewhere"
  own_folders "$@"
}

# Tests compile programs into folders for temporary files and run them.
ready_to_test() {
  local place=${TMPDIR:-/tmp}
  ready_to_build "$@"
  if ! programs_run_in "$place"; then
    programs_run_in /var/tmp ||
      die "no program can be run from $place (mounted noexec?) or /var/tmp: set TMPDIR to a folder where one can"
    say "no program can be run from $place: temporary files go to /var/tmp"
    export TMPDIR=/var/tmp
  fi
  if ((EUID == 0)) && ! setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$PWD/dev"; then
    say "this checkout is closed to other users: tests that would run as nobody run as root or are skipped"
  fi
}
