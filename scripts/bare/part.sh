# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What ./dev check bare, ./dev check doors and ./dev test --doors have in common.

# shellcheck disable=SC2034
bare_packages=(mmdebstrap=mmdebstrap debian-archive-keyring=- git=git util-linux=unshare zstd=zstd
  python3=python3)

# bare_machines [--short]: results of its steps, and of the tests in the machines, become ours. BARE_SUITES
# names the Debian suites to try, if not all are wanted: trixie, or bookworm,trixie.
bare_machines() {
  local status=0
  # $$ is dev itself, in whatever subshell.
  python3 -B scripts/bare/check.py --stop-with $$ ${BARE_SUITES:+--suites "$BARE_SUITES"} \
    "$@" build-bare || status=$?
  # Interrupted: dev has ended, and its list of results is gone with it.
  if [[ ! -e $results ]]; then exit 1; fi
  if ((status == 0)); then
    note_log bare build-bare/logs/results.json
  else
    note_failure bare "ended with status $status"
  fi
}
