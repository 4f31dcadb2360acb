#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Brings one version of the collector to many hosts, some at a time, and goes back where a host does
# not record with it. An example to change: it needs a shell and ssh, and of a host tar and sh.
#
# usage: rollout.sh [-n BATCH] [-d DIR] [-r RESTART] [-c CHECK] [-t SECONDS]
#                   VERSION TARBALL HOST...
#
#   TARBALL   what `meson install --destdir` made, as .tar.gz; it is unpacked into DIR/VERSION
#   BATCH     hosts at a time (5); the first host goes alone
#   DIR       where versions stand side by side, `current` a link to the one that runs
#             (/opt/tcpinfo)
#   RESTART   command of the host that makes the collector run from DIR/current
#             (systemctl restart tcpinfo-collect)
#   CHECK     command of the host that ends with 0 when it records
#             (curl -fsS http://127.0.0.1:9090/readyz); it is asked once a second
#   SECONDS   after so many seconds without (60) the host goes back to what it had
#
# A host that has the version and records with it is passed over, so the same call can be made again.
# Recordings of both versions are read alike: what a new one writes an older one may refuse, so the
# machines that read archives get it first. Ends with 1 at the first batch in which a host went back
# to what it had, or could not be reached; hosts of later batches are as they were.
set -u
batch=5 dir=/opt/tcpinfo seconds=60 restart='systemctl restart tcpinfo-collect'
check='curl -fsS http://127.0.0.1:9090/readyz'
while getopts n:d:r:c:t: flag; do
  case $flag in
    n) batch=$OPTARG ;;
    d) dir=$OPTARG ;;
    r) restart=$OPTARG ;;
    c) check=$OPTARG ;;
    t) seconds=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
if [ $# -lt 3 ]; then
  echo 'usage: rollout.sh [-n BATCH] [-d DIR] [-r RESTART] [-c CHECK] [-t SECONDS]' \
    'VERSION TARBALL HOST...' >&2
  exit 2
fi
for number in "$batch" "$seconds"; do
  case $number in
    *[!0-9]* | '' | 0*) echo "rollout.sh: '$number' is no number above 0" >&2; exit 2 ;;
  esac
done
version=$1 tarball=$2
shift 2
[ -r "$tarball" ] || { echo "rollout.sh: cannot read $tarball" >&2; exit 1; }
case $version in
  */* | .* | -* | *.part | current | current.new | '')
    echo "rollout.sh: '$version' is no name for a version" >&2; exit 2 ;;
esac

# What runs on the host. A link is put in place of another by rename, so `current` is always one of
# both. Unpacked into a folder that has its name when it is whole.
remote='
set -u
dir=$1 version=$2 restart=$3 check=$4 seconds=$5
records() {
  tries=0
  while [ "$tries" -lt "$seconds" ]; do
    if sh -c "$check" >/dev/null 2>&1; then return 0; fi
    tries=$((tries + 1))
    sleep 1
  done
  return 1
}
switch() {
  ln -sfn "$1" "$dir/current.new" && mv -T "$dir/current.new" "$dir/current" && sh -c "$restart"
}
mkdir -p "$dir" || exit 3
before=$(readlink "$dir/current" || true)
if [ ! -d "$dir/$version" ]; then
  rm -rf "$dir/$version.part"
  mkdir "$dir/$version.part" && tar -xzf - -C "$dir/$version.part" &&
    mv "$dir/$version.part" "$dir/$version" || exit 3
fi
if [ "$before" = "$version" ] && sh -c "$check" >/dev/null 2>&1; then exit 0; fi
if switch "$version" && records; then exit 0; fi
[ -n "$before" ] && [ "$before" != "$version" ] || exit 5
switch "$before" && records && exit 4
exit 5
'

# A command line for the shell at the other end.
quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

to_host() {
  ssh "$1" "sh -c $(quoted "$remote") rollout $(quoted "$dir") $(quoted "$version") \
    $(quoted "$restart") $(quoted "$check") $(quoted "$seconds")" <"$tarball"
  status=$?
  case $status in
    0) echo "$1: records with $version" ;;
    3) echo "$1: $version could not be put there; nothing was changed" ;;
    4) echo "$1: does not record with $version; went back, and records" ;;
    5) echo "$1: DOES NOT RECORD" ;;
    *) echo "$1: ssh ended with $status" ;;
  esac
  return "$status"
}

size=1
while [ $# -gt 0 ]; do
  pids=
  number=0
  while [ $# -gt 0 ] && [ "$number" -lt "$size" ]; do
    to_host "$1" &
    pids="$pids $!"
    number=$((number + 1))
    shift
  done
  failed=0
  for pid in $pids; do
    wait "$pid" || failed=1
  done
  if [ "$failed" -ne 0 ]; then
    echo "stopped: $# hosts are as they were" >&2
    exit 1
  fi
  size=$batch
done
