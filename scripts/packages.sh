# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What must be installed, and installing it. Sourced by dev.

# "package=probe": the probe is a command, or pc:NAME for a pkg-config module, or file:PATH below
# /usr/include, or - for nothing but the package. A probe that succeeds is enough, so that
# hand-installed tools count.
run_packages=(
  g++=g++ meson=meson ninja-build=ninja pkg-config=pkg-config python3=python3
  libnl-3-dev=pc:libnl-3.0 libnl-route-3-dev=pc:libnl-route-3.0 libzstd-dev=pc:libzstd
  libsimdjson-dev=pc:simdjson libfmt-dev=pc:fmt libcli11-dev=file:CLI/CLI.hpp
  libsystemd-dev=pc:libsystemd prometheus-cpp-dev=pc:prometheus-cpp-pull catch2=file:catch2
  scdoc=scdoc zstd=zstd libbpf-dev=pc:libbpf bpftool=- clang=clang
)
test_packages=("${run_packages[@]}"
  clang=clang++ clang-format=clang-format git=git iproute2=ip util-linux=setpriv
  libnl-idiag-3-dev=file:libnl3/netlink/idiag/idiagnl.h libclang-rt-dev=- procps=ps zsh=zsh
  cmake=cmake valgrind=valgrind
)

present() {
  local package=${1%%=*} probe=${1#*=}
  case $probe in
    -) ;;
    pc:*) pkg-config --exists "${probe#pc:}" 2>/dev/null && return 0 ;;
    file:*) [[ -e /usr/include/${probe#file:} ]] && return 0 ;;
    *) command -v "$probe" >/dev/null && return 0 ;;
  esac
  [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]]
}

install_packages() {
  local missing=() entry root=()
  for entry in "$@"; do present "$entry" || missing+=("${entry%%=*}"); done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null ||
    die "these Debian packages (or their like) are missing and there is no apt here to install them: ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
      die "missing packages, and no root to install them; as root: apt-get install ${missing[*]}"
    root=(sudo -n)
  fi
  say "installing ${missing[*]}"
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q)
  "${apt[@]}" update </dev/null || die "apt-get update failed"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# promtool and prometheus for the tests, out of Debian's package: installing that starts a service.
# Where they cannot be had the tests say so.
fetch_prometheus() {
  if command -v promtool >/dev/null && command -v prometheus >/dev/null; then return 0; fi
  if [[ -x build-prometheus/usr/bin/promtool ]] || ! command -v apt-get >/dev/null; then return 0; fi
  say "unpacking prometheus for the tests"
  mkdir -p build-prometheus
  (
    cd build-prometheus
    apt-get -q download prometheus </dev/null && dpkg -x prometheus_*.deb . && rm prometheus_*.deb
  ) || say "no prometheus from apt: its tests are skipped"
}

# What only an optional part needs: each by itself, for one that cannot be had is no reason to stop.
try_packages() {
  local entry
  for entry in "$@"; do
    present "$entry" || (install_packages "$entry") || say "${entry%%=*} cannot be had"
  done
}
