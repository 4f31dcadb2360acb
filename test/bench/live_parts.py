#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the parts of the collector that answer while it records cost, beside one without them.

usage: live_parts.py BUILD OUTPUT [--connections N] [--active PERCENT] [--rounds R]
                     [--window SECONDS] [--layout LAYOUT] [--parts PART,...] [--questions N]

Two network namespaces, N connections between them, of which a share sends a small segment every
10 ms. Collectors record in one of them, to memory, one after the other: without these parts, with
each of them, and with all; then all again in the opposite order, and so on, so that a machine that
gets slower is slower for each. Each begins anew, and is measured once it knows every connection.
A part is compared with the collector without parts of the same round.

What BPF programs of --owner do in the kernel is paid by who sends and receives: that is in the
column of the load. OUTPUT.json has everything, OUTPUT.md the table.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
from collect import PORT, Load, Meter, one_window, settle  # noqa: E402
from collector import Collector  # noqa: E402
from netns import Pair, Skip  # noqa: E402

INTERVAL_MS = 10
TRAFFIC = ["--traffic-metrics", "port,cc,prefix,cgroup"]
CAUSES = ["--traffic-metrics", "port,cc,prefix,cgroup,cause"]
OWNER = ["--owner", "process"]
QUERIES = ["--query-socket", "SOCKET"]
PARTS = {"none": [], "traffic": TRAFFIC, "causes": CAUSES, "owner": OWNER, "queries": QUERIES,
         "all": CAUSES + OWNER + QUERIES}


class Asker:
    """Asks for one connection, so often a second, while it is entered."""

    def __init__(self, path: Path, cookie: int, each_second: float) -> None:
        self.path, self.cookie, self.pause = path, cookie, 1 / each_second if each_second else 0
        self.answered = self.refused = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Asker:
        if self.pause and self.path.exists():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join(20)

    def _run(self) -> None:
        while not self._ends.wait(self.pause):
            if self._ask().startswith(b"HTTP/1.1 200"):
                self.answered += 1
            else:
                self.refused += 1

    def _ask(self) -> bytes:
        answer = b""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
            one.settimeout(20)
            one.connect(str(self.path))
            one.sendall(f"GET /cookie/{self.cookie} HTTP/1.1\r\n\r\n".encode())
            while part := one.recv(1 << 16):
                answer += part
        return answer


def cpu_ns(pid: int) -> int:
    """Of a process and its children, all their threads: those that are there. One may end between
    the look at a folder and that at what is in it."""
    used = 0
    gone = contextlib.suppress(FileNotFoundError, ProcessLookupError)
    with gone:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with gone:
                used += int((task / "schedstat").read_text().split()[0])
                used += sum(cpu_ns(int(child)) for child in (task / "children").read_text().split())
    return used


def some_cookie(pair: Pair) -> int:
    with pair.receiver.inside():
        done = subprocess.run(["ss", "-tneH", "state", "established"], capture_output=True,
                              text=True, check=True)
    return next(int(word[3:], 16) for word in done.stdout.split() if word.startswith("sk:"))


def measure(given: argparse.Namespace, pair: Pair, load: Load, part: str) -> dict[str, object]:
    load.active(0, 10_000)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        path = Path(scratch) / "queries"
        flags = [str(path) if flag == "SOCKET" else flag for flag in PARTS[part]]
        with Collector(str(given.build / "tools/tcpinfo-collect"), Path(scratch) / "out",
                       pair.receiver, "--interval", f"{INTERVAL_MS}ms", "--layout", given.layout,
                       "--prometheus", f"127.0.0.1:{PORT}", *flags) as collector:
            meter = Meter(collector, pair)
            settle(meter, given.connections)
            moving = round(given.connections * given.active / 100)
            load.active(moving, INTERVAL_MS * 1000)
            with Asker(path, some_cookie(pair), given.questions) as asker:
                before = cpu_ns(load.child.pid)
                window = one_window(meter, given.window)
                window["load_ns"] = cpu_ns(load.child.pid) - before
            load.active(0, 10_000)
            window |= {"part": part, "memory_mb": collector.memory_mb(),
                       "answered": asker.answered, "refused": asker.refused,
                       "log": collector.log()}
            collector.kill()
    return window


def of_record(window: dict, key: str) -> float:
    """Microseconds a record that was made: those that are written come in whole blocks."""
    return window[key] / max(1, window["snapshots"]) / 1000


def row_of(part: str, windows: list[dict], floors: list[dict]) -> dict[str, object]:
    def median(key: str) -> float:
        return statistics.median(w[key] for w in windows)

    cpu = [of_record(w, "cpu_ns") for w in windows]
    more = [100 * (one / of_record(floor, "cpu_ns") - 1) for one, floor in zip(cpu, floors)]
    return {"part": part, "cpu_us": statistics.median(cpu),
            "more": statistics.median(more), "least": min(more), "most": max(more),
            "load_us": statistics.median(of_record(w, "load_ns") for w in windows),
            "records_s": median("snapshots") / windows[0]["seconds"],
            "bytes_record": statistics.median(w["bytes"] / max(1, w["records"]) for w in windows),
            "p50_ms": median("p50_ms"), "p99_ms": median("p99_ms"),
            "max_ms": max(w["max_ms"] for w in windows), "memory_mb": median("memory_mb"),
            "answered": sum(w["answered"] for w in windows),
            "refused": sum(w["refused"] for w in windows),
            "lost": sum(w["lost"] for w in windows)}


COLUMNS = (
    ("parts", "part", "{}"), ("CPU, µs a record", "cpu_us", "{:.3f}"),
    ("more than none, %", "more", "{:+.1f}"), ("least", "least", "{:+.1f}"),
    ("most", "most", "{:+.1f}"), ("the load's CPU, µs a record", "load_us", "{:.3f}"),
    ("records/s", "records_s", "{:,.0f}"), ("bytes/record", "bytes_record", "{:.1f}"),
    ("p50, ms", "p50_ms", "{:.1f}"), ("p99, ms", "p99_ms", "{:.1f}"),
    ("max, ms", "max_ms", "{:.1f}"), ("MB", "memory_mb", "{:.0f}"),
    ("answers", "answered", "{}"), ("no answer", "refused", "{}"), ("lost", "lost", "{:g}"),
)


def table(rows: list[dict]) -> str:
    head = "| " + " | ".join(title for title, _, _ in COLUMNS) + " |\n"
    return head + "|" + "---|" * len(COLUMNS) + "\n" + "".join(
        "| " + " | ".join(form.format(row[key]) for _, key, form in COLUMNS) + " |\n"
        for row in rows)


def parts_of(text: str) -> list[str]:
    wanted = text.split(",")
    if unknown := set(wanted) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}; there are "
                                         + ", ".join(PARTS))
    return wanted if "none" in wanted else ["none", *wanted]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--active", type=float, default=100, help="percent of them")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--window", type=float, default=15.0,
                        help="seconds of one measurement: some times --flush, which is 5 s")
    parser.add_argument("--layout", default="segments", choices=("segments", "connections"))
    parser.add_argument("--parts", type=parts_of, default=list(PARTS))
    parser.add_argument("--questions", type=float, default=1, help="a second, where it answers")
    given = parser.parse_args()
    windows: dict[str, list[dict]] = {part: [] for part in given.parts}
    with Pair() as pair, Load(given.build, pair, given.connections) as load:
        for number in range(given.rounds):
            for part in given.parts[::-1 if number % 2 else 1]:
                window = measure(given, pair, load, part) | {"seconds": given.window}
                windows[part].append(window)
                print(f"round {number + 1}: {part}: {of_record(window, 'cpu_ns'):.3f} µs a record, "
                      f"p99 {window['p99_ms']:.1f} ms", flush=True)
    rows = [row_of(part, some, windows["none"]) for part, some in windows.items()]
    machine = (f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}, "
               f"{given.connections:,} connections, {given.active:g} % active, {given.layout}, "
               f"{given.questions:g} questions a second, medians of {given.rounds} rounds")
    given.output.with_suffix(".json").write_text(
        json.dumps({"machine": machine, "rows": rows, "windows": windows}, indent=1) + "\n")
    given.output.with_suffix(".md").write_text(machine + "\n\n" + table(rows))
    print(table(rows) + f"{given.output}.json, .md")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        sys.exit(f"cannot measure here: {reason}")
