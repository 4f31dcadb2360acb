#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a program that links the library gets with it: no code that runs before main, no library
beyond those it needs, no third party's names, and headers that ask for nothing but the standard
library.

usage: library.py LIBRARY ARCHIVE INCLUDE_DIR...
"""
import re
import sys
from pathlib import Path

from trees import need, run

NEEDED = {"libnl-3.so", "libzstd.so", "libsimdjson.so", "libfmt.so", "libstdc++.so", "libgcc_s.so",
          "libc.so", "libm.so", "ld-linux"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


def main():
    library, archive, *include_dirs = sys.argv[1:]
    need("nm", "readelf")
    faults = []
    for line in run("nm", "--demangle", archive).splitlines():
        if "_GLOBAL__sub_I_" in line or "__static_initialization_and_destruction" in line:
            faults.append(f"runs before main: {line.strip()}")
    dynamic = run("readelf", "--dynamic", "--wide", library)
    sonames = re.findall(r"\(SONAME\).*\[(.+)\]", dynamic)
    if sonames != ["libtcpinfo.so.0"]:
        faults.append(f"SONAME {sonames}")
    for name in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic):
        if not any(name.startswith(one) for one in NEEDED):
            faults.append(f"needs {name}")
    for line in run("nm", "--dynamic", "--defined-only", "--demangle", library).splitlines():
        name = line.split(maxsplit=2)[2]
        if not re.match(r"(\w+ (\w+ )?for )?tcpinfo::v\d+::|tcpinfo_\w+@@|LIBTCPINFO_", name):
            faults.append(f"exports what is not its own: {name}")
    headers = sorted(header for folder in include_dirs
                     for header in (Path(folder) / "tcpinfo").iterdir()
                     if header.suffix in (".h", ".def"))
    for header in headers:
        for kind, name in INCLUDE.findall(header.read_text(encoding="utf-8")):
            # Of the standard library of C++; c.h has those of C.
            form = r"[a-z_]+\.h" if header.name == "c.h" else r"[a-z_]+"
            standard = kind == "<" and re.fullmatch(form, name)
            if not standard and not (
                    kind == "<" and any((Path(d) / name).exists() for d in include_dirs)):
                faults.append(f"{header.name} includes {name}")
    print("\n".join(faults + [f"{len(headers)} headers, {len(faults)} faults"]))
    sys.exit(1 if faults else 0)


main()
