# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: built for s390x (big-endian) and arm64, run there by qemu-user

# Without a compiler or the emulator a machine is skipped. Its libraries are unpacked into the folder
# (test/machines/foreign_root.py): this machine's dpkg gets no foreign architecture.
part_packages=(zstd=zstd apt=apt-get apt=apt-cache dpkg=dpkg dpkg=dpkg-deb)
part_optional=(
  'g++-s390x-linux-gnu=s390x-linux-gnu-g++|s390x' 'g++-aarch64-linux-gnu=aarch64-linux-gnu-g++|arm64'
  'qemu-user=qemu-s390x|s390x and arm64'
)
part_builds=yes

part() {
  local machine
  for machine in s390x arm64; do
    long_check "machine $machine" python3 -B test/machines/machines.py . build build-machines "$machine"
  done
}
