# SPDX-License-Identifier: Apache-2.0
"""What ./dev check segments does with segments in full length, behind the live tests of them.

usage: segments_long.py COLLECTOR TRAFFIC SEGMENT_FILES TCPINFO_DUMP CASE [FOLDER…]

  packing    a live recording in either layout, packed and unpacked; and so each FOLDER of archives
  disk_full  the disk is full for a while: nothing is lost
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import archives
from archives import check
from collector import (EXACT_CLOSINGS, Collector, Traffic, Truth, check_no_losses, check_verified,
                       compare_all, full, settle)
from netns import Pair, Skip, run_test

SEGMENTS = ("--layout", "segments")
DISK_BYTES = 8 << 20
FAULT_S = 2.5
# As of archives: for a busy machine, which others share.
LONGEST_PAUSE_S = 1.5


def dump(*arguments: str | Path) -> str:
    done = subprocess.run([sys.argv[4], *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    check(done.returncode == 0, f"tcpinfo-dump {arguments[0]} ends with {done.returncode}: "
          f"{done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout.strip()


@contextlib.contextmanager
def traffic(pair: Pair, scratch: Path) -> Iterator[list[Truth]]:
    """Lasting connections and short ones; what was made is in the list at the end."""
    made: list[Truth] = []
    with Traffic(sys.argv[2], "hold", pair, scratch / "truth-hold", "--connections", "200",
                 "--active", "40", "--gap-ms", "10", "--seconds", "3600", "--close-ms",
                 "300") as lasting:
        lasting.wait_open()
        with Traffic(sys.argv[2], "short", pair, scratch / "truth-short", "--max-seconds", "3600",
                     "--class", "25ms:25000:1000000:1:4", "--closings", EXACT_CLOSINGS) as short:
            yield made
            lasting.stop()
            short.stop()
            made += lasting.finish() + short.finish()
            settle(2)


# --- packing --------------------------------------------------------------------------------------

def plain(folder: Path, to: Path) -> dict[str, Path]:
    """The archives of a folder by their names in it, decompressed where they are not plain."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.jsonl*"))
             if path.is_file()}
    packed = [path for path in found.values() if path.suffix == ".zst"]
    for begin in range(0, len(packed), archives.BATCH):
        subprocess.run(["zstd", "-dqf", "--output-dir-mirror", to,
                        *packed[begin:begin + archives.BATCH]], check=True)
    return {name: path if path.suffix != ".zst" else to / str(path)[1:].removesuffix(".zst")
            for name, path in found.items()}


def packed_and_back(folder: Path, scratch: Path) -> None:
    """Every archive of a folder comes back under its name, with the same text."""
    segments, back = scratch / "packed", scratch / "back"
    print(f"{folder}: {dump('pack', folder, '-o', segments)}")
    dump("unpack", segments, "-o", back)
    wanted = plain(folder.resolve(), scratch / "plain")
    got = plain(back.resolve(), scratch / "plain-back")
    check(wanted.keys() == got.keys(),
          f"{folder}: {sorted(wanted.keys() ^ got.keys())[:5]} are not on both sides")
    other = [name for name, path in wanted.items() if not filecmp.cmp(path, got[name], False)]
    check(not other, f"{folder}: came back otherwise: {other[:5]}")
    sizes = [sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
             for root in (back, segments)]
    print(f"{folder}: {len(wanted)} archives of {sizes[0]} bytes are the same, out of segments of "
          f"{sizes[1]}")


def packing(pair: Pair, scratch: Path) -> None:
    files, segments, out = scratch / "connections", scratch / "segments", scratch / "unpacked"
    with Collector(sys.argv[1], files, pair.receiver) as first, \
            Collector(sys.argv[1], segments, pair.receiver, *SEGMENTS, "--rotate",
                      "7s") as second:
        with traffic(pair, scratch):
            time.sleep(60 if full() else 5)
        for collector in (first, second):
            check_no_losses(collector.stop())
    dump("unpack", segments, "-o", out)
    check_verified(sys.argv[4], out)
    folders = [files, out, *map(Path, sys.argv[6:])]
    for folder in folders:
        with tempfile.TemporaryDirectory() as room:
            packed_and_back(folder, Path(room))


# --- disk full ------------------------------------------------------------------------------------

@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[None]:
    at.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tcpinfo-test", at],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"no small file system: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", at], check=False)


def fill(ballast: Path) -> None:
    with open(ballast, "wb", buffering=0) as to:
        size = 1 << 20
        while size > 0:
            try:
                to.write(bytes(size))
            except OSError as error:
                check(error.errno == errno.ENOSPC, f"ballast: {error}")
                size //= 16


def disk_full(pair: Pair, scratch: Path) -> None:
    disk = scratch / "disk"
    with small_disk(disk):
        output = disk / "out"
        with Collector(sys.argv[1], output, pair.receiver, *SEGMENTS, "--flush", "300ms",
                       "--rotate", "2s") as collector:
            with traffic(pair, scratch) as made:
                time.sleep(2)
                from_ns = time.time_ns()
                fill(disk / "ballast")
                time.sleep(FAULT_S * (4 if full() else 1))
                check(os.statvfs(output).f_bfree <= 16, "the disk was not full")
                (disk / "ballast").unlink()
                to_ns = time.time_ns()
                time.sleep(2)
            ended = collector.stop()
        check_no_losses(ended)
        check(int(ended.summary.get("write_errors", "0")) > 0, f"no write error:\n{ended.errors}")
        check("No space left on device" in ended.errors, f"nobody says why:\n{ended.errors}")
        check_verified(sys.argv[4], output)
        dump("unpack", output, "-o", scratch / "unpacked")
    recorded = archives.read_directory(scratch / "unpacked")
    compare_all(made, recorded)
    longest = 0
    for one in (one for one in made if one.active and one.group == "hold"):
        times = [record.time for record in recorded[one.receiver_cookie].records()]
        check(times[0] < from_ns and times[-1] > to_ns, "an active connection missed the fault")
        longest = max(longest, *(later - earlier for earlier, later in zip(times, times[1:])))
    print(f"longest pause in an active connection's records: {longest / 1e9:.2f} s")
    check(longest < LONGEST_PAUSE_S * 1e9, f"{longest / 1e9:.2f} s without a record")


CASES = {case.__name__: case for case in (packing, disk_full)}


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        CASES[sys.argv[5]](pair, Path(scratch))


run_test(main)
