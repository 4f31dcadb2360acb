# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Build folders and their options. Sourced by dev.

# configure DIR COMPILER OPTION…: a folder set up with other options, or half set up, is made anew.
configure() {
  local dir=$1 compiler=$2
  shift 2
  local stamp="$PWD $compiler $*"
  if [[ -f $dir/build.ninja && $(cat "$dir/.dev-options" 2>/dev/null) == "$stamp" ]]; then
    return 0
  fi
  rm -rf "$dir"
  CXX=$compiler meson setup "$dir" --werror "$@" || return 1
  printf '%s\n' "$stamp" >"$dir/.dev-options"
}

# The folder build/ is the same for run and test, so that one warms up the other.
main_options=(-Doptimization=1 -Ddebug=false -Dtools=enabled -Dprometheus=enabled -Dtests=enabled -Ddocs=enabled -Dfuzz=auto)
configure_main() { configure build g++ "${main_options[@]}"; }

# Compiling is most of the time: the builds with sanitizers are not optimized, and have of debugging
# information what their reports need.
sanitizer_options=(-Dtools=enabled -Dtests=enabled -Ddocs=disabled -Dfuzz=auto
  -Doptimization=0 -Ddebug=false)
