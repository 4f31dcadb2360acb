#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures tcpinfo-csv on recorded connections, beside what its parts cost alone; and how long one
connection among 92,000 files takes, or a day without files, beside the same walk by find(1).

usage: offline.py BUILD CORPUS [ROUNDS]

CORPUS is a folder of make_corpus.py. Everything is measured once a round, one after the other, so
that a busy machine is busy for all; the table has medians of processor time, one core.
"""
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD, CORPUS = Path(sys.argv[1]), Path(sys.argv[2])
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 7
CSV, FLOORS = BUILD / "tools/tcpinfo-csv", BUILD / "test/bench/floors"
DUMP = BUILD / "tools/tcpinfo-dump"
TABLES = {"compat": "--compat=mlab", "default": "--format=csv"}
TARGETS = {"compat": 900_000, "default": 600_000}
MOST_TIMES_FLOORS = 2.5
MOST_KIB = 64 << 10
FILES, DAYS = 92_000, 28
MOST_SECONDS = 0.5


def used(command: list[object]) -> tuple[float, int]:
    """Processor seconds and peak memory in KiB of a command whose output goes nowhere."""
    words = [str(FLOORS), "run", *map(str, command)]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(words)[:200]}: {done.stderr}")
    seconds, kib = done.stderr.split()[-2:]
    return float(seconds), int(kib)


def lines_and_bytes(command: list[object]) -> tuple[int, int]:
    lines = total = 0
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE) as process:
        while block := process.stdout.read(1 << 20):
            lines += block.count(b"\n")
            total += len(block)
    return lines, total


def floor(*arguments: object) -> float:
    with open(os.devnull, "wb") as nowhere:
        done = subprocess.run([FLOORS, *map(str, arguments)], stdout=nowhere,
                              stderr=subprocess.PIPE, check=True)
    return float(done.stderr)


def instructions(flag: str) -> float | None:
    """A record's share: a run on many lines less one on few, so that the start falls out."""
    if shutil.which("valgrind") is None:
        return None
    largest = max((CORPUS / "plain").rglob("*.jsonl"), key=lambda path: path.stat().st_size)
    lines = largest.read_bytes().splitlines(keepends=True)[:2001]
    counts = []
    with tempfile.TemporaryDirectory() as scratch:
        for n in (len(lines), 2):
            part = Path(scratch) / largest.name
            part.write_bytes(b"".join(lines[:n]))
            done = subprocess.run(["valgrind", "--tool=callgrind",
                                   f"--callgrind-out-file={scratch}/profile", CSV, flag, part],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  check=True)
            counts.append(int(re.search(r"refs:\s+([\d,]+)", done.stderr)[1].replace(",", "")))
    return (counts[0] - counts[1]) / (len(lines) - 2)


def machine() -> str:
    model = platform.machine()
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return (f"{model}, {os.cpu_count()} processors, Linux {platform.release()}, "
            f"load {os.getloadavg()[0]:.1f} while measuring")


def make_spool(root: Path, archive: Path) -> str:
    """Names of one archive, by which it is as many connections of February; the cookie of one."""
    original = root / "original"
    shutil.copy(archive, original)
    last = datetime.datetime(2026, 2, 28, 12, tzinfo=datetime.timezone.utc).timestamp()
    os.utime(original, (last, last))
    folders = [root / f"2026/02/{day + 1:02}" for day in range(DAYS)]
    for folder in folders:
        folder.mkdir(parents=True)
    for number in range(FILES):
        name = f"{folders[number % DAYS]}/bench_1_{0xF0000000 + number:016X}.00000.jsonl.zst"
        try:
            os.link(original, name)
        except OSError:  # too many links: what comes now are those of another file
            fresh = root / f"original-{number}"
            shutil.copy2(original, fresh)
            original = fresh
            os.link(original, name)
    one = archive.name.rsplit(".jsonl", 1)[0].rsplit(".", 1)[0]
    shutil.copy2(archive, folders[DAYS // 2] / archive.name)
    return one


def wall_seconds(command: list[object]) -> float:
    begin = time.monotonic()
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begin


def few_of_many(archive: Path) -> list[str]:
    """Prints the table; returns what missed its target."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        root = Path(scratch)
        one = make_spool(root, archive)
        spool = root / "2026"
        commands: dict[str, list[object]] = {
            "one connection, csv": [CSV, "--uuid", one, spool],
            "one connection, ls": [DUMP, "ls", "--uuid", one, spool],
            "a day without files, csv": [CSV, "--since", "2026-03-02", "--until", "2026-03-03",
                                         spool],
            "a day before all files, ls": [DUMP, "ls", "--until", "2026-02-01", spool],
            "find, names alone": ["find", spool, "-name", "none"],
            "find, times too": ["find", spool, "-newermt", "2027-01-01"]}
        seconds: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(ROUNDS):
            for what, command in commands.items():
                seconds[what].append(wall_seconds(command))
    floor_seconds = statistics.median(seconds["find, times too"])
    print(f"\n| {FILES:,} files in {DAYS} days | seconds | times find |\n|---|---|---|")
    missed = []
    for what, all_of in seconds.items():
        median = statistics.median(all_of)
        print(f"| {what} | {median:.3f} | {median / floor_seconds:.2f} |")
        if median > MOST_SECONDS and not what.startswith("find"):
            missed.append(f"{what}: {median:.3f} s, wanted {MOST_SECONDS}")
    return missed


def main() -> None:
    plain, packed = CORPUS / "plain", CORPUS / "zst"
    archives = sorted(packed.rglob("*.jsonl.zst"))
    sizes = {"plain": sum(p.stat().st_size for p in plain.rglob("*.jsonl")),
             "zst": sum(p.stat().st_size for p in archives)}
    rows = {name: lines_and_bytes([CSV, flag, plain]) for name, flag in TABLES.items()}
    records = rows["default"][0] - 1
    written = {name: size for name, (_, size) in rows.items()}

    times: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, flag in TABLES.items():
            for kind, folder in (("plain", plain), ("zst", packed)):
                seconds, kib = used([CSV, flag, folder])
                times.setdefault(f"{name} {kind}", []).append(seconds)
                memory[f"{name} {kind}"] = max(memory.get(f"{name} {kind}", 0), kib)
            times.setdefault(f"output {name}", []).append(floor("output", written[name]))
        times.setdefault("zstd", []).append(
            used([shutil.which("zstd"), "-dqc", "--single-thread", *archives])[0])
        for what in ("simdjson", "base64", "numbers"):
            times.setdefault(what, []).append(floor(what, plain))
    median = {what: statistics.median(all_of) for what, all_of in times.items()}

    print(f"{machine()}\n{records:,} records in {len(archives)} files, "
          f"{sizes['plain'] / 1e6:.0f} MB plain, {sizes['zst'] / 1e6:.1f} MB .zst; "
          f"medians of {ROUNDS} rounds\n")
    print("| table, input | records/s | MB/s of JSON | peak memory | floors | times floors |")
    print("|---|---|---|---|---|---|")
    missed = []
    for name in TABLES:
        for kind in ("plain", "zst"):
            what = f"{name} {kind}"
            floors = sum(median[f] for f in ("simdjson", "base64", "numbers", f"output {name}"))
            floors += median["zstd"] if kind == "zst" else 0
            rate, times_floors = records / median[what], median[what] / floors
            print(f"| {name}, {kind} | {rate:,.0f} | {sizes['plain'] / 1e6 / median[what]:.0f} | "
                  f"{memory[what] / 1024:.1f} MiB | {floors:.3f} s | {times_floors:.2f} |")
            if rate < TARGETS[name]:
                missed.append(f"{what}: {rate:,.0f} records/s, wanted {TARGETS[name]:,}")
            if times_floors > MOST_TIMES_FLOORS:
                missed.append(f"{what}: {times_floors:.2f} times the floors")
            if memory[what] > MOST_KIB:
                missed.append(f"{what}: {memory[what]} KiB")
    print("\n| floor | seconds | records/s |\n|---|---|---|")
    for what, label in (("zstd", "zstd -dc"), ("simdjson", "simdjson"), ("base64", "base64"),
                        ("numbers", "formatting the numbers"),
                        ("output compat", "writing the compat output"),
                        ("output default", "writing the default output")):
        shown = f"{records / median[what]:,.0f}" if median[what] > 0 else "-"
        print(f"| {label} | {median[what]:.3f} | {shown} |")
    missed += few_of_many(min(archives, key=lambda path: path.stat().st_size))
    print()
    for name, flag in TABLES.items():
        count = instructions(flag)
        print(f"{name}: " + (f"{count:,.0f} instructions a record" if count else
                             "instructions not counted: there is no valgrind"))
    print("\n" + ("targets met" if not missed else "targets missed:\n" + "\n".join(missed)))


main()
