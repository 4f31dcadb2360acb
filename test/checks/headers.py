#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles each public header on its own, and shows what C++17 gets.

usage: headers.py INCLUDE_DIR [COMPILER...]

Only g++ and clang++ that are there are used; none there is a skip. A .def file is a list to be
included with its macro defined and is no header of its own.
"""
import pathlib
import shutil
import subprocess
import sys

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SKIP = 77


def compile_text(compiler, include_dir, standard, text):
    return subprocess.run(
        [compiler, f"-std={standard}", *FLAGS, "-fsyntax-only", "-I", str(include_dir),
         "-x", "c++", "-"],
        input=text, capture_output=True, text=True, check=False)


def main():
    include_dir = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:] or ["g++", "clang++"]
    compilers = [c for c in wanted if shutil.which(c)]
    if not compilers:
        print(f"skipped: none of {', '.join(wanted)} is here")
        sys.exit(SKIP)
    headers = sorted((include_dir / "tcpinfo").glob("*.h"))
    failures = 0
    for compiler in compilers:
        # Twice: a header without a guard, or one that undoes what it needs, is found out.
        for header in headers:
            text = f"#include <tcpinfo/{header.name}>\n" * 2
            done = compile_text(compiler, include_dir, "c++20", text)
            if done.returncode:
                failures += 1
                print(f"{compiler}: {header.name} does not compile on its own\n{done.stderr}")
            done = compile_text(compiler, include_dir, "c++17", text)
            # The first complaint must be the one that says what to do.
            errors = [line for line in done.stderr.splitlines() if "error:" in line]
            if not errors or "libtcpinfo needs C++20" not in errors[0]:
                failures += 1
                print(f"{compiler}: {header.name} in C++17 says\n" + "\n".join(errors[:3]))
    missing = [c for c in wanted if c not in compilers]
    print(f"{len(headers)} headers, compilers {', '.join(compilers)}"
          + (f" (not here: {', '.join(missing)})" if missing else ""))
    sys.exit(1 if failures or not headers else 0)


main()
