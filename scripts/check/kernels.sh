# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: live tests on Debian's kernels 5.10, 6.1, 6.12 and the newest, in qemu

# qemu emulates a PC here, whatever the machine is. test/kernels/debian_kernels.py fetches and unpacks.
part_packages=(qemu-system-x86=qemu-system-x86_64 apt=apt-get apt=apt-cache dpkg=dpkg)
part_builds=yes

# TCPINFO_KERNELS names some of them. One after the other, for each takes a processor.
part() {
  local kernel status
  for kernel in ${TCPINFO_KERNELS:-5.10 6.1 6.12 newest}; do
    say "kernel $kernel"
    mkdir -p build-kernels
    rm -f "build-kernels/$kernel/results.json"
    status=0
    python3 -B test/kernels/check_kernels.py build build-kernels "$kernel" \
      >"build-kernels/$kernel.log" 2>&1 </dev/null || status=$?
    cat "build-kernels/$kernel.log"
    if [[ -s build-kernels/$kernel/results.json ]]; then
      note_log "kernel $kernel" "build-kernels/$kernel/results.json"
    else
      note_failure "kernel $kernel" "no test ran (status $status, build-kernels/$kernel.log)"
    fi
  done
  say "as docs/operations.md has it"
  python3 -B test/kernels/table.py build-kernels
}
