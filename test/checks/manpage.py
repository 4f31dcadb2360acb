#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares a tool's --help with its man page: each flag of the one is in the other.

usage: manpage.py TOOL PAGE.scd
"""
import pathlib
import re
import shutil
import subprocess
import sys

SKIP = 77
# A flag as help and pages print it; -1 and the like are numbers.
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[A-Za-z])(?![\w-])")


def flags_of_help(text):
    found = set()
    for line in text.splitlines():
        # The flags stand first in a line, before the meaning.
        if line.lstrip().startswith("-"):
            head = re.split(r"\s{2,}", line.strip(), maxsplit=1)[0]
            found |= set(FLAG.findall(head))
    return found


def flags_of_page(text):
    found = set()
    inside = False
    for line in text.splitlines():
        if line.startswith("# "):
            inside = line.strip() == "# OPTIONS"
        elif inside and line.startswith("*-"):
            found |= set(FLAG.findall(line))
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
