#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what a reader of any source file may rely on.

usage: style.py ROOT

An SPDX line near the top of each source file, include guards named as their files, no tabs, no
trailing blanks, one newline at the end, Python lines and prose of documents of 100 characters at
most, and no path of somebody's machine.
"""
import pathlib
import re
import sys

from sources import source_files

MAX_LINE = 100
SOURCE_SUFFIXES = {".h", ".cc", ".def", ".py", ".sh", ".map"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {
    ".md", ".build", ".txt", ".scd", ".wrap", ".yml", ".yaml", ".json", ".in", ".service",
    ".default", ".editorconfig", ".gitignore", ".clang-format", ""}
# Put together, so that this file does not hold them.
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:" + "|".join(["work", "root", "home"]) + r")/")
# What lies there and is no source is given to tests as it is, byte for byte.
AS_THEY_ARE = ("test/golden/", "test/fuzz/corpus/", "third_party/uplot/")
SPDX = "SPDX-License-Identifier: Apache-2.0"


def is_source(path, text):
    return path.suffix in SOURCE_SUFFIXES or text.startswith("#!")


def long_prose(text):
    """Numbers and lengths of lines of Markdown that are too long: not of code, tables, or what has
    no blank to be broken at."""
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced or line.startswith("    ") or line.lstrip().startswith("|"):
            continue
        if len(line) > MAX_LINE and " " in line.strip():
            yield number, len(line)


def check(path, text):
    faults = []
    if path.suffix == ".md":
        faults += [f"{path}:{number}: {size} characters" for number, size in long_prose(text)]
    if is_source(path, text) and path.suffix != ".map" and SPDX not in text[:400]:
        faults.append(f"{path}: no line {SPDX}")
    if path.suffix == ".h" and path.parts[0] == "lib" and path.parts[1] != "include":
        guard = "TCPINFO_" + re.sub(r"[^A-Z0-9]", "_", "_".join(path.parts[1:]).upper())
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            faults.append(f"{path}: no include guard {guard}")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        faults.append(f"{path}: does not end in one newline")
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{path}:{number}"
        # The man page format indents by tabs and knows nothing else.
        if "\t" in line and path.suffix != ".scd":
            faults.append(f"{place}: tab")
        if line != line.rstrip():
            faults.append(f"{place}: trailing blanks")
        if path.suffix == ".py" and len(line) > MAX_LINE:
            faults.append(f"{place}: {len(line)} characters")
        if MACHINE_PATH.search(line):
            faults.append(f"{place}: path of a machine")
    return faults


def self_test():
    def clean(name, text):
        return not check(pathlib.Path(name), text)
    head = "// " + SPDX + "\n"
    assert clean("a.cc", head)
    assert not clean("a.cc", "int a;\n")
    assert clean("lib/a/b.h", head + "#ifndef TCPINFO_A_B_H\n#define TCPINFO_A_B_H\n#endif\n")
    assert not clean("lib/a/c.h", head + "#ifndef TCPINFO_A_B_H\n#define TCPINFO_A_B_H\n#endif\n")
    assert not clean("dev", "#!/bin/sh\n")
    assert not clean("a.md", "a\tb\n")
    assert not clean("a.md", "a \n")
    assert not clean("a.md", "a")
    assert not clean("a.md", "a\n\n")
    assert not clean("a.md", "see /" + "work/x\n")
    assert clean("a.md", "see framework/x and ~/x\n")
    assert not clean("a.md", "x " * 50 + "x\n")
    assert clean("a.md", "    " + "x " * 50 + "x\n")
    assert clean("a.md", "```\n" + "x " * 50 + "x\n```\n")
    assert clean("a.md", "| " + "x " * 50 + "|\n")
    assert not clean("a.py", "# " + SPDX + "\n" + "x" * 101 + "\n")


def main():
    self_test()
    root = pathlib.Path(sys.argv[1])
    faults = []
    count = 0
    for full in source_files(root):
        path = full.relative_to(root)
        suffixes = TEXT_SUFFIXES
        if str(path).startswith(AS_THEY_ARE):
            suffixes = SOURCE_SUFFIXES | {".build", ".md"}
        if path.suffix not in suffixes:
            continue
        count += 1
        try:
            faults += check(path, full.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            faults.append(f"{path}: not UTF-8")
    for fault in faults:
        print(fault)
    print(f"{count} files, {len(faults)} faults")
    sys.exit(1 if faults or not count else 0)


main()
