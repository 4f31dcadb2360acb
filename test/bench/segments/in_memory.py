# SPDX-License-Identifier: Apache-2.0
"""The same records as a segment and as lines, in memory: sizes, writing, reading (segments.cc)."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

from loads import Recording

FLUSH_S = 5
# A connection that did nothing has a record at its beginning and its final one.
IDLE_RECORDS = 2


def measure(build: Path, files: list[Path], rounds: int, scratch: Path) -> dict[str, float]:
    listed = scratch / "files"
    listed.write_text("\n".join(map(str, files)) + "\n")
    run = subprocess.run([build / "test/bench/segments", str(rounds), "time", str(FLUSH_S),
                          f"@{listed}"], capture_output=True, text=True, check=True)
    row = json.loads(run.stdout)
    row["file_bytes"] = sum(path.stat().st_size for path in files)
    row["disk_bytes"] = sum(path.stat().st_blocks * 512 for path in files)
    return row


def busy_files(build: Path, recorded: Recording) -> list[Path]:
    """Without those of connections that did nothing."""
    told = subprocess.run([build / "tools/tcpinfo-dump", "ls", "--json", recorded.folder],
                          capture_output=True, text=True, check=True)
    connections = map(json.loads, told.stdout.splitlines())
    idle = {one["uuid"] for one in connections if one["snapshots"] <= IDLE_RECORDS}
    return [path for path in recorded.files() if path.name.split(".")[0] not in idle]


HEAD = ("| load | records | connections | bytes a record: segment (archives) | bytes a connection: "
        "segment (archives, on disk) | writing, µs a record (as lines) | reading messages, of "
        "decompression | records/s |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")


def line(name: str, row: dict[str, float]) -> str:
    return (f"| {name} | {row['records']:,} | {row['archives']:,} | {row['bytes_per_record']:.2f} "
            f"({row['file_bytes'] / row['records']:.1f}) | {row['bytes'] / row['archives']:.0f} "
            f"({row['disk_bytes'] / row['archives']:,.0f}) | {row['write_us']:.2f} "
            f"({row['line_write_us']:.2f}) | {row['read_per_s'] / row['decompress_per_s']:.2f} | "
            f"{row['read_per_s'] / 1e6:.1f} M |\n")
