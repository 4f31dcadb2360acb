# SPDX-License-Identifier: Apache-2.0
"""What is recorded for the benchmark of segments: loads, each recorded in either layout."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from collect import Load
from collector import Collector, Ended, Traffic
from netns import Pair

LAYOUTS = ("connections", "segments")
# Name, lifetime in µs, count, threads, connections open at a time in each thread.
SHORT = "short:2000:{count}:2:20"


@dataclass
class Recording:
    """A folder of one layout."""

    folder: Path
    records: int
    part_bytes: int  # of what was not complete when it was ended
    bytes: int
    disk_bytes: int

    def files(self) -> list[Path]:
        return sorted(self.folder.rglob("*.zst"))


def recording(folder: Path, part_bytes: int, ended: Ended) -> Recording:
    stats = [path.stat() for path in folder.rglob("*.zst")]
    return Recording(folder, int(ended.number("records")), part_bytes,
                     sum(one.st_size for one in stats), sum(one.st_blocks * 512 for one in stats))


def part_bytes(folder: Path) -> int:
    """Of what is not complete now; the collector goes on completing meanwhile."""
    total = 0
    for path in folder.rglob("*.part"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def record(build: Path, pair: Pair, folder: Path, layout: str, act: Callable[[], None]
           ) -> Recording:
    """What happens while something acts, and a second more."""
    with Collector(str(build / "tools/tcpinfo-collect"), folder, pair.receiver, "--layout",
                   layout) as collector:
        act()
        time.sleep(1)
        parts = part_bytes(folder)
        return recording(folder, parts, collector.stop())


@contextmanager
def held(build: Path, connections: int) -> Iterator[tuple[Pair, Load]]:
    with Pair() as pair, Load(build, pair, connections) as load:
        yield pair, load


def busy(build: Path, folder: Path, seconds: float, active: int) -> dict[str, Recording]:
    """Of 10,000 connections so many send every 10 ms."""
    with held(build, 10_000) as (pair, load):
        def act() -> None:
            load.active(active, 10_000)
            time.sleep(seconds)
            load.active(0, 10_000)
        return {layout: record(build, pair, folder / layout, layout, act) for layout in LAYOUTS}


def request_answer(build: Path, folder: Path, seconds: float, connections: int = 200
                   ) -> dict[str, Recording]:
    """Each asks some 10 times a second."""
    with held(build, connections) as (pair, load):
        def act() -> None:
            load.ask(connections, 100_000)
            time.sleep(seconds)
            load.active(0, 10_000)
        return {layout: record(build, pair, folder / layout, layout, act) for layout in LAYOUTS}


def short(build: Path, folder: Path, count: int) -> dict[str, Recording]:
    """Opened, up to 40 KB, closed; each collector records others."""
    made = {}
    for layout in LAYOUTS:
        with Pair() as pair:
            def act() -> None:
                with Traffic(str(build / "test/live/traffic"), "short", pair, folder / "truth",
                             "--class", SHORT.format(count=count), "--max-seconds",
                             "600") as traffic:
                    traffic.finish(660)
            made[layout] = record(build, pair, folder / layout, layout, act)
    return made
