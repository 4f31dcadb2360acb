# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: Debian's packages, built, looked at by lintian, and used

# dpkg asks for the packages by name, whatever else there is; so must these probes.
mapfile -t part_packages < <(
  sed -n '/^Build-Depends:/,/^$/s/^ \([a-z0-9][a-z0-9+.-]*\).*/\1=-/p' packaging/debian/control |
    sed 's/^debhelper-compat=/debhelper=/'
)
part_packages+=(build-essential=- dpkg-dev=dpkg-buildpackage dpkg-dev=dpkg-checkbuilddeps fakeroot=fakeroot lintian=lintian)

part() { long_check "Debian packages" python3 -B test/checks/debian.py .; }
