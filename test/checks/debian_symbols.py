#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the symbols file of the Debian package with the list of exported symbols.

usage: debian_symbols.py [--update] LIST SYMBOLS

LIST is test/abi/symbols.txt, SYMBOLS is packaging/debian/libtcpinfo0.symbols. From the latter
dpkg-shlibdeps learns which version of the package a program needs: for each symbol the release that
brought it, and that is the one its node is named after. --update writes SYMBOLS anew.
"""
import pathlib
import re
import sys

from symbol_list import read_list

NODE = re.compile(r"^LIBTCPINFO_(\d+\.\d+)$")
HEAD = "libtcpinfo.so.0 libtcpinfo0 #MINVER#\n* Build-Depends-Package: libtcpinfo-dev\n"
# std::size_t and the 64-bit integers have other names where an address has 32 bits.
WIDTH = re.compile(r"\blong\b|\dul\b")


def version_of(node):
    """0.1.0 for LIBTCPINFO_0.1. Without a Debian revision, as policy wants it."""
    return NODE.match(node)[1] + ".0"


def entry(name, node):
    # Of C, which has no types in it.
    if re.fullmatch(r"tcpinfo_\w+", name):
        return f" {name}@{node} {version_of(node)}\n"
    tags = "(arch-bits=64|c++)" if WIDTH.search(name) else "(c++)"
    return f' {tags}"{name}@{node}" {version_of(node)}\n'


def symbols_file(pairs):
    nodes = sorted({node for _, node in pairs})
    # dpkg-gensymbols counts a node as a symbol, too.
    return (HEAD + "".join(f" {n}@{n} {version_of(n)}\n" for n in nodes) +
            "".join(entry(name, node) for name, node in sorted(pairs)))


def faults_of(wanted, found):
    wanted, found = wanted.splitlines(), found.splitlines()
    faults = [f"not in the symbols file: {w.strip()}" for w in wanted if w not in found]
    faults += [f"not in the list: {f.strip()}" for f in found if f not in wanted]
    if not faults and wanted != found:
        faults.append("lines are repeated, or in another order")
    return faults


def self_test():
    pairs = read_list("# head\n"
                      "tcpinfo::v0::f(char) const LIBTCPINFO_0.1\n"
                      "tcpinfo::v0::g(unsigned long) LIBTCPINFO_0.2\n"
                      "tcpinfo::v0::h(std::span<char, 18446744073709551615ul>) LIBTCPINFO_0.2\n"
                      "tcpinfo::v0::prolong() LIBTCPINFO_0.1\n"
                      "tcpinfo_f LIBTCPINFO_0.2\n")
    made = symbols_file(pairs)
    assert made == HEAD + (
        ' LIBTCPINFO_0.1@LIBTCPINFO_0.1 0.1.0\n'
        ' LIBTCPINFO_0.2@LIBTCPINFO_0.2 0.2.0\n'
        ' (c++)"tcpinfo::v0::f(char) const@LIBTCPINFO_0.1" 0.1.0\n'
        ' (arch-bits=64|c++)"tcpinfo::v0::g(unsigned long)@LIBTCPINFO_0.2" 0.2.0\n'
        ' (arch-bits=64|c++)"tcpinfo::v0::h(std::span<char, 18446744073709551615ul>)'
        '@LIBTCPINFO_0.2" 0.2.0\n'
        ' (c++)"tcpinfo::v0::prolong()@LIBTCPINFO_0.1" 0.1.0\n'
        ' tcpinfo_f@LIBTCPINFO_0.2 0.2.0\n'), made
    assert not faults_of(made, made)
    last = made.splitlines(keepends=True)[-1]
    for bad in ("", made + " x@y 1\n", made + last, made.removesuffix(last),
                made.replace("0.1.0", "0.1.1")):
        assert faults_of(made, bad), bad


def main():
    self_test()
    listed, symbols = (pathlib.Path(a) for a in sys.argv[1:] if a != "--update")
    pairs = read_list(listed.read_text(encoding="utf-8"))
    wanted = symbols_file(pairs)
    if "--update" in sys.argv[1:]:
        symbols.write_text(wanted, encoding="utf-8")
    faults = faults_of(wanted, symbols.read_text(encoding="utf-8"))
    for fault in faults:
        print(fault)
    print(f"{len(pairs)} symbols, {len(faults)} faults")
    sys.exit(1 if faults or not pairs else 0)


main()
