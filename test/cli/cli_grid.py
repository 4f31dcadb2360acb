# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-csv --grid: rows at fixed times, of archives and segments.

usage: cli_grid.py TCPINFO-CSV TCPINFO-DUMP
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, UUID, archive, metadata, record, time_text, write

CSV, DUMP = map(os.path.abspath, sys.argv[1:3])
OTHER = UUID[:-2] + "CD"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CSV, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL)


def rows(*arguments: str | Path, status: int = 0) -> list[dict[str, str]]:
    done = run(*arguments)
    check(done.returncode == status, f"{arguments}: {done}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def made(cookie: int = 0xAB) -> str:
    """Records at 0, 0.05, 0.1, 0.13 and 0.45 s, the last one of the end."""
    return "".join(
        record(second, cookie=cookie, rtt=1000 + i, received=100 * i, sent=7 * i,
               state=CLOSE if i == 4 else 1)
        for i, second in enumerate((0, 0.05, 0.1, 0.13, 0.45)))


def test_steps(folder: Path) -> None:
    path = archive(folder, 0, metadata() + made())
    table = rows("--grid", "100ms", path)
    told = [(r["uuid"], r["step"], float(r["time_s"]), r["records"], float(r["age_s"]), r["rtt_us"],
             r["delta_bytes_received"], r["delta_bytes_sent"], r["state"]) for r in table]
    # By hand: a step has all records up to its moment; the last step is at or behind the last one.
    check(told == [
        (UUID, "0", 0.0, "1", 0.0, "1000", "", "", "ESTABLISHED"),
        (UUID, "1", 0.1, "2", 0.0, "1002", "200", "14", "ESTABLISHED"),
        (UUID, "2", 0.2, "1", 0.07, "1003", "100", "7", "ESTABLISHED"),
        (UUID, "3", 0.3, "0", 0.17, "1003", "0", "0", "ESTABLISHED"),
        (UUID, "4", 0.4, "0", 0.27, "1003", "0", "0", "ESTABLISHED"),
        (UUID, "5", 0.5, "1", 0.05, "1004", "100", "7", "CLOSE"),
    ], f"{told}")
    # Whatever the step, growth adds up to the total.
    for step in ("1ms", "7ms", "50ms", "1s", "1h"):
        grown = rows("--grid", step, path)
        check(sum(int(r["delta_bytes_received"] or 0) for r in grown) == 400, f"{step}")
        check(sum(int(r["records"]) for r in grown) == 5, f"{step}: records")
    # A value that no record tells is empty, and in JSON no member.
    check(all(r["snd_ssthresh_segments"] == "0" for r in table), "a field that is 0")
    lines = [json.loads(line) for line in
             run("--grid", "100ms", "--format", "jsonl", path).stdout.splitlines()]
    check(len(lines) == 6 and lines[1]["delta_bytes_received"] == 200 and lines[1]["time_s"] == 0.1
          and "delta_bytes_received" not in lines[0], f"{lines}")
    few = run("--grid", "1s", "--columns", "step,delta_seg*", path).stdout
    check(few == "step,delta_segs_out,delta_segs_in\n0,,\n1,0,0\n", f"{few!r}")
    listed = run("--grid", "1s", "--list-columns").stdout.splitlines()
    check([line.split("\t")[0] for line in listed[1:]] == list(table[0]), f"{listed}")
    check(all(len(line.split("\t")) == 5 and line.split("\t")[4] for line in listed), f"{listed}")


def test_several(folder: Path) -> None:
    """Two connections, files of one together, and the same from a segment."""
    day = folder / "day"
    day.mkdir()
    text = made().splitlines(keepends=True)
    archive(day, 0, metadata() + "".join(text[:2]))
    archive(day, 1, metadata(1) + "".join(text[2:]))
    archive(day, 0, metadata(0, OTHER) + made(0xCD), OTHER)
    table = rows("--grid", "100ms", day)
    one = rows("--grid", "100ms", "--uuid", UUID, day)
    check(len(table) == 12 and len(one) == 6, f"{len(table)} {len(one)}")
    check([r for r in table if r["uuid"] == UUID] == one, "one of two")
    check([r | {"uuid": UUID} for r in table if r["uuid"] == OTHER] == one, "the other one")
    check(rows("-j", "3", "--grid", "100ms", day) == table, "several threads")
    done = subprocess.run([DUMP, "pack", str(day), "-o", str(folder / "packed")],
                          capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0, f"{done}")
    check(sorted(map(str, rows("--grid", "100ms", folder / "packed"))) == sorted(map(str, table)),
          "of a segment")
    part = rows("--grid", "100ms", "--since", "2023-11-14T22:13:20.1Z", "--uuid", UUID, day)
    check([r["delta_bytes_received"] for r in part] == ["", "100", "0", "0", "100"], f"{part}")


def test_trouble(folder: Path) -> None:
    text = made().splitlines(keepends=True)
    late = write(folder, "late.jsonl", metadata() + text[0] + text[2] + text[1] + "".join(text[3:]))
    done = run("--grid", "100ms", late)
    check(done.returncode == 1 and "1 records came after later ones" in done.stderr
          and done.stdout.count("\n") == 7, f"{done}")
    # An end may be told as before the last poll, which is read after it was made: it is not late.
    ended = write(folder, "ended.jsonl", metadata() + text[0] + text[2] + record(
        0.13, received=999, state=CLOSE, more={"Ended": time_text(0.0999)}))
    done = run("--grid", "100ms", "--columns", "step,records,state,delta_bytes_received", ended)
    check(done.returncode == 0 and done.stdout.splitlines()[1:]
          == ["0,1,ESTABLISHED,", "1,2,CLOSE,999"], f"{done}")
    # There is no moment behind the last one that 64 bits of nanoseconds can tell.
    last = write(folder, "last.jsonl", metadata() + "".join(
        record(1, received=i).replace(time_text(1), time)
        for i, time in enumerate(("2262-04-11T23:47:14.9Z", "2262-04-11T23:47:15.95Z"))))
    done = run("--grid", "1s", last)
    check(done.returncode == 1 and done.stdout.count("\n") <= 3, f"{done}")
    # Two years of silence are 600 million steps.
    hole = write(folder, "hole.jsonl", metadata() + text[0] + text[1]
                 + record(63_000_000, received=900, state=CLOSE))
    done = run("--grid", "100ms", "--columns", "step,records,delta_bytes_received", hole)
    check(done.returncode == 1 and "629999999 steps are left out" in done.stderr, f"{done}")
    check(done.stdout.splitlines()[1:] == ["0,1,", "630000000,2,"], f"{done}")
    bad = write(folder, "bad.jsonl", metadata() + text[0] + "{\n" + "".join(text[1:]))
    done = run("--grid", "100ms", bad)
    check(done.returncode == 1 and "bad.jsonl:3:" in done.stderr
          and done.stdout.count("\n") == 7, f"{done}")
    out = folder / "out.csv"
    done = run("--grid", "100ms", "--strict", "-o", out, bad)
    check(done.returncode == 1 and not out.exists(), f"{done}")
    done = run("--grid", "100ms", "-o", out, bad)
    check(done.returncode == 1 and out.read_text().count("\n") == 7, f"{done}")
    for arguments in (["--grid", "0"], ["--grid", "x"], ["--grid", ""], ["--grid", "1us"],
                      ["--grid", "1s", "--connections"], ["--grid", "1s", "--compat", "mlab"],
                      ["--grid", "1s", "--every", "1s"], ["--grid", "1s", "--columns", "nothing"],
                      ["--grid", "1s", "--ddl", "sqlite"]):
        done = run(*arguments, late)
        check(done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout,
              f"{arguments}: {done}")


def main() -> None:
    for test in (test_steps, test_several, test_trouble):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    finish()


main()
