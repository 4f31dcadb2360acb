#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares a tool's --help with its man page: each flag of the one is in the other.

usage: manpage.py TOOL PAGE.scd
"""
import pathlib
import shutil
import subprocess
import sys

from help_flags import flags_in, flags_of_help

SKIP = 77


def flags_of_page(text):
    found = set()
    inside = False
    for line in text.splitlines():
        if line.startswith("# "):
            inside = line.strip() == "# OPTIONS"
        elif inside and line.startswith("*-"):
            found |= flags_in(line)
    return found


def self_test():
    assert flags_of_help("usage: x [-q]\n  -o, --output DIR   where --not-this -1\n  --level N  x\n"
                         ) == {"-o", "--output", "--level"}
    assert flags_of_page("# OPTIONS\n\n*-o*, *--output* _DIR_\n\tas --else\n# X\n*--no*\n") == {
        "-o", "--output"}


def main():
    self_test()
    tool, page = sys.argv[1], pathlib.Path(sys.argv[2])
    text = page.read_text(encoding="utf-8")
    if shutil.which("scdoc"):
        made = subprocess.run(["scdoc"], input=text, capture_output=True, text=True, check=False)
        if made.returncode or not made.stdout.strip():
            print(f"scdoc refuses {page.name}: {made.stderr}")
            sys.exit(1)
    if not pathlib.Path(tool).is_file():
        print(f"skipped: {tool} is not built")
        sys.exit(SKIP)
    said = subprocess.run([tool, "--help"], capture_output=True, text=True, check=True).stdout
    of_help, of_page = flags_of_help(said), flags_of_page(text)
    for flag in sorted(of_help - of_page):
        print(f"{flag} is in --help and not in {page.name}")
    for flag in sorted(of_page - of_help):
        print(f"{flag} is in {page.name} and not in --help")
    print(f"{len(of_help)} flags")
    sys.exit(1 if of_help != of_page or not of_help else 0)


main()
