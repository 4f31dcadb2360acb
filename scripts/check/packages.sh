# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: Debian's packages, built, looked at by lintian, and used

part_packages=("${test_packages[@]}" debhelper=dh dpkg-dev=dpkg-buildpackage
  fakeroot=fakeroot lintian=lintian)

part() { long_check "Debian packages" python3 -B test/checks/debian.py .; }
