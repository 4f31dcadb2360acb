# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment, and power cuts, with --layout segments: blocks that were written stay,
complete segments are not touched, recording begins at once, and what was recorded is what a
collector that nobody kills has recorded.

usage: live_segments_kill.py COLLECTOR TRAFFIC SEGMENT_FILES TCPINFO_DUMP [KILLS]
3 kills; with TCPINFO_LIVE_FULL=1: 100. The moments are random, from TCPINFO_SEED where it is set.
"""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import archives
from archives import Archive, Record, check
from collector import (EXACT_CLOSINGS, Collector, Traffic, Truth, check_losses_by_load_only,
                       check_verified, compare_all, counters_right, full, settle, wait_until)
from kills import FLUSH_S, HARMLESS, SLACK_S, Run, one_run, seeded_dice, whole_life
from netns import Pair, run_test

LASTING, ACTIVE = 40, 20
# A run that judges what was flushed, whatever the dice say.
LONG_RUN_S = FLUSH_S + SLACK_S + 0.5
# By how much one collector may see a change later than another one.
APART_S = 0.25
# host.start-run, number of the writer, number of the file.
NAME = re.compile(r"(?P<run>.+-\d+)\.(?P<writer>\d+)\.(?P<number>\d+)\.tcpseg\.zst(\.part)?")
# What is said of a leftover that a power cut has left.
DAMAGED = HARMLESS + r"|damaged"
SEGMENTS = ("--layout", "segments")


def runs_of(root: Path) -> dict[str, list[Path]]:
    """Segments, complete or not, by the run that made them."""
    runs: dict[str, list[Path]] = {}
    for path in [*archives.finished_files(root), *archives.part_files(root)]:
        match = NAME.fullmatch(path.name)
        check(match, f"{path}: not a segment's name")
        assert match is not None
        runs.setdefault(match["run"], []).append(path)
    for files in runs.values():
        files.sort(key=lambda path: [int(part) for part in path.name.split(".tcpseg")[0]
                                     .rsplit(".", 2)[1:]])
    return runs


def unpack(files: list[Path]) -> dict[str, Archive]:
    """What the segments of a run hold, by the names of the archives."""
    with tempfile.TemporaryDirectory() as to:
        done = subprocess.run([sys.argv[3], to, *map(str, files)], capture_output=True, text=True,
                              check=False)
        check(done.returncode == 0, f"segment_files: {done.stderr.strip()}")
        return {one.path.name: one for one in archives.read(archives.finished_files(Path(to)))}


@dataclass
class Tree:
    """What the output directory held after the last kill."""

    root: Path
    mirror: Path  # links to its complete files, for tcpinfo-dump
    complete: dict[Path, tuple[str, int]] = field(default_factory=dict)  # digest, inode
    runs: dict[str, dict[str, Archive]] = field(default_factory=dict)
    looked: dict[str, list[tuple[Path, int]]] = field(default_factory=dict)

    def look(self) -> dict[str, Archive]:
        """Compares with what was there before; returns what the latest run has written."""
        now = {path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_ino)
               for path in archives.finished_files(self.root)}
        changed = [path for path, known in self.complete.items() if now.get(path) != known]
        check(not changed, f"complete segments changed: {changed[:3]}")
        fresh = sorted(set(now) - set(self.complete))
        archives.test_frames(fresh)
        for path in fresh:
            link = self.mirror / path.relative_to(self.root)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)
        self.complete = now
        latest: dict[str, Archive] = {}
        found = runs_of(self.root)
        gone = [run for run, held in self.runs.items() if held and run not in found]
        check(not gone, f"segments that held records are gone: {gone[:3]}")
        for run, files in found.items():
            sizes = [(path, path.stat().st_size) for path in files]
            if self.looked.get(run) == sizes:
                continue
            had = self.runs.get(run)
            self.runs[run], self.looked[run] = unpack(files), sizes
            if had is None:
                check(not latest, "two runs at once")
                latest = self.runs[run]
                continue
            for name, one in had.items():
                check(name in self.runs[run]
                      and self.runs[run][name].lines[:len(one.lines)] == one.lines,
                      f"{run}, {name}: {len(one.lines)} records could be read before, or others")
        return latest

    def cut_power(self, dice: random.Random) -> None:
        """As if the last writes had not reached the disk, or as zeros: the blocks before that are
        to be kept."""
        for path in archives.part_files(self.root):
            size = path.stat().st_size
            keeps = dice.randrange(max(size - 20_000, 0), size) if size > 0 else 0
            os.truncate(path, keeps)
            match = NAME.fullmatch(path.name)
            assert match is not None
            run = match["run"]
            self.runs[run] = unpack(runs_of(self.root)[run])
            if dice.randrange(2) == 0:
                os.truncate(path, size)

    def records(self, cookie: int) -> list[Record]:
        found = [record for run in self.runs.values() for one in run.values()
                 if one.cookie == cookie for record in one.records()]
        return sorted(found, key=lambda record: record.time)


def busy_cookies(held: dict[str, Archive]) -> set[int]:
    """The active ones of the lasting connections: those with many records."""
    return {one.cookie for one in held.values() if len(one.lines) > 25}


def check_run(run: Run, held: dict[str, Archive], busy: set[int]) -> str:
    """Of every busy connection the first records are there, and all but the last flush interval."""
    if not run.is_long():
        return ""
    assert run.ready_ns is not None
    by_cookie = {one.cookie: one for one in held.values()}
    missing = busy - by_cookie.keys()
    check(not missing, f"{len(missing)} busy connections are missing")
    records = {cookie: by_cookie[cookie].records() for cookie in busy}
    late = max(of[0].time - run.ready_ns for of in records.values()) / 1e9
    check(late < SLACK_S, f"recording began {late:.2f} s after the start")
    lag = max(run.killed_ns - of[-1].time for of in records.values()) / 1e9
    check(lag <= FLUSH_S + SLACK_S, f"{lag:.2f} s before the kill are missing")
    return f", recording began after {late:.2f} s, {lag:.2f} s before the kill are missing"


def check_all_seen(of: list[Record], wanted: list[Record], run: Run) -> int:
    """What one collector saw of a connection during a run, as far as it must have been flushed, the
    other one has seen too, no later than two pollers differ. Returns the number of records."""
    assert run.ready_ns is not None
    times = [record.time for record in of]
    judged = 0
    for one in wanted:
        if not run.ready_ns <= one.time <= run.flushed_ns():
            continue
        received = one.total("bytes_received")
        if received is not None:
            at = bisect.bisect_right(times, one.time + int(APART_S * 1e9))
            seen = of[at - 1].total("bytes_received") if at > 0 else None
            check(seen is not None and seen >= received,
                  f"cookie {one.cookie:X}: {received} bytes at {one.time}, by the other {seen}")
            judged += 1
    return judged


def judge(tree: Tree, witness: Path, lasting: list[Truth], short: list[Truth], runs: list[Run]
          ) -> None:
    """Against what was made, and what the collector recorded that nobody killed."""
    theirs = archives.read_directory(witness)
    compare_all(lasting + short, theirs, every_record=False)
    ours: dict[int, list[Archive]] = {}
    for held in tree.runs.values():
        for one in held.values():
            ours.setdefault(one.cookie, []).append(one)
    check(ours.keys() <= theirs.keys(), "recorded what the other collector has not seen")
    for of in ours.values():
        sequences = [one.sequence for one in of]
        check(len(set(sequences)) == len(sequences), f"{of[0].uuid}: sequences {sequences}")
    whole = [one for one in short if whole_life(one, runs)]
    for one in whole:
        check(one.receiver_cookie in ours, f"missed: {one}")
    for one in whole + lasting:
        last = max(ours[one.receiver_cookie], key=lambda archive: archive.sequence).last()
        check(last.from_event and counters_right(one, last), f"wrong final counters: {one}")
    judged = 0
    for one in (one for one in lasting if one.active):
        mine, its = tree.records(one.receiver_cookie), theirs[one.receiver_cookie].records()
        for run in (run for run in runs if run.is_long()):
            judged += check_all_seen(mine, its, run) + check_all_seen(its, mine, run)
    check(judged > 0, "no record was compared")
    print(f"{len(ours)} connections recorded, {len(theirs)} by the other collector, "
          f"{len(whole)} short ones surely in one run; {judged} records compared")


def main() -> None:
    exe, traffic_exe, _, dump = sys.argv[1:5]
    kills = int(sys.argv[5]) if len(sys.argv) > 5 else 100 if full() else 3
    dice = seeded_dice()
    with Pair() as pair, tempfile.TemporaryDirectory() as directory, \
            contextlib.ExitStack() as stack:
        scratch = Path(directory)
        output, witness = scratch / "out", scratch / "witness"
        tree = Tree(output, scratch / "mirror")
        tree.mirror.mkdir()
        lasting = stack.enter_context(
            Traffic(traffic_exe, "hold", pair, scratch / "truth-hold", "--connections",
                    str(LASTING), "--active", str(ACTIVE), "--gap-ms", "20", "--seconds", "3600"))
        lasting.wait_open()
        other = stack.enter_context(Collector(exe, witness, pair.receiver))
        short = stack.enter_context(
            Traffic(traffic_exe, "short", pair, scratch / "truth-short", "--max-seconds", "3600",
                    "--class", "25ms:25000:1000000:1:2", "--closings", EXACT_CLOSINGS))
        runs: list[Run] = []
        busy: set[int] = set()
        were_cut = False
        for number in range(kills):
            # By turns. The first runs of either, and some later, are long enough to be judged.
            how = ("dump", "auto")[number % 2]
            run_s = LONG_RUN_S if number < 2 or number % 5 == 0 else 1 if number == 2 else None
            phase, run = one_run(exe, output, pair, dice, False, *SEGMENTS, "--sampling", how,
                                 harmless=DAMAGED if were_cut else HARMLESS, run_s=run_s)
            runs.append(run)
            held = tree.look()
            check_verified(dump, tree.mirror)
            busy = busy or busy_cookies(held)
            check(len(busy) == ACTIVE, f"{len(busy)} connections seem busy")
            told = check_run(run, held, busy)
            was_cut = number == 2 or (number > 3 and dice.randrange(4) == 0)
            if was_cut:
                # The next run may be killed before it has looked at what is left.
                were_cut = True
                tree.cut_power(dice)
                # What was written is gone, and nobody promised it.
                runs.remove(run)
            print(f"kill {number + 1} ({phase}, {how}): {len(tree.complete)} complete segments, "
                  f"{len(archives.part_files(output))} .part files{told}"
                  + (", and a power cut" if was_cut else ""))
        with Collector(exe, output, pair.receiver, *SEGMENTS) as collector:
            ready_ns = time.time_ns()
            time.sleep(1)
            short.stop()
            lasting.stop()
            made_short, made_lasting = short.finish(), lasting.finish()
            settle()
            runs.append(Run(ready_ns, time.time_ns() + 10**12))  # it ends in good order
            ended = collector.stop()
        check_losses_by_load_only(ended)
        check_losses_by_load_only(other.stop())
        tree.look()
        check(not archives.part_files(output), "leftovers that are not complete")
        check_verified(dump, output)
        judge(tree, witness, made_lasting, made_short, runs)


run_test(main)
