# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment - while starting, running or ending - again and again on one output
directory, under load: nothing that was complete changes, nothing that was flushed is lost.

usage: live_random_kill.py COLLECTOR TRAFFIC TCPINFO_DUMP
20 kills; with TCPINFO_LIVE_FULL=1: 200. The moments are random, from TCPINFO_SEED where it is set.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import archives
from archives import check
from collector import (EXACT_CLOSINGS, Collector, Ended, Traffic, Truth, as_nobody_if_possible,
                       check_no_losses, check_verified, counters_right, full, settle, wait_until)
from kills import FLUSH_S, SLACK_S, Run, one_run, seeded_dice, whole_life
from netns import Pair, run_test

LASTING, ACTIVE = 40, 20


@dataclass
class Tree:
    """What the output directory held after the last kill."""

    root: Path
    mirror: Path  # links to its complete files, for tcpinfo-dump
    complete: dict[Path, tuple[str, int]] = field(default_factory=dict)  # digest, inode
    parts: dict[Path, list[bytes]] = field(default_factory=dict)  # the lines that can be read
    last: dict[int, int] = field(default_factory=dict)  # a connection's last record's time

    def look(self) -> None:
        """Compares with what was there before."""
        now = {}
        for path in archives.finished_files(self.root):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            now[path] = (digest, path.stat().st_ino)
        changed = [path for path, known in self.complete.items() if now.get(path) != known]
        check(not changed, f"complete files changed: {changed[:3]}")
        fresh = sorted(set(now) - set(self.complete))
        archives.test_frames(fresh)
        parts = {archive.path: archive
                 for archive in archives.read(archives.part_files(self.root), cut=True)}
        for archive in (*archives.read(fresh), *parts.values()):
            self._check_salvaged(archive)
            if archive.lines:
                last = archives.decode(archive.lines[-1]).time
                self.last[archive.cookie] = max(last, self.last.get(archive.cookie, 0))
        gone = [path for path in self.parts if path not in parts
                and path.with_suffix("") not in now and self.parts[path]]
        check(not gone, f"files that held records are gone: {gone[:3]}")
        for path in fresh:
            link = self.mirror / path.relative_to(self.root)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)
        self.complete = now
        self.parts = {path: archive.lines for path, archive in parts.items()}
        others = [path for path in self.root.glob("**/*") if path.is_file()
                  and path.suffix not in (".zst", ".part", ".new", ".lock")]
        check(not others, f"set aside or unknown: {others[:3]}")

    def verify(self, dump: str) -> None:
        """Nothing is to be said of complete files, at any moment; but a file in the middle may be a
        leftover still, which the next start completes."""
        done = subprocess.run([dump, "verify", "--quiet", str(self.mirror)], capture_output=True,
                              text=True, check=False)
        unfinished = {path.name.split(".")[0] for path in self.parts}
        findings = [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                    if not ("sequence" in line and any(uuid in line for uuid in unfinished))]
        check(not findings, f"tcpinfo-dump verify: {findings[:5]}")

    def _check_salvaged(self, archive: archives.Archive) -> None:
        before = self.parts.get(_part_of(archive.path), [])
        check(archive.lines[:len(before)] == before,
              f"{archive.path}: {len(before)} records could be read before, or others")


def _part_of(path: Path) -> Path:
    return path if path.suffix == ".part" else path.with_name(path.name + ".part")


def busy_connections(exe: str, output: Path, pair: Pair, nobody: bool) -> set[int]:
    """Which of the lasting connections are the active ones: those with many records."""
    with Collector(exe, output, pair.receiver, nobody=nobody) as collector:
        time.sleep(3)
        collector.stop()
    busy = {cookie for cookie, connection in archives.read_directory(output).items()
            if len(connection.archives[0].lines) > 20}
    check(len(busy) == ACTIVE, f"{len(busy)} connections seem busy")
    return busy


def check_flushed(tree: Tree, run: Run, busy: set[int]) -> float:
    """Of every busy connection everything is readable but the last flush interval."""
    if not run.is_long():
        return 0
    lag = max(run.killed_ns - tree.last.get(cookie, 0) for cookie in busy) / 1e9
    check(lag <= FLUSH_S + SLACK_S, f"{lag:.2f} s before the kill are missing")
    return lag


def judge(output: Path, lasting: list[Truth], short: list[Truth], runs: list[Run], ended: Ended
          ) -> None:
    recorded = archives.read_directory(output)  # sequences without holes, one start time each
    made = {one.receiver_cookie: one for one in lasting + short}
    check(set(recorded) <= set(made), "recorded what was never made")
    for connection in recorded.values():
        archives.check_history(connection)
    for one in lasting:
        connection = recorded[one.receiver_cookie]
        check(connection.last().from_event and counters_right(one, connection.last()),
              f"{connection.uuid}: final counters")
    whole = [one for one in short if whole_life(one, runs)]
    for one in whole:
        check(one.receiver_cookie in recorded, f"missed: {one}")
        last = recorded[one.receiver_cookie].last()
        check(counters_right(one, last), f"wrong final counters: {one}")
    most = max(len(recorded[one.receiver_cookie].archives) for one in lasting)
    print(f"{len(recorded)} of {len(made)} connections recorded, {len(whole)} of them surely in "
          f"one run; lasting ones in up to {most} files")
    check(whole, "no short connection was in one run")
    check_no_losses(ended)


def main() -> None:
    exe, traffic_exe, dump = sys.argv[1:4]
    dice = seeded_dice()
    kills = 200 if full() else 20
    with Pair() as pair, tempfile.TemporaryDirectory() as directory, \
            contextlib.ExitStack() as stack:
        scratch = Path(directory)
        base, nobody = as_nobody_if_possible(exe, directory)
        output = base / "out"
        lasting = stack.enter_context(
            Traffic(traffic_exe, "hold", pair, scratch / "truth-hold", "--connections",
                    str(LASTING), "--active", str(ACTIVE), "--gap-ms", "20", "--seconds", "3600"))
        lasting.wait_open()
        short = stack.enter_context(
            Traffic(traffic_exe, "short", pair, scratch / "truth-short", "--max-seconds", "3600",
                    "--class", "25ms:25000:1000000:1:4", "--closings", EXACT_CLOSINGS))
        tree = Tree(output, base / "mirror")
        tree.mirror.mkdir()
        busy = busy_connections(exe, base / "look", pair, nobody)
        runs: list[Run] = []
        for number in range(kills):
            phase, run = one_run(exe, output, pair, dice, nobody)
            runs.append(run)
            began = time.monotonic()
            tree.look()
            tree.verify(dump)
            lag = check_flushed(tree, run, busy)
            print(f"kill {number + 1} ({phase}): {len(tree.complete)} complete files, "
                  f"{len(tree.parts)} readable .part files, {lag:.2f} s missing, "
                  f"looked for {time.monotonic() - began:.1f} s")
        with Collector(exe, output, pair.receiver, nobody=nobody) as collector:
            ready_ns = time.time_ns()
            check(wait_until(lambda: len(archives.part_files(output)) <= LASTING, 20),
                  "leftovers are not completed")
            time.sleep(1)
            short.stop()
            lasting.stop()
            made_short, made_lasting = short.finish(), lasting.finish()
            settle()
            runs.append(Run(ready_ns, time.time_ns() + 10**12))  # it ends in good order
            ended = collector.stop()
        print("\n".join(ended.errors.splitlines()))
        tree.look()
        check_verified(dump, output)
        judge(output, made_lasting, made_short, runs, ended)


run_test(main)
