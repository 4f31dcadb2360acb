# SPDX-License-Identifier: Apache-2.0
"""Reads test/abi/symbols.txt, the list of what libtcpinfo.so exports."""


def read_list(text):
    """Pairs of demangled name and version node."""
    pairs = set()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, node = line.rpartition(" ")
            pairs.add((name, node))
    return pairs
