# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: pages of tcpinfo-dump plot and summary in a browser: colours, hover, zoom, keys, and pictures to look at

# CHECK_PAGES names a folder for pages and pictures; without it they go when the check ends.

part_packages=(chromium=chromium chromium-driver=chromedriver python3-selenium=py:selenium)
part_builds=yes

# selenium is the system's Python's.
part() {
  long_check "pages in a browser" /usr/bin/python3 -B test/pages/check_pages.py \
    build/tools/tcpinfo-dump "${CHECK_PAGES:-}"
}
