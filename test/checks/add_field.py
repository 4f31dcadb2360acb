#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Follows docs/adding-a-field.md to the letter on a copy of the tree: the field is in CSV, JSON,
tcpinfo-dump and the page of fields, the unit tests that know the numbers pass, and the ABI is what
it was.

usage: add_field.py SOURCE_ROOT
"""
import base64
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from trees import abidiff, build_library, configure, copy_tree, need, run

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
VALUE = 1234567890123
TESTS = ["unit_tcp", "unit_parse", "unit_cache"]


def follow(page, tree):
    """All its sh blocks, in one shell."""
    steps = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert len(steps) >= 3, f"{page}: {len(steps)} blocks of steps"
    run("bash", "-euc", "".join(steps), cwd=tree)
    print(f"{len(steps)} blocks of steps followed")


def archive(folder):
    """One record, as a kernel would send it that knows the field."""
    info = bytes(280) + struct.pack("=Q", VALUE)
    message = struct.pack("=BBBB2s2s16s16sIIIIIIII", 2, 1, 0, 0, b"\1\1", b"\2\2", bytes([10] * 16),
                          bytes([11] * 16), 0, 7, 0, 0, 0, 0, 0, 0)
    record = {"Timestamp": "2026-01-31T12:00:00Z", "RawIDM": base64.b64encode(message).decode(),
              "Attributes": [None, None, base64.b64encode(info).decode()]}
    path = folder / "x_0000000000000007.00000.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="ascii")
    return path


def main():
    source = Path(sys.argv[1]).resolve()
    need("abidiff", "git", "g++", "meson", "ninja")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        before = copy_tree(source, folder / "before")
        after = copy_tree(source, folder / "after")
        follow(after / "docs/adding-a-field.md", after)
        build = folder / "build"
        configure(after, build, "-Dtools=enabled", "-Dtests=enabled", "-Ddocs=disabled",
                  "-Dprometheus=disabled", "-Dfuzz=disabled", "-Doptimization=0", "-Ddebug=false")
        tools = {name: build / "tools" / name for name in ("tcpinfo-csv", "tcpinfo-dump")}
        run("ninja", "-C", build, *(f"tools/{name}" for name in tools),
            *(f"test/unit/{name}" for name in TESTS))
        for name in TESTS:
            run(build / "test/unit" / name)
        file = archive(folder)
        listed = run(tools["tcpinfo-csv"], "--list-columns")
        assert re.search(r"^made_up_bytes\tu64\t", listed, re.MULTILINE), "--list-columns"
        said = run(tools["tcpinfo-csv"], "--columns", "made_up_bytes", file)
        assert said == f"made_up_bytes\n{VALUE}\n", said
        said = run(tools["tcpinfo-csv"], "--format", "jsonl", "--columns", "made_up_bytes", file)
        assert json.loads(said) == {"made_up_bytes": VALUE}, said
        said = run(tools["tcpinfo-dump"], file)
        assert f"made_up_bytes:{VALUE}" in said, said
        said = run(tools["tcpinfo-dump"], "--json", file)
        assert json.loads(said)["made_up_bytes"] == VALUE, said
        page = after / "docs/fields.md"
        run(sys.executable, "-B", after / "test/checks/fields.py", "--update",
            tools["tcpinfo-csv"], page)
        assert "`made_up_bytes`" in page.read_text(encoding="utf-8"), page
        print("in CSV, JSON, tcpinfo-dump and docs/fields.md")
        old = build_library(before, folder / "build-before")
        new = build_library(after, folder / "build-after")
        status, said = abidiff(old, before / "lib/include", new, after / "lib/include")
        # New enumerators may be told of; they are no change that a program could notice.
        harmless = "0 Removed, 0 Changed" in said and "Removed functions" not in said
        assert status == 0 or (status == 4 and harmless), f"abidiff ends with {status}: {said}"
        print(f"abidiff ends with {status}")
        done = subprocess.run([sys.executable, "-B", after / "test/checks/symbols.py", new,
                               folder / "build-after/lib/libtcpinfo.a",
                               after / "test/abi/symbols.txt", after / "lib/libtcpinfo.map"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"symbols: {done.stdout}{done.stderr}"


main()
