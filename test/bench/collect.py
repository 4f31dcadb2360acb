#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What recording costs, against the least that polling can cost.

usage: collect.py BUILD OUTPUT [--connections N,...] [--active PERCENT,...] [--rounds R]
                  [--window SECONDS] [--flags "FLAGS OF THE COLLECTOR"]

Two network namespaces, N connections between them, of which a share sends a small segment between
any two polls. The collector runs in one of them, recording to memory. In the same run, alternating,
with the collector stopped (SIGSTOP): the floor, which sends the collector's request and throws the
answer away at the same interval; a timer alone, at that interval; and `ss -tinmH`, once a round.
OUTPUT.json has everything, OUTPUT.md the table, OUTPUT.svg the plot where gnuplot is installed.

The interval is 10 ms, or where this machine cannot make that many changes in that time, the next of
some longer ones: so "active" means that a connection has moved since the poll before. What was
reached is in the table.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
from collector import Collector  # noqa: E402
from netns import RECEIVER_V4, Pair, Skip  # noqa: E402

INTERVALS_MS = (10, 20, 50, 100, 200, 500, 1000, 2000)
SEGMENT_NS = 7000  # what making one change costs this machine at most, both ends and the reader
FLOOR_S = 1.5
SAMPLING = ("tcpinfo-collect", "sampler", "reconciler")  # the threads of the sampling side
PORT = 9990


class Load:
    """The connections. `active` never returns before the change has begun."""

    def __init__(self, build: Path, pair: Pair, connections: int) -> None:
        self.child = subprocess.Popen(
            [build / "test/bench/load", pair.receiver.path, pair.sender.path, RECEIVER_V4,
             str(connections)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer("open")

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stdin.close()
        self.child.wait()

    def _answer(self, word: str) -> list[str]:
        line = self.child.stdout.readline()
        if not line.startswith(word):
            raise SystemExit(f"the load said {line!r}")
        return line.split()

    def _say(self, line: str) -> None:
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def active(self, count: int, period_us: int) -> None:
        self._say(f"active {count} {period_us}")
        self._answer("active")

    def ask(self, count: int, period_us: int) -> None:
        self._say(f"ask {count} {period_us}")
        self._answer("ask")

    def rounds(self) -> tuple[int, int]:
        self._say("rounds")
        words = self._answer("rounds")
        return int(words[1]), int(words[2])


class Meter:
    """Reads the collector from outside: its threads' clocks, its counters."""

    def __init__(self, collector: Collector, pair: Pair) -> None:
        self.collector, self.pair = collector, pair

    def threads(self) -> dict[str, int]:
        """Nanoseconds by thread name."""
        used: dict[str, int] = {}
        base = Path(f"/proc/{self.collector.child.pid}/task")
        for task in base.iterdir():
            name = (task / "comm").read_text().strip()
            used[name] = used.get(name, 0) + int((task / "schedstat").read_text().split()[0])
        return used

    def modes(self) -> tuple[int, int]:
        """Ticks in user mode and in the kernel."""
        stat = Path(f"/proc/{self.collector.child.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return int(fields[11]), int(fields[12])

    def counters(self) -> dict[str, float]:
        with self.pair.receiver.inside():
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=20) as page:
                text = page.read().decode()
        values = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values


def quantile(now: dict[str, float], before: dict[str, float], q: float) -> float:
    """Of the achieved interval in ms, from the buckets' upper bounds, linear in between."""
    pattern = re.compile(r'tcpinfo_achieved_interval_seconds_bucket\{le="([^"]+)"\}')
    buckets = sorted((float(match[1]), now[key] - before.get(key, 0)) for key in now
                     if (match := pattern.match(key)))
    wanted = q * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > below:
            if bound == float("inf"):
                return lower * 1000
            return (lower + (bound - lower) * (wanted - below) / (count - below)) * 1000
        lower, below = bound, count
    return lower * 1000


def run_floor(build: Path, pair: Pair, what: str, interval_ms: int) -> dict[str, float]:
    done = subprocess.run([build / "test/bench/poll_floor", what, str(interval_ms * 1000),
                           str(FLOOR_S)],
                          stdout=subprocess.PIPE, check=True, text=True,
                          preexec_fn=pair.receiver.enter_for_good)
    return json.loads(done.stdout)


def run_ss(pair: Pair) -> float:
    """Processor seconds of one look."""
    child = subprocess.Popen(["ss", "-tinmH"], stdout=subprocess.DEVNULL,
                             preexec_fn=pair.receiver.enter_for_good)
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return used.ru_utime + used.ru_stime


def one_window(meter: Meter, seconds: float) -> dict[str, object]:
    time.sleep(0.3)
    before, threads, modes = meter.counters(), meter.threads(), meter.modes()
    time.sleep(seconds)
    used, now_modes, now = meter.threads(), meter.modes(), meter.counters()
    difference = {key: now[key] - before.get(key, 0) for key in now}
    polls = difference["tcpinfo_polls_total"] + difference["tcpinfo_idle_ticks_total"]
    cpu = {name: used[name] - threads.get(name, 0) for name in used}
    ticks = [after - earlier for after, earlier in zip(now_modes, modes)]
    return {
        "polls": polls, "cpu_ns": sum(cpu.values()), "threads_ns": cpu,
        "user_share": ticks[0] / max(1, sum(ticks)),
        "missed_ticks": difference["tcpinfo_missed_ticks_total"],
        "snapshots": difference["tcp_info_snapshots_total"]
        if "tcp_info_snapshots_total" in difference else difference["tcpinfo_snapshot_total"],
        "records": difference["tcpinfo_records_written_total"],
        "bytes": difference["tcpinfo_written_bytes_total"],
        "lost": sum(value for key, value in difference.items()
                    if key.startswith("tcpinfo_records_dropped_total")),
        "p50_ms": quantile(now, before, 0.5), "p99_ms": quantile(now, before, 0.99),
        "max_ms": quantile(now, before, 1),
    }


def settle(meter: Meter, connections: int) -> None:
    """Until the first snapshot of every connection is in a file."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(1)
        if meter.counters()["tcpinfo_records_written_total"] >= connections:
            time.sleep(1.5)
            return
    raise SystemExit("the first records were not written in two minutes")


def measure(build: Path, pair: Pair, load: Load, connections: int, percent: float,
            given: argparse.Namespace) -> dict[str, object]:
    moving = round(connections * percent / 100)
    interval_ms = next((ms for ms in INTERVALS_MS if moving * SEGMENT_NS < ms * 1e6), 2000)
    load.active(0, 10_000)
    windows, floors, timers, looks = [], [], [], []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        with Collector(str(build / "tools/tcpinfo-collect"), Path(scratch) / "out", pair.receiver,
                       "--interval", f"{interval_ms}ms", "--prometheus", f"127.0.0.1:{PORT}",
                       *given.flags.split()) as collector:
            meter = Meter(collector, pair)
            settle(meter, connections)
            load.active(moving, interval_ms * 1000)
            window_s = max(given.window, 5 * interval_ms / 1000)
            for _ in range(given.rounds):
                windows.append(one_window(meter, window_s))
                collector.pause()
                floors.append(run_floor(build, pair, "dump", interval_ms))
                timers.append(run_floor(build, pair, "timer", interval_ms))
                looks.append(run_ss(pair))
                collector.go_on()
            made, late = load.rounds()
            load.active(0, 10_000)
            memory, peak = collector.memory_mb(), collector.peak_memory_mb()
            collector.kill()

    def median(of: list[dict], what) -> float:
        return statistics.median(what(one) for one in of)

    floor = median(floors, lambda f: f["cpu_ns"] / f["polls"])
    cpu = median(windows, lambda w: w["cpu_ns"] / w["polls"])
    sampling = median(windows, lambda w: sum(w["threads_ns"].get(name, 0) for name in SAMPLING)
                      / w["polls"])
    names = sorted({name for w in windows for name in w["threads_ns"]})
    return {
        "connections": connections, "percent": percent, "interval_ms": interval_ms,
        "floor_us": floor / 1000, "floor_p99_ms": median(floors, lambda f: f["p99_us"]) / 1000,
        "timer_us": median(timers, lambda f: f["cpu_ns"] / f["polls"]) / 1000,
        "timer_p99_ms": median(timers, lambda f: f["p99_us"]) / 1000,
        "cpu_us": cpu / 1000, "ratio": cpu / floor,
        "sampling_us": sampling / 1000, "sampling_ratio": sampling / floor,
        "ratios": [w["cpu_ns"] / w["polls"] / (f["cpu_ns"] / f["polls"])
                   for w, f in zip(windows, floors)],
        "threads_us": {name: median(windows, lambda w, n=name: w["threads_ns"].get(n, 0)
                                    / w["polls"]) / 1000 for name in names},
        "user_share": median(windows, lambda w: w["user_share"]),
        "ss_us": statistics.median(looks) * 1e6,
        "moved_percent": 100 * median(windows, lambda w: w["snapshots"] / w["polls"]) / connections,
        "records_s": median(windows, lambda w: w["records"]) / window_s,
        "bytes_record": median(windows, lambda w: w["bytes"] / max(1, w["records"])),
        "p50_ms": median(windows, lambda w: w["p50_ms"]),
        "p99_ms": median(windows, lambda w: w["p99_ms"]),
        "max_ms": max(w["max_ms"] for w in windows),
        "missed_percent": 100 * median(windows, lambda w: w["missed_ticks"]
                                       / max(1, w["missed_ticks"] + w["polls"])),
        "lost": sum(w["lost"] for w in windows),
        "memory_mb": memory, "peak_mb": peak, "load_rounds": made, "load_late": late,
    }


COLUMNS = (
    ("N", "connections", "{:,}"), ("active %", "percent", "{:g}"),
    ("moved %", "moved_percent", "{:.1f}"), ("interval asked, ms", "interval_ms", "{:g}"),
    ("p50, ms", "p50_ms", "{:.1f}"), ("p99, ms", "p99_ms", "{:.1f}"),
    ("timer p99, ms", "timer_p99_ms", "{:.1f}"), ("timer, µs", "timer_us", "{:.0f}"),
    ("missed %", "missed_percent", "{:.1f}"), ("floor, µs", "floor_us", "{:,.0f}"),
    ("ss, µs", "ss_us", "{:,.0f}"), ("CPU, µs", "cpu_us", "{:,.0f}"),
    ("ratio", "ratio", "{:.2f}"), ("sampling side, µs", "sampling_us", "{:,.0f}"),
    ("its ratio", "sampling_ratio", "{:.4f}"),
    ("records/s", "records_s", "{:,.0f}"), ("bytes/record", "bytes_record", "{:.0f}"),
    ("peak MB", "peak_mb", "{:.0f}"), ("lost", "lost", "{:g}"),
)


def table(rows: list[dict]) -> str:
    head = "| " + " | ".join(title for title, _, _ in COLUMNS) + " |\n"
    line = "|" + "---|" * len(COLUMNS) + "\n"
    return head + line + "".join(
        "| " + " | ".join(form.format(row[key]) for _, key, form in COLUMNS) + " |\n"
        for row in rows)


def plot(rows: list[dict], output: Path) -> None:
    if shutil.which("gnuplot") is None:
        print("no gnuplot: no plot")
        return
    shares = sorted({row["percent"] for row in rows})
    data, curves = [], []
    for index, share in enumerate(["floor", *shares]):
        percent = shares[0] if share == "floor" else share
        chosen = [row for row in rows if row["percent"] == percent]
        data.append("\n".join(
            f"{row['connections']} {row['floor_us' if share == 'floor' else 'cpu_us'] / 1000}"
            for row in chosen))
        title = "the kernel part alone" if share == "floor" else f"recording, {share:g} % active"
        curves.append(f"$data index {index} using 1:2 with linespoints lw 2 title '{title}'")
    script = ("set terminal svg size 720,480 font 'sans,13' background 'white'\n"
              f"set output '{output}'\n"
              "set logscale xy\nset grid\nset key top left\n"
              "set xlabel 'connections'\nset ylabel 'processor time of one poll, ms'\n"
              "$data << END\n" + "\n\n\n".join(data) + "\nEND\nplot " + ", ".join(curves) + "\n")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--connections", type=numbers, default=[100, 1000, 10_000, 50_000, 100_000])
    parser.add_argument("--active", type=numbers, default=[0, 1, 10, 100])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=5.0, help="seconds of one measurement")
    parser.add_argument("--flags", default="", help="of the collector")
    given = parser.parse_args()
    rows = []
    for connections in map(int, given.connections):
        with Pair() as pair, Load(given.build, pair, connections) as load:
            for percent in given.active:
                row = measure(given.build, pair, load, connections, percent, given)
                rows.append(row)
                print(table([row]).splitlines()[2], flush=True)
                print("    " + ", ".join(f"{name} {us:,.0f}" for name, us in
                                         row["threads_us"].items() if us >= 0.5), flush=True)
    machine = (f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}, "
               f"medians of {given.rounds} rounds")
    given.output.with_suffix(".json").write_text(
        json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    given.output.with_suffix(".md").write_text(machine + "\n\n" + table(rows))
    plot(rows, given.output.with_suffix(".svg"))
    print(f"{given.output}.json, .md")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        sys.exit(f"cannot measure here: {reason}")
