#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the library against that of the baseline, the commit named in test/abi/baseline: abidiff
has nothing to say, a program built against the baseline runs on today's library, and abidiff does
say something where a field is moved.

usage: abi_diff.py SOURCE_ROOT
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from trees import SKIP, abidiff, build_library, copy_commit, copy_tree, need, run


def move_a_field(tree):
    """Two members of a public struct change places."""
    header = tree / "lib/include/tcpinfo/address.h"
    text = header.read_text(encoding="utf-8")
    first = "  std::uint16_t sport = 0;      ///< local port\n"
    second = "  std::uint32_t interface = 0;  ///< ifindex the socket is bound to, 0 = none\n"
    assert text.count(first) == 1 and text.count(second) == 1, "the struct is another one now"
    text = text.replace(first, "\0").replace(second, first).replace("\0", second)
    header.write_text(text, encoding="utf-8")
    message = tree / "lib/include/tcpinfo/message.h"
    text = message.read_text(encoding="utf-8")
    first = "return {src(), dst(), sport(), dport(), interface(), cookie()};"
    assert text.count(first) == 1, "the struct is made elsewhere now"
    text = text.replace(first, "return {src(), dst(), interface(), dport(), sport(), cookie()};")
    message.write_text(text, encoding="utf-8")


def run_old_program(source, old_tree, old, new, folder):
    """Built against the baseline's headers and library, run on today's."""
    program = folder / "consumer"
    libraries = folder / "old-lib"
    libraries.mkdir()
    shutil.copy2(old, libraries / "libtcpinfo.so.0")
    (libraries / "libtcpinfo.so").symlink_to("libtcpinfo.so.0")
    run("g++", "-std=c++20", source / "test/checks/consumer.cc", "-o", program, "-I",
        old_tree / "lib/include", "-I", old.parent / "include", "-L", libraries, "-ltcpinfo")
    with socket.create_server(("127.0.0.1", 0)):
        said = run(program, env=dict(os.environ, LD_LIBRARY_PATH=str(new.parent)))
    assert int(said.split()[1]) >= 1, said
    print(f"a program of the baseline on today's library: {said.strip()}")


def main():
    source = Path(sys.argv[1]).resolve()
    need("abidiff", "git", "g++", "meson", "ninja")
    listed = source / "test/abi/baseline"
    commit = listed.read_text(encoding="ascii").split()[0] if listed.exists() else ""
    known = commit and subprocess.run(["git", "-C", str(source), "cat-file", "-e", commit],
                                      capture_output=True, check=False).returncode == 0
    if not known:
        print(f"skipped: the history here has no baseline {commit}")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        old_tree = copy_commit(source, commit, folder / "old")
        new_tree = copy_tree(source, folder / "new")
        changed_tree = copy_tree(source, folder / "changed")
        move_a_field(changed_tree)
        old = build_library(old_tree, folder / "build-old")
        new = build_library(new_tree, folder / "build-new")
        changed = build_library(changed_tree, folder / "build-changed")
        headers = "lib/include"
        status, said = abidiff(old, old_tree / headers, new, new_tree / headers)
        print(f"against {commit[:12]}: abidiff ends with {status}")
        assert status == 0, said
        status, said = abidiff(new, new_tree / headers, changed, changed_tree / headers)
        assert status != 0 and "socket_id" in said, f"a moved field was not noticed: {said}"
        print(f"a field moved: abidiff ends with {status}")
        run_old_program(source, old_tree, old, new, folder)


main()
