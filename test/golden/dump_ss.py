#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the text of tcpinfo-dump against what ss printed for the same sockets.

usage: dump_ss.py TCPINFO-DUMP CORPUS   exit status 77 (skipped) where the corpus is absent

For every capture with a text beside it: each socket of the text must have a block that says
everything ss says, in the same order and the same words. A capture may hold several dumps for one
text; one of its blocks has to agree.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# ss knows them from /proc and the file system, not from the message.
NOT_OF_THE_MESSAGE = ("users:", "cgroup:")


def tokens(text: str) -> list[str]:
    return [t for t in text.split() if not t.startswith(NOT_OF_THE_MESSAGE)]


def blocks(lines: list[str]) -> dict[str, list[list[str]]]:
    """Tokens of each socket line and the lines that belong to it, by cookie."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    current: list[str] = []
    for line in [*lines, "end"]:
        if line.startswith("\t"):
            current += tokens(line)
            continue
        cookie = next((t[3:] for t in current if t.startswith("sk:")), None)
        if cookie is not None:
            found[cookie].append(current)
        current = [] if line.startswith("State") else tokens(line)
    return found


def in_order(wanted: list[str], said: list[str]) -> bool:
    rest = iter(said)
    return all(w in rest for w in wanted)


def text_of(capture: Path) -> Path:
    name = capture.stem.replace("_sockets", "").replace("tcp_", "ss_tcp_info_", 1)
    return capture.with_name(name + ".txt")


def main() -> int:
    dump, corpus = sys.argv[1], Path(sys.argv[2])
    captures = sorted(corpus.glob("kernels/*/*.pcap"))
    if not captures:
        print(f"SKIPPED: no kernel captures below {corpus}")
        return 77
    sockets = failures = 0
    for capture in captures:
        done = subprocess.run([dump, str(capture)], capture_output=True, text=True, check=False)
        if done.returncode != 0 or done.stderr:
            failures += 1
            print(f"FAILED: {capture}: status {done.returncode}, {done.stderr}")
        text = text_of(capture)
        if not text.exists():
            continue
        ours = blocks(done.stdout.splitlines())
        for cookie, said in blocks(text.read_text(encoding="utf-8").splitlines()).items():
            sockets += 1
            if any(in_order(said[0], block) for block in ours.get(cookie, [])):
                continue
            failures += 1
            if failures < 5:
                print(f"FAILED: {capture.parent.name}/{capture.name}: sk:{cookie}\n  ss    "
                      f"{' '.join(said[0])}")
                for block in ours.get(cookie, []):
                    print("  ours  " + " ".join(block))
    print(f"{len(captures)} captures, {sockets} sockets of ss, {failures} failures")
    return 1 if failures or not sockets else 0


sys.exit(main())
