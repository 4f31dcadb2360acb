#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a project of somebody else's that has libtcpinfo as a meson subproject, and runs it.

usage: subproject.py SOURCE_ROOT
"""
import shutil
import sys
import tempfile
from pathlib import Path

from trees import copy_tree, need, run

PROJECT = """\
project('somebody', 'cpp', default_options: ['cpp_std=c++20'])
tcpinfo = dependency('libtcpinfo', fallback: 'libtcpinfo',
  default_options: ['tools=disabled', 'tests=disabled', 'docs=disabled', 'prometheus=disabled',
    'systemd=disabled', 'fuzz=disabled'])
executable('list', 'list.cc', dependencies: tcpinfo)
"""


def main():
    source = Path(sys.argv[1]).resolve()
    need("git", "g++", "meson", "ninja")
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "somebody"
        (project / "subprojects").mkdir(parents=True)
        copy_tree(source, project / "subprojects/libtcpinfo")
        (project / "meson.build").write_text(PROJECT, encoding="ascii")
        shutil.copy2(source / "docs/examples/list.cc", project)
        build = project / "build"
        # Whatever libtcpinfo is installed here is not the one.
        run("meson", "setup", "--force-fallback-for=libtcpinfo", "-Doptimization=0", build, project)
        run("ninja", "-C", build, "list")
        said = run(build / "list")
        assert said.startswith("STATE"), said
        print("a subproject of somebody else's builds and runs")


main()
