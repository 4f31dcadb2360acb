# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What must be installed, and installing it. Sourced by dev. test/checks/doors.py compares the lists with
# what the meson files ask for and with the programs that tests run.
#
# An entry is PACKAGE=PROBE; the package is Debian's. A probe that succeeds is enough, so that tools
# installed by hand count. It asks for the very thing that the build or a test asks for:
#   PROGRAM              as meson's find_program
#   pc:MODULE [>= X]     as meson's dependency(), which asks pkg-config
#   run:PROGRAM ARG…     it is found, and ends well
#   link:COMPILER FLAG…  a program can be linked like that
#   py:MODULE            the system's Python can import it
#   -                    the package itself
# In lists of what is optional, PACKAGE=PROBE|WHAT is not there without it.

# What ./dev run builds and uses.
run_packages=(
  g++=g++ meson=meson ninja-build=ninja pkg-config=pkg-config python3=python3
  libcli11-dev=pc:CLI11 'libfmt-dev=pc:fmt >= 9' 'libnl-3-dev=pc:libnl-3.0 >= 3.5'
  'libnl-route-3-dev=pc:libnl-route-3.0 >= 3.5' 'libsimdjson-dev=pc:simdjson >= 3.0'
  'libzstd-dev=pc:libzstd >= 1.4.8'
)
run_optional=(
  'libbpf-dev=pc:libbpf >= 1.0|sampling by events' 'clang=clang|sampling by events'
  'bpftool=run:bpftool version|sampling by events'
  'libpcap-dev=pc:libpcap >= 1.10|reading captures'
  'libarchive-dev=pc:libarchive >= 3.4|reading tar' 'zlib1g-dev=pc:zlib|reading gzip'
  'libncurses-dev=pc:ncursesw|top on a terminal'
  'libcurl4-openssl-dev=pc:libcurl >= 7.85|publishing to https'
  'libnats-dev=pc:libnats >= 3.4|publishing to nats'
  'librdkafka-dev=pc:rdkafka >= 1.9|publishing to kafka'
)
# What its build takes where it is there, and does not install.
run_if_there=('pc:prometheus-cpp-core >= 1.0' pc:libsystemd pc:systemd pc:bash-completion)

# What ./dev test builds, and its tests cannot do without.
test_packages=(
  "${run_packages[@]}" catch2=pc:catch2 clang=clang++
  'libclang-rt-dev=link:clang++ -fsanitize=address,undefined'
  'libpcap-dev=pc:libpcap >= 1.10' 'libarchive-dev=pc:libarchive >= 3.4' zlib1g-dev=pc:zlib
  libncurses-dev=pc:ncursesw 'libcurl4-openssl-dev=pc:libcurl >= 7.85'
  libnl-idiag-3-dev=pc:libnl-idiag-3.0 'prometheus-cpp-dev=pc:prometheus-cpp-core >= 1.0'
  scdoc=scdoc binutils=readelf binutils=nm iproute2=ip iproute2=ss iproute2=tc mount=mount mount=umount
  util-linux=prlimit util-linux=setpriv zstd=zstd
)
# Without these, tests say that they are skipped.
test_optional=(
  "${run_optional[@]}" 'libsystemd-dev=pc:libsystemd|the journal'
  'libc++-dev=link:clang++ -stdlib=libc++|the check of headers with libc++'
  'libc++abi-dev=link:clang++ -stdlib=libc++|the check of headers with libc++'
  'clang-format=clang-format|the check of the layout'
  'clang-tidy=clang-tidy|the check of .clang-tidy' 'cmake=cmake|the consumer by CMake'
  'make=make|the consumer by CMake' 'git=git|what asks git which files are sources'
  'python3-numpy=py:numpy|columns as arrays of numpy'
  'python3-yaml=py:yaml|the check of the DaemonSet' 'systemd=systemd-analyze|checks of the unit'
  'systemd=systemd-tmpfiles|the check of what it makes at the start'
  'valgrind=valgrind|counts of instructions' 'zsh=zsh|completion of zsh'
  'tmux=tmux|top in a terminal' 'openssl=openssl|the server for publishing to https'
  'nats-server=nats-server|a server to publish to' 'kcat=kcat|reading what was published to kafka'
  'util-linux=unshare|the journal in a namespace of its own'
)
# Where files are installed to.
test_if_there=(pc:systemd pc:bash-completion)

have() {
  local probe=${1#*=}
  probe=${probe%%|*}
  case $probe in
    -) [[ $(dpkg-query -W -f '${Status}' "${1%%=*}" 2>/dev/null) == 'install ok installed' ]] ;;
    pc:*) pkg-config --exists "${probe#pc:}" 2>/dev/null ;;
    link:*) links "${probe#link:}" ;;
    run:*)
      # shellcheck disable=SC2086
      ${probe#run:} >/dev/null 2>&1 </dev/null
      ;;
    py:*) /usr/bin/python3 -c "import ${probe#py:}" 2>/dev/null ;;
    *) command -v "$probe" >/dev/null ;;
  esac
}

# links "COMPILER FLAG…": into a folder, for a linker that is root may remove what -o names.
links() {
  local folder command status=0
  read -ra command <<<"$1"
  folder=$(mktemp -d)
  echo 'int main() {}' | "${command[@]}" -x c++ - -o "$folder/program" 2>/dev/null || status=1
  rm -r "$folder"
  return "$status"
}

# missing ENTRY…: the packages of those whose probe fails, each once, in one line.
missing() {
  local entry names=' '
  for entry in "$@"; do
    if [[ $names != *" ${entry%%=*} "* ]] && ! have "$entry"; then names+="${entry%%=*} "; fi
  done
  names=${names# }
  printf '%s' "${names% }"
}

# apt ARGUMENT…: apt-get as root, without questions.
apt() {
  local root=()
  if ((EUID != 0)); then root=(sudo -n); fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q "$@" </dev/null
}

may_install() {
  command -v apt-get >/dev/null &&
    { ((EUID == 0)) || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }
}

apt_updated=
apt_update() {
  if [[ $apt_updated ]]; then return 0; fi
  apt update || return 1
  apt_updated=yes
}

# install_packages ENTRY…: what must be there. One call of apt, so that all of it fits together.
install_packages() {
  local names list
  names=$(missing "$@")
  if [[ -z $names ]]; then return 0; fi
  may_install || die "missing, and neither root nor sudo with apt to install it. As root: apt-get install $names"
  say "installing $names"
  read -ra list <<<"$names"
  apt_update || die "apt-get update failed"
  apt install -y --no-install-recommends "${list[@]}" || die "apt-get could not install: $names"
  names=$(missing "$@")
  [[ -z $names ]] || die "installed, and still not what the build asks for (is it too old?): $names"
}

# try_packages ENTRY…: what can be done without. A package that this system does not have, or has as
# a mere name for several, is no reason to stop; that it is missing is said.
try_packages() {
  local names name list=() entry
  names=$(missing "$@")
  if [[ $names ]] && may_install; then
    [[ -n $(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null) ]] ||
      apt_update || say "apt-get update failed"
    for name in $names; do
      if [[ $(apt-cache policy "$name" 2>/dev/null) == *"Candidate: "[^\(]* ]]; then list+=("$name"); fi
    done
    if ((${#list[@]})); then
      say "installing ${list[*]}"
      apt_update || say "apt-get update failed"
      if ! apt install -y --no-install-recommends "${list[@]}"; then
        for name in "${list[@]}"; do apt install -y --no-install-recommends "$name" || true; done
      fi
    fi
  fi
  for entry in "$@"; do
    have "$entry" || printf 'dev: no %s here (package %s): without %s\n' \
      "$(sed 's/^[^=]*=//; s/|.*//' <<<"$entry")" "${entry%%=*}" "${entry#*|}"
  done
}

# One line for each thing that any build asks for: what there is of it. A build folder is set up again
# when this has changed.
what_is_there() {
  local entry probe
  for entry in "${test_packages[@]}" "${test_optional[@]}" "${run_if_there[@]}" "${test_if_there[@]}"; do
    probe=${entry#*=}
    [[ $entry != pc:* ]] || probe=$entry
    probe=${probe%%|*}
    case $probe in
      pc:*)
        probe=${probe#pc:}
        printf '%s %s\n' "${probe%% *}" "$(pkg-config --modversion "${probe%% *}" 2>/dev/null)"
        ;;
      run:*)
        probe=${probe#run:}
        printf '%s %s\n' "${probe%% *}" "$(realpath "$(command -v "${probe%% *}")" 2>/dev/null)"
        ;;
      *:* | -) ;;
      *) printf '%s %s\n' "$probe" "$(realpath "$(command -v "$probe")" 2>/dev/null)" ;;
    esac
  done | sort -u
}

install_for_tests() {
  install_packages "${test_packages[@]}"
  try_packages "${test_optional[@]}"
  fetch_prometheus
}

# promtool and prometheus for the tests, out of Debian's packages: installing them starts a service.
# Debian 12 has both in one package, Debian 13 in two. Where they cannot be had the tests say so.
fetch_prometheus() {
  local packages=(prometheus) bin=build-prometheus/usr/bin
  if command -v promtool >/dev/null && command -v prometheus >/dev/null; then return 0; fi
  if [[ -x $bin/promtool && -x $bin/prometheus ]] || ! command -v apt-get >/dev/null; then return 0; fi
  if [[ $(apt-cache policy promtool 2>/dev/null) == *"Candidate: "[^\(]* ]]; then packages+=(promtool); fi
  say "unpacking ${packages[*]} for the tests"
  mkdir -p build-prometheus
  (
    cd build-prometheus
    # As root, not as apt's own user, who may not write here.
    apt-get -q -o APT::Sandbox::User=root download "${packages[@]}" </dev/null || exit 1
    for file in *.deb; do
      dpkg -x "$file" . || exit 1
      rm "$file"
    done
  ) || say "no prometheus from apt: its tests are skipped"
}

# from_npm FOLDER PACKAGE: a package of npm below a build folder, once; that it cannot be had is said.
from_npm() {
  if [[ ! -d $1/node_modules/$2 ]]; then
    npm install --prefix "$1" --no-audit --no-fund --silent "$2" </dev/null ||
      say "no $2 from npm: what needs it is skipped"
  fi
}
