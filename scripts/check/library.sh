# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# help: reference, abidiff, docs/adding-a-field.md followed, use as a subproject

part_packages=(abigail-tools=abidiff doxygen=doxygen)
part_builds=yes

part() {
  long_check "reference" python3 -B test/checks/reference.py .
  long_check "abidiff" python3 -B test/checks/abi_diff.py .
  long_check "adding a field" python3 -B test/checks/add_field.py .
  long_check "subproject" python3 -B test/checks/subproject.py .
}
