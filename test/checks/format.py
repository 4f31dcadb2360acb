#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that clang-format would change nothing.

usage: format.py ROOT

Each major version lays some code out differently, so only the one the project uses is asked.
"""
import re
import shutil
import subprocess
import sys

from sources import source_files

VERSION = "14"
SKIP = 77


def find_tool():
    """The tool, or what there is in its place."""
    other = "none"
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if shutil.which(name):
            said = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
            found = re.search(r"version (\d+)", said.stdout)
            if found and found.group(1) == VERSION:
                return name, None
            other = found.group(1) if found else said.stdout.strip()
    return None, other


def main():
    tool, other = find_tool()
    if not tool:
        print(f"skipped: the code is laid out by clang-format {VERSION}, and here is {other}")
        sys.exit(SKIP)
    files = [str(p) for p in source_files(sys.argv[1]) if p.suffix in (".h", ".cc")]
    done = subprocess.run([tool, "--dry-run", "--Werror", "--ferror-limit=3", *files],
                          capture_output=True, text=True, check=False)
    sys.stdout.write(done.stderr)
    # That the tool still tells good from bad.
    bad = subprocess.run([tool, "--dry-run", "--Werror", "--assume-filename=a.cc"],
                         input="int  a ;\n", capture_output=True, text=True, check=False)
    assert bad.returncode != 0
    if done.returncode:
        print("mend it with: ./dev format")
    print(f"{len(files)} files")
    sys.exit(1 if done.returncode or not files else 0)


main()
