#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the symbols that libtcpinfo.so exports with the list that is checked in.

usage: symbols.py [--update] LIBRARY LIST

A line of the list is the demangled name and its version node. What is exported cannot be taken back
(docs/abi.md), so a difference is a decision: the list is changed by hand or with --update.
"""
import pathlib
import re
import shutil
import subprocess
import sys

NODE = re.compile(r"^LIBTCPINFO_\d+\.\d+$")
OWN = re.compile(
    r"^(?:(?:typeinfo|typeinfo name|vtable|VTT) for )?tcpinfo::v\d+::")
SKIP = 77


def exported(library):
    """Pairs of demangled name and node, without the nodes' own symbols."""
    said = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--demangle", "--with-symbol-versions", library],
        capture_output=True, text=True, check=True).stdout
    found = set()
    for line in said.splitlines():
        name, node = parse(line)
        if name != node:
            found.add((name, node))
    return found


def parse(line):
    """From "address type name@@NODE"; the name may hold blanks."""
    name = line.split(maxsplit=2)[2]
    name, _, node = name.partition("@")
    node = node.lstrip("@")
    return name, node or (name if NODE.match(name) else "")


def faults_of(found, wanted):
    faults = []
    for name, node in sorted(found):
        if not NODE.match(node):
            faults.append(f"in no version node: {name}")
        if not OWN.match(name):
            faults.append(f"not of this library: {name}")
    faults += [f"exported, not in the list: {n} {v}" for n, v in sorted(found - wanted)]
    faults += [f"in the list, not exported: {n} {v}" for n, v in sorted(wanted - found)]
    return faults


def read_list(path):
    pairs = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, node = line.rpartition(" ")
            pairs.add((name, node))
    return pairs


def write_list(path, found):
    head = ("# What libtcpinfo.so exports: demangled name and version node. docs/abi.md says when\n"
            "# a line may be added (any release) or go (never within a soname).\n")
    path.write_text(head + "".join(f"{n} {v}\n" for n, v in sorted(found)), encoding="utf-8")


def self_test():
    assert parse("0001 T tcpinfo::v0::f(int, char)@@LIBTCPINFO_0.1") == (
        "tcpinfo::v0::f(int, char)", "LIBTCPINFO_0.1")
    assert parse("0000 A LIBTCPINFO_0.1@@LIBTCPINFO_0.1") == ("LIBTCPINFO_0.1",) * 2
    assert parse("0001 T tcpinfo::v0::f()") == ("tcpinfo::v0::f()", "")
    good = {("tcpinfo::v0::f()", "LIBTCPINFO_0.1")}
    assert not faults_of(good, good)
    assert faults_of(good, set())
    assert faults_of(set(), good)
    for bad in [("std::f()", "LIBTCPINFO_0.1"), ("tcpinfo::v0::f()", ""),
                ("tcpinfo::v0::f()", "Base"), ("fmt::tcpinfo::v0::f()", "LIBTCPINFO_0.1")]:
        assert faults_of({bad}, {bad}), bad


def main():
    self_test()
    args = [a for a in sys.argv[1:] if a != "--update"]
    library, listed = args[0], pathlib.Path(args[1])
    if not shutil.which("nm"):
        print("skipped: no nm here")
        sys.exit(SKIP)
    found = exported(library)
    if "--update" in sys.argv[1:]:
        write_list(listed, found)
    faults = faults_of(found, read_list(listed))
    for fault in faults:
        print(fault)
    print(f"{len(found)} symbols, {len(faults)} faults")
    sys.exit(1 if faults or not found else 0)


main()
