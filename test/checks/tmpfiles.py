#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example for /etc/tmpfiles.d removes old archives, and nothing that a running collector has
open: systemd-tmpfiles itself is let loose on a tree of files.

usage: tmpfiles.py CONFIGURATION
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SKIP = 77
DAY = 24 * 3600


def main():
    if shutil.which("systemd-tmpfiles") is None:
        print("skipped: there is no systemd-tmpfiles here")
        sys.exit(SKIP)
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    paths = {line.split()[1] for line in text.splitlines() if line and not line.startswith("#")}
    (output,) = {re.match(r"[^*]*?/tcpinfo(?=/|$)", path)[0] for path in paths}
    with tempfile.TemporaryDirectory() as scratch:
        tree = pathlib.Path(scratch) / "archives"
        here = pathlib.Path(scratch) / "retention.conf"
        here.write_text(text.replace(output, str(tree)), encoding="utf-8")
        now = time.time()
        expected = {}
        for name, age, stays in (
                ("2026/01/01/a_0000000000000001.00000.jsonl.zst", 31, False),
                ("2026/01/01/a_0000000000000002.00000.jsonl.zst", 29, True),
                ("2026/01/02/a_0000000000000003.00000.jsonl.zst", 31, False),
                ("2026/01/01/a_0000000000000004.00000.jsonl.zst.part", 31, True),
                ("2026/01/03/a_0000000000000005.00000.jsonl.zst.part", 31, True),
                ("2026/01/03/a_0000000000000006.00000.jsonl.zst.part.new", 31, True),
                ("2026/01/03/a_0000000000000007.00000.jsonl.zst.part.damaged", 31, True),
                (".tcpinfo-collect.lock", 31, True)):
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
            # It was read a moment ago, which does not keep it.
            os.utime(path, (now, now - age * DAY))
            expected[name] = stays
        for folder in sorted(tree.rglob("*"), reverse=True):
            if folder.is_dir():
                os.utime(folder, (now, now - 31 * DAY))
        done = subprocess.run(["systemd-tmpfiles", "--clean", str(here)], capture_output=True,
                              text=True, check=False)
        faults = [f"{name}: {'is gone' if stays else 'is still there'}"
                  for name, stays in expected.items() if (tree / name).exists() != stays]
        if (tree / "2026/01/02").exists():
            faults.append("2026/01/02: an empty folder is still there")
    for fault in faults:
        print(fault)
    if faults or done.returncode or done.stderr:
        print(f"systemd-tmpfiles: status {done.returncode}: {done.stderr}")
        sys.exit(1)
    print(f"{len(expected)} files as they should be")


main()
