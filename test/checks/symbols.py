#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what libtcpinfo.so exports with the list that is checked in, and with what the sources
mark by TCPINFO_API.

usage: symbols.py [--update] LIBRARY ARCHIVE LIST MAP

A line of the list is the demangled name and its version node. What is exported cannot be taken back
(docs/abi.md), so a difference is a decision: --update writes the list, and the newest node of the
version script, as the sources have them. A node names its symbols one by one: a name that is not in
the script is not exported, and is found out here by its visibility in the static library.
"""
import pathlib
import re
import sys

from symbol_list import read_list
from trees import need, run

NODE = re.compile(r"^LIBTCPINFO_\d+\.\d+$")
OWN = re.compile(
    r"^(?:(?:(?:typeinfo|typeinfo name|vtable|VTT) for )?tcpinfo::v\d+::|tcpinfo_\w+$)")
# Of tcpinfo/c.h: names that C has, too.
PLAIN = re.compile(r"^tcpinfo_\w+$")
MAP_NODE = re.compile(r"^(LIBTCPINFO_\d+\.\d+) \{\n(.*?)^\}([^;]*);\n", re.MULTILINE | re.DOTALL)
# C++'s names are quoted, C's are not.
NAMED = re.compile(r'^ *(?:"(.+)"|(tcpinfo_\w+));$', re.MULTILINE)
# "12: 0000 64 FUNC GLOBAL DEFAULT 7 name": defined, for others to see.
VISIBLE = re.compile(r"^\s*\d+:\s+\w+\s+\w+\s+(?:FUNC|OBJECT)\s+(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+"
                     r"\s+(.+)$")


def exported(library):
    """Pairs of demangled name and node, without the nodes' own symbols."""
    found = set()
    for line in run("nm", "--dynamic", "--defined-only", "--demangle",
                          "--with-symbol-versions", library).splitlines():
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


def visible_in(archive):
    """Names that are visible in the objects: those that TCPINFO_API marks."""
    found = set()
    for line in run("readelf", "--syms", "--wide", "--demangle", archive).splitlines():
        match = VISIBLE.match(line)
        if match and OWN.match(match[1]):
            found.add(match[1])
    return found


def read_map(path):
    """Nodes in order, each with its names."""
    return {node: {quoted or plain for quoted, plain in NAMED.findall(body)}
            for node, body, _ in MAP_NODE.findall(path.read_text(encoding="utf-8"))}


def write_map(path, names):
    """Gives the newest node what the older ones do not have."""
    text = path.read_text(encoding="utf-8")
    newest = list(MAP_NODE.finditer(text))[-1]
    older = set().union(*(names_of for node, names_of in read_map(path).items()
                          if node != newest[1]))
    added = sorted(names - older)
    plain = "".join(f"    {name};\n" for name in added if PLAIN.match(name))
    listed = "".join(f'      "{name}";\n' for name in added if not PLAIN.match(name))
    local = "  local:\n    *;\n" if not older else ""
    node = (f'{newest[1]} {{\n  global:\n{plain}    extern "C++" {{\n{listed}    }};\n{local}'
            f"}}{newest[3]};\n")
    path.write_text(text[:newest.start()] + node + text[newest.end():], encoding="utf-8")
    return newest[1]


def faults_of(found, wanted, visible=None, sealed=None):
    faults = []
    for name, node in sorted(found):
        if not NODE.match(node):
            faults.append(f"in no version node: {name}")
        if not OWN.match(name):
            faults.append(f"not of this library: {name}")
        if sealed is not None and name not in sealed.get(node, ()):
            faults.append(f"not named in its node of the version script: {name} {node}")
    faults += [f"exported, not in the list: {n} {v}" for n, v in sorted(found - wanted)]
    faults += [f"in the list, not exported: {n} {v}" for n, v in sorted(wanted - found)]
    if visible is not None:
        names = {name for name, _ in found}
        faults += [f"marked TCPINFO_API, not exported: {n}" for n in sorted(visible - names)]
    return faults


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
    sealed = {"LIBTCPINFO_0.1": {"tcpinfo::v0::f()"}}
    assert not faults_of(good, good, {"tcpinfo::v0::f()"}, sealed)
    assert faults_of(good, set())
    assert faults_of(set(), good)
    assert faults_of(good, good, {"tcpinfo::v0::f()", "tcpinfo::v0::g()"}, sealed)
    assert faults_of(good, good, set(), {"LIBTCPINFO_0.1": set()})
    plain = {("tcpinfo_f", "LIBTCPINFO_0.1")}
    assert not faults_of(plain, plain, {"tcpinfo_f"}, {"LIBTCPINFO_0.1": {"tcpinfo_f"}})
    assert NAMED.findall('    tcpinfo_f;\n      "tcpinfo::v0::f()";\n    *;\n') == [
        ("", "tcpinfo_f"), ("tcpinfo::v0::f()", "")]
    for bad in [("std::f()", "LIBTCPINFO_0.1"), ("tcpinfo::v0::f()", ""),
                ("tcpinfo::v0::f()", "Base"), ("tcpinfo", "LIBTCPINFO_0.1"),
                ("fmt::tcpinfo::v0::f()", "LIBTCPINFO_0.1")]:
        assert faults_of({bad}, {bad}), bad
    assert VISIBLE.match("    12: 0000000000000000    64 FUNC    GLOBAL DEFAULT    7 "
                        "tcpinfo::v0::f(int, char)")[1] == "tcpinfo::v0::f(int, char)"
    assert not VISIBLE.match("    12: 0000000000000000    64 FUNC    GLOBAL HIDDEN    7 f()")
    assert not VISIBLE.match("    12: 0000000000000000     0 NOTYPE  GLOBAL DEFAULT  UND f()")


def main():
    self_test()
    args = [a for a in sys.argv[1:] if a != "--update"]
    library, archive = args[:2]
    listed, script = map(pathlib.Path, args[2:])
    need("nm", "readelf")
    visible = visible_in(archive)
    if "--update" in sys.argv[1:]:
        node = write_map(script, visible)
        older = {(n, v) for v, names in read_map(script).items() if v != node for n in names}
        write_list(listed, older | {(n, node) for n in read_map(script)[node]})
        print(f"{len(visible)} symbols; build again, so that the library has them")
        return
    found = exported(library)
    wanted = read_list(listed.read_text(encoding="utf-8"))
    faults = faults_of(found, wanted, visible, read_map(script))
    for fault in faults:
        print(fault)
    print(f"{len(found)} symbols, {len(faults)} faults")
    sys.exit(1 if faults or not found else 0)


main()
