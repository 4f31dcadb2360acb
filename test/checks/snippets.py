#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every program that stands in the documents.

usage: snippets.py INCLUDE_DIR CONFIG_DIR PAGE...
"""
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trees import need

BLOCK = re.compile(r"^```(cpp|c)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]
LANGUAGE = {"cpp": ["-std=c++20", "-x", "c++", "-"], "c": ["-std=c99", "-x", "c", "-"]}


def main():
    include_dir, config_dir, *pages = sys.argv[1:]
    need("g++")
    snippets = []
    for page in pages:
        text = Path(page).read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            snippets.append((f"{page}:{line}", match[1], match[2]))

    def compile_one(snippet):
        place, language, text = snippet
        done = subprocess.run(["g++", "-I", include_dir, "-I", config_dir, *FLAGS,
                               *LANGUAGE[language]], input=text,
                              capture_output=True, text=True, check=False)
        return f"{place}: {done.stderr[:2000]}" if done.returncode else ""

    with ThreadPoolExecutor(2) as both:
        faults = [fault for fault in both.map(compile_one, snippets) if fault]
    print("\n".join(faults + [f"{len(snippets)} programs, {len(faults)} faults"]))
    sys.exit(1 if faults or not snippets else 0)


main()
