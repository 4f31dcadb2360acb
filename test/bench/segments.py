#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What records cost in segments, beside what they cost in archives.

usage: segments.py BUILD OUTPUT [--rounds R] [--seconds S]

Three loads are recorded into memory, one file a connection: 100 busy connections of 10,000, 1,000
busy ones of 10,000, and short ones (request, answer, close). The same records are then written
as one segment and as lines, and read again, ROUNDS times by turns; medians are told. The floor of
writing is the same records as lines, compressed; that of reading is the decompression of the same
segment. OUTPUT.json has everything, OUTPUT.md the table.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
from collect import Load  # noqa: E402
from collector import Collector, Traffic  # noqa: E402
from netns import Pair, Skip  # noqa: E402

FLUSH_S = 5
SHORT = "short:2000:{count}:2:20"


def record_busy(build: Path, output: Path, seconds: float, busy: int) -> None:
    with Pair() as pair, Collector(str(build / "tools/tcpinfo-collect"), output,
                                   pair.receiver) as collector:
        with Load(build, pair, 10_000) as load:
            load.active(busy, 10_000)
            time.sleep(seconds)
        time.sleep(1)
        collector.stop()


def record_short(build: Path, output: Path, seconds: float) -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch, \
            Collector(str(build / "tools/tcpinfo-collect"), output, pair.receiver) as collector:
        with Traffic(str(build / "test/live/traffic"), "short", pair, Path(scratch) / "truth",
                     "--class", SHORT.format(count=int(500 * seconds))) as traffic:
            traffic.finish()
        time.sleep(1)
        collector.stop()


def measure(build: Path, output: Path, rounds: int) -> dict[str, float]:
    files = sorted(output.rglob("*.jsonl.zst"))
    listed = output.parent / "files"
    listed.write_text("\n".join(map(str, files)) + "\n")
    run = subprocess.run([build / "test/bench/segments", str(rounds), "time", str(FLUSH_S),
                          f"@{listed}"], capture_output=True, text=True, check=True)
    row = json.loads(run.stdout)
    row["file_bytes"] = sum(path.stat().st_size for path in files)
    row["disk_bytes"] = sum(path.stat().st_blocks * 512 for path in files)
    return row


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("build", type=Path)
    options.add_argument("output", type=Path)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=20)
    args = options.parse_args()
    loads = {
        "100 busy of 10,000": lambda to: record_busy(args.build, to, args.seconds, 100),
        "1,000 busy of 10,000": lambda to: record_busy(args.build, to, args.seconds / 2, 1000),
        "short connections": lambda to: record_short(args.build, to, args.seconds / 2),
    }
    rows = {}
    for name, record in loads.items():
        with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
            output = Path(scratch) / "out"
            record(output)
            rows[name] = measure(args.build, output, args.rounds)
    lines = ["| load | records | connections | bytes a record: segment (archives) | bytes a "
             "connection: segment (archives, on disk) | writing, µs a record (as lines) | reading "
             "messages, of decompression | records/s |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['records']:,} | {row['archives']:,} | {row['bytes_per_record']:.2f} "
            f"({row['file_bytes'] / row['records']:.1f}) | {row['bytes'] / row['archives']:.0f} "
            f"({row['disk_bytes'] / row['archives']:,.0f}) | {row['write_us']:.2f} "
            f"({row['line_write_us']:.2f}) | {row['read_per_s'] / row['decompress_per_s']:.2f} | "
            f"{row['read_per_s'] / 1e6:.1f} M |")
    print("\n".join(lines))
    args.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    args.output.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        sys.exit(f"cannot measure here: {reason}")
