# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump follow beside a collector that rotates, flushes and is restarted: what it prints is
what the archives hold in the end, each record once.

usage: live_follow.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archives import check, time_ns
from collector import EXACT_CLOSINGS, Collector, Traffic, settle, wait_until
from netns import Pair, run_test

COLLECTOR, TRAFFIC, DUMP = sys.argv[1:4]
CONNECTIONS, ACTIVE, SHORT = 200, 100, 300
QUICK = ("--flush", "200ms", "--rotate", "1s")
PATIENCE_S = 60.0


class Follower:
    """Prints into a file, which nothing has to read meanwhile."""

    def __init__(self, spool: Path, scratch: Path, name: str, *flags: str) -> None:
        self.path = scratch / name
        self.errors = scratch / (name + ".errors")
        with self.path.open("wb") as out, self.errors.open("wb") as errors:
            self.child = subprocess.Popen([DUMP, "follow", "--json", *flags, str(spool)],
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=errors)

    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    def watches(self) -> bool:
        """Whether inotify has been set up for the folders that are there."""
        found = 0
        for name in os.listdir(f"/proc/{self.child.pid}/fdinfo"):
            with open(f"/proc/{self.child.pid}/fdinfo/{name}", encoding="ascii") as info:
                found += sum(line.startswith("inotify ") for line in info)
        return found > 0

    def end(self, sign: int) -> collections.Counter[str]:
        """Its lines, each with how often it was printed."""
        self.child.send_signal(sign)
        status = self.child.wait(PATIENCE_S)
        said = self.errors.read_text()
        check(status == 0 and not said, f"{self.path.name} ended with {status}: {said[:1000]}")
        return collections.Counter(self.lines())


def printed(spool: Path) -> collections.Counter[str]:
    done = subprocess.run([DUMP, "--json", spool], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"printing the archives: {done.stderr[:1000]}")
    return collections.Counter(done.stdout.splitlines())


def compare(name: str, got: collections.Counter[str], wanted: collections.Counter[str]) -> None:
    lost, more = wanted - got, got - wanted
    check(not lost and not more,
          f"{name}: {lost.total()} records lost, {more.total()} too many of {wanted.total()}: "
          f"{[line[:150] for line in [*list(lost)[:2], *list(more)[:2]]]}")


def traffic(pair: Pair, scratch: Path, number: int) -> tuple[Traffic, Traffic]:
    hold = Traffic(TRAFFIC, "hold", pair, scratch / f"hold{number}", "--connections",
                   str(CONNECTIONS), "--active", str(ACTIVE), "--seconds", "60")
    hold.wait_open()
    short = Traffic(TRAFFIC, "short", pair, scratch / f"short{number}", "--closings",
                    EXACT_CLOSINGS, "--class", f"20ms:20000:{SHORT}:1:8")
    return hold, short


def follow(layout: tuple[str, ...]) -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        spool = scratch / "spool"
        spool.mkdir()
        first = Follower(spool, scratch, "first")
        check(wait_until(first.watches, PATIENCE_S), "the first follower does not begin")
        hold, short = traffic(pair, scratch, 1)
        with hold, short, Collector(COLLECTOR, spool, pair.receiver, *QUICK, *layout) as collector:
            check(wait_until(lambda: first.path.stat().st_size > 0, PATIENCE_S),
                  "nothing is printed while the collector runs")
            short.finish()
            # Those that begin in between: with all that is there, and with what is new.
            late = Follower(spool, scratch, "late", "--from-start")
            new = Follower(spool, scratch, "new")
            check(wait_until(new.watches, PATIENCE_S), "the new follower does not begin")
            time.sleep(1.5)
            began = time.time_ns()
            time.sleep(1.5)
            collector.stop()
        # Another run goes on with the connections, in files of other sequences.
        hold, short = traffic(pair, scratch, 2)
        with hold, short, Collector(COLLECTOR, spool, pair.receiver, *QUICK, *layout) as collector:
            short.finish()
            time.sleep(1)
            hold.stop()
            hold.finish()
            settle()
            collector.stop()
        wanted = printed(spool)
        check(wanted.total() > 1000, f"{wanted.total()} records")
        for follower in (first, late):
            wait_until(lambda one=follower: len(one.lines()) >= wanted.total(), 10)
            compare(follower.path.name, follower.end(signal.SIGTERM), wanted)
        # Of what was recorded since it began all is there, and of what was before nothing twice.
        seen = new.end(signal.SIGINT)
        check(not seen - wanted, f"{(seen - wanted).total()} records too many")
        since = [line for line in (wanted - seen)
                 if time_ns(json.loads(line)["timestamp"]) > began]
        check(not since, f"{len(since)} records since {began} are lost: {since[:1]}")
        print(f"{layout or 'connections'}: {wanted.total()} records, {seen.total()} since the "
              "last one began")


def main() -> None:
    follow(())
    told = subprocess.run([COLLECTOR, "--help"], capture_output=True, text=True, check=True)
    if "--layout" in told.stdout:
        follow(("--layout", "segments"))


run_test(main)
