# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Build folders and their options. Sourced by dev.

# A folder that dev set up has this file, with the options it was set up with; no other is removed.
options_file=.dev-options

# own_folders DIR…: ends with a line about the first that is there and was not made here.
own_folders() {
  local dir
  for dir in "$@"; do
    if [[ -e $dir && ! -f $dir/$options_file && -n $(ls -A "$dir") ]]; then
      die "$dir is there and dev did not make it: remove it or give it another name"
    fi
    if [[ -e $dir && ! -w $dir ]]; then
      die "$dir cannot be written to: remove it, or run as the user who made it ($(stat -c %U "$dir"))"
    fi
  done
}

# configure DIR COMPILER OPTION…: a folder set up with other options or by another compiler, or half set
# up, is made anew. Where it is what is installed that has changed, meson looks again, and only what that
# changes is compiled.
configure() {
  local dir=$1 compiler=$2 options found
  shift 2
  own_folders "$dir"
  options="$PWD, meson $(meson --version), $("$compiler" --version | head -n 1), $*"
  found=$(what_is_there)
  if [[ -f $dir/build.ninja && $(cat "$dir/$options_file") == "$options" ]]; then
    if [[ $(cat "$dir/.dev-found" 2>/dev/null) == "$found" ]]; then return 0; fi
    say "$dir: what is installed has changed"
    rm -f "$dir/.dev-found"
    if meson configure --clearcache "$dir" && meson setup --reconfigure "$dir"; then
      printf '%s\n' "$found" >"$dir/.dev-found"
      return 0
    fi
  fi
  rm -rf "$dir"
  mkdir "$dir"
  touch "$dir/$options_file"
  CXX=$compiler meson setup "$dir" "$@" || return 1
  printf '%s\n' "$found" >"$dir/.dev-found"
  printf '%s\n' "$options" >"$dir/$options_file"
}

# Compiling some files at a time takes a third of the time that one at a time takes. Of names of other
# files no warning is wanted then: that each file includes what it needs, and shadows nothing, is seen by
# the build of ./dev test by g++, in which the library and the tools are compiled one file at a time.
together=(-Dunity=on -Dunity_size=8)
together_warnings='-Wno-shadow -Wno-subobject-linkage'

# What ./dev run builds: the tools, with whatever optional parts this machine has the libraries for, soon.
# A compiler newer than ours may warn; that is no newcomer's concern.
configure_run() {
  configure build-run g++ -Doptimization=1 -Ddebug=false -Dtools=enabled -Dtests=disabled \
    -Ddocs=disabled -Dfuzz=disabled "${together[@]}" "-Dcpp_args=$together_warnings"
}

# The build of ./dev test by g++, which soak, abi-update and parts of check take as well.
main_options=(--werror -Doptimization=1 -Ddebug=false -Dtools=enabled -Dprometheus=enabled -Dtests=enabled
  -Dpython=enabled -Ddocs=enabled -Dfuzz=auto -Dpcap=enabled -Dtar=enabled -Dgzip=enabled
  -Dncurses=enabled -Dcurl=enabled)
configure_main() { configure build g++ "${main_options[@]}"; }

# Compiling is most of the time: the builds with sanitizers are not optimized, and have of debugging
# information what their reports need.
sanitizer_options=(--werror -Dtools=enabled -Dpython=enabled -Dtests=enabled -Ddocs=disabled -Dfuzz=auto
  -Doptimization=0 -Ddebug=false "${together[@]}")
