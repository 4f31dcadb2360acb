# SPDX-License-Identifier: Apache-2.0
"""The start in a directory that holds the files of months: memory does not grow with it.

usage: cli_many_files.py COLLECTOR
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import SAMPLING, check, finish

SKIPPED = 77
COLLECTOR = sys.argv[1]
OTHERS, OF_THIS_BOOT, LEFTOVERS = 200_000, 1_000, 100
MOST_MEMORY_MB = 64


def place() -> str | None:
    """In memory, where making so many names takes a second."""
    memory = "/dev/shm"
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    return memory if roomy else None


def one_archive(scratch: Path) -> tuple[Path, str]:
    """A real archive, and the UUID prefix of this boot."""
    output = scratch / "one"
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()):
        done = subprocess.run([COLLECTOR, "-o", output, "--reps", "2", "--include-local"],
                              capture_output=True, text=True, check=False, timeout=20)
    if done.returncode == 1 and "inet_diag" in done.stderr:
        print("SKIPPED: this kernel has no inet_diag:", done.stderr.strip())
        sys.exit(SKIPPED)
    files = sorted(output.glob("*/*/*/*.jsonl.zst"))
    check(done.returncode == 0 and files, f"the first run: {done.returncode} {done.stderr!r}")
    return files[0], files[0].name.rsplit("_", 1)[0]


def fill(output: Path, original: Path, prefix: str, days: int) -> None:
    """Names of one file: what it holds is not read where the name is that of a complete file."""
    folders = []
    for day in range(days):
        folders.append(output / f"2025/{day // 28 + 1:02}/{day % 28 + 1:02}")
        folders[-1].mkdir(parents=True)
    for number in range(OTHERS):
        folder = folders[number % days]
        link(original, f"{folder}/other-host.example.org_1700000000_unsafe_{number:016X}.00000"
                       ".jsonl.zst")
    for number in range(OF_THIS_BOOT):
        # Cookies no socket has, each with many files.
        link(original, f"{folders[number % days]}/{prefix}_{0xF0000000 + number // 10:016X}"
                       f".{number % 10:05}.jsonl.zst")


def link(original: Path, name: str) -> None:
    try:
        os.link(original, name)
    except OSError:  # too many links
        with open(name, "wb"):
            pass


def start(output: Path, *flags: str) -> tuple[float, float, str]:
    """Seconds until it records, and its peak memory in MB until a while after."""
    begin = time.monotonic()
    with subprocess.Popen([COLLECTOR, "-o", output, "--verbose", "--include-local",
                           "--uuid-prefix-file", output / "prefix", *flags],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        first = child.stderr.readline()
        if SAMPLING.match(first):
            first = child.stderr.readline()
        took = time.monotonic() - begin
        check("recording to" in first, f"it began with {first!r}")
        time.sleep(0.5)
        with open(f"/proc/{child.pid}/status", encoding="ascii") as status:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024
        child.terminate()
        rest = child.stderr.read()
    check(child.returncode == 0, f"the end: {child.returncode} {rest!r}")
    return took, peak, rest


def main() -> None:
    with tempfile.TemporaryDirectory(dir=place()) as name:
        scratch = Path(name)
        original, prefix = one_archive(scratch)
        for what, days in (("100 days", 100), ("one day", 1)):
            output = scratch / what.replace(" ", "-")
            output.mkdir()
            (output / "prefix").write_text(prefix, encoding="ascii")
            _, empty_peak, _ = start(output)
            begin = time.monotonic()
            fill(output, original, prefix, days)
            filled = time.monotonic() - begin
            took, peak, _ = start(output)
            print(f"{OTHERS} files of others and {OF_THIS_BOOT} of this boot in {what} (made in "
                  f"{filled:.1f} s): records after {took:.2f} s, peak {peak:.1f} MB; "
                  f"{empty_peak:.1f} MB in an empty directory")
            if os.environ.get("TCPINFO_SANITIZED") != "1":
                check(peak < MOST_MEMORY_MB, f"{what}: {peak:.1f} MB at the start")
            check(took < 60, f"{what}: it records after {took:.1f} s")

            # Leftovers are found among them.
            day = sorted(output.glob("2025/*/*"))[-1]
            for number in range(LEFTOVERS):
                shutil.copy(original, day / f"{prefix}_{0xE0000000 + number:016X}.00000.jsonl.zst"
                                            ".part")
            took, peak, told = start(output)
            print(f"with {LEFTOVERS} leftovers: records after {took:.2f} s, peak {peak:.1f} MB")
            check(f"completed {LEFTOVERS} leftover files" in told, f"{what}: leftovers: {told!r}")
            check(not list(day.glob("*.part")), f"{what}: leftovers are not complete")
            if os.environ.get("TCPINFO_SANITIZED") != "1":
                check(peak < MOST_MEMORY_MB, f"{what}: {peak:.1f} MB with leftovers")
            shutil.rmtree(output)
    finish()


main()
