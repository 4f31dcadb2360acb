# SPDX-License-Identifier: Apache-2.0
"""Parts of segments: what times pass over, and what several workers divide, by the index.

usage: cli_parts.py TCPINFO-CSV TCPINFO-DUMP MAKE-SEGMENT
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import metadata, record, time_text
from noise import noisy

CSV, DUMP, MAKE_SEGMENT = sys.argv[1:4]
SEGMENT = ".tcpseg.zst"
CONNECTIONS, SECONDS = 30, 40


def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, arguments)], capture_output=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL)


def make(folder: Path, archives: list[Path], *flags: str) -> Path:
    made = folder / f"x{SEGMENT}"
    subprocess.run([MAKE_SEGMENT, *flags, str(folder / "archives"), str(made),
                    *map(str, archives)], check=True)
    return made


def write_archives(folder: Path) -> list[Path]:
    """One record of each connection a second, of bytes that do not shrink."""
    made = []
    for number in range(CONNECTIONS):
        uuid = f"host_1700000000_{number + 1:016X}"
        text = metadata(0, uuid)
        for second in range(SECONDS):
            text += noisy(record(second, second, cookie=number + 1, dport=5200 + number,
                                 sent=second * 1000), number * 1000 + second)
        path = folder / "archives" / f"{uuid}.00000.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        made.append(path)
    return made


def without_index(segment: Path) -> Path:
    """The same, of which all is read."""
    data = segment.read_bytes()
    size = int.from_bytes(data[-12:-8], "little")
    check(data.endswith(b"\x89TCPIDX\n"), "the segment has no index")
    copy = segment.parent / "whole" / segment.name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(data[:-size])
    return copy


def complaints(of: subprocess.CompletedProcess[bytes], path: Path) -> bytes:
    """Without the path, and without how many records were read where nothing passes: of blocks that
    are passed over nobody knows."""
    said = of.stderr.replace(bytes(path), b"")
    return re.sub(rb"of \d+ records (nothing passes the filters).*", rb"\1", said)


def same(arguments: list[str], segment: Path, whole: Path, what: str) -> bytes:
    one, other = run(*arguments, segment), run(*arguments, whole)
    check(one.returncode == other.returncode and one.stdout == other.stdout
          and complaints(one, segment) == complaints(other, whole),
          f"{what}: {one.returncode}, {other.returncode}, {one.stderr[:300]!r}, "
          f"{other.stderr[:300]!r}; "
          f"{len(one.stdout)} and {len(other.stdout)} bytes")
    return one.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        archives = write_archives(folder)
        segment = make(folder, archives, "--by-turns", "--block", "120")
        whole = without_index(segment)
        size = segment.stat().st_size
        check(size > 20 * 65536, f"{size} bytes are not many parts")

        rows = same([CSV], segment, whole, "csv")
        check(rows.count(b"\n") == CONNECTIONS * SECONDS + 1, "csv: not all rows")
        for workers in ("1", "2", "4"):
            for flags in ([], ["--every", "5s"], ["--dport", "5203"], ["--compat=mlab"],
                          ["--connections"], ["--state", "ESTABLISHED", "--since",
                                              time_text(7), "--until", time_text(9.5)]):
                same([CSV, "-j", workers, *flags], segment, whole, f"csv -j {workers} {flags}")
        for since, until in ((0, 3), (10, 12.5), (39, 50), (20, 20.5), (100, 200)):
            times = ["--since", time_text(since), "--until", time_text(until)]
            for tool in ([CSV], [CSV, "--every", "2s"], [CSV, "--connections"], [DUMP],
                         [DUMP, "--every", "2s"], [DUMP, "--json"]):
                got = same([*tool, *times], segment, whole, f"{tool} {times}")
                if tool == [CSV]:
                    expected = CONNECTIONS * sum(since <= s < until for s in range(SECONDS))
                    check(got.count(b"\n") == expected + 1, f"{times}: not {expected} rows")
            shown = [{k: v for k, v in json.loads(line).items() if not k.startswith("missed")}
                     for line in run(DUMP, "ls", "--json", *times, segment).stdout.splitlines()]
            wanted = [{k: v for k, v in json.loads(line).items() if not k.startswith("missed")}
                      for line in run(DUMP, "ls", "--json", *times, whole).stdout.splitlines()]
            check(shown == wanted, f"ls {times}")

        # Damage in a block that is passed over is not met.
        data = bytearray(segment.read_bytes())
        data[200] ^= 0x55
        bad = folder / f"bad{SEGMENT}"
        bad.write_bytes(data)
        late = ["--since", time_text(30)]
        for tool in ([CSV], [CSV, "-j", "3"], [CSV, "--every", "2s"], [DUMP], [DUMP, "ls"],
                     [DUMP, "get", "7"]):
            done = run(*tool, *late, bad)
            check(done.returncode == 0 and not done.stderr, f"{tool}, damage passed over: {done}")
        outputs = [run(CSV, "-j", n, bad) for n in ("1", "2", "4")]
        check(all(o.returncode == 1 and (o.stdout, o.stderr) == (
            outputs[0].stdout, outputs[0].stderr) for o in outputs),
            f"damage, workers: {[o.stderr for o in outputs]}")
        check(b"checksum" in outputs[0].stderr, f"damage: {outputs[0].stderr!r}")

        # What stands as text holds for what is behind it: such a segment is not divided.
        for path in archives:
            path.write_text(path.read_text().replace('{"Timestamp"', '{ "Timestamp"', 1))
        shutil.rmtree(folder / "whole")
        segment = make(folder, archives, "--by-turns", "--block", "120")
        whole = without_index(segment)
        for flags in ([], ["-j", "3"], ["--since", time_text(30)]):
            same([CSV, *flags], segment, whole, f"metadata as text, {flags}")


main()
finish()
