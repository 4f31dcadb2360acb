#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much larger complete files are than the same records as one frame at level 3.

usage: archive_size.py BUILD OUTPUT [SECONDS]

Two loads at once for SECONDS (600): connections that change at every poll (100 records a second),
and connections with one record in 4 s. The collector records with its defaults; files are taken
when they are complete.
"""
from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
from collect import Load  # noqa: E402
from collector import Collector  # noqa: E402
from netns import Pair, Skip  # noqa: E402

BUSY, SLOW = 20, 50


def one_frame(text: bytes) -> int:
    """As the peer writes it."""
    return len(subprocess.run(["zstd", "-3", "-c", "-q"], input=text, capture_output=True,
                              check=True).stdout)


def measure(build: Path, seconds: float) -> dict[str, dict[str, float]]:
    sizes: dict[str, list[tuple[int, int, int]]] = {"busy": [], "slow": []}
    with Pair() as pair, tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        output = Path(scratch) / "out"
        with Collector(str(build / "tools/tcpinfo-collect"), output, pair.receiver) as collector:
            with Load(build, pair, BUSY) as busy, Load(build, pair, SLOW) as slow:
                busy.active(BUSY, 10_000)
                slow.active(SLOW, 4_000_000)
                time.sleep(seconds)
            time.sleep(1)
            collector.stop()
        for path in sorted(output.rglob("*.jsonl.zst")):
            text = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
            records = text.count(b"\n") - 1
            kind = "busy" if records > seconds * 10 else "slow"
            if kind == "slow" and records < seconds / 8:
                continue  # what a rotation left of a file's start or end
            sizes[kind].append((records, path.stat().st_size, one_frame(text)))
    return {kind: {
        "files": len(all_), "records_a_file": statistics.median(r for r, _, _ in all_),
        "bytes_a_record": sum(s for _, s, _ in all_) / sum(r for r, _, _ in all_),
        "one_frame": sum(f for _, _, f in all_) / sum(r for r, _, _ in all_),
        "ratio": sum(s for _, s, _ in all_) / sum(f for _, _, f in all_),
    } for kind, all_ in sizes.items() if all_}


def main() -> None:
    build, output = Path(sys.argv[1]), Path(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 600
    rows = measure(build, seconds)
    for kind, row in rows.items():
        print(f"{kind}: {row['files']} files of {row['records_a_file']:.0f} records, "
              f"{row['bytes_a_record']:.1f} bytes a record, {row['one_frame']:.1f} as one frame: "
              f"{row['ratio']:.3f}")
    output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        sys.exit(f"cannot measure here: {reason}")
