# SPDX-License-Identifier: Apache-2.0
"""What the tools take to read recordings, each beside what reading their bytes alone takes."""
from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from loads import LAYOUTS, Recording

# A day on which nothing was recorded.
ANOTHER_DAY = ("--since", "2001-01-01", "--until", "2001-01-02")


@dataclass
class Cost:
    wall_s: float
    cpu_s: float


def cost(command: list[object], rounds: int) -> Cost:
    """Medians; what it prints goes nowhere."""
    walls, cpus = [], []
    for _ in range(rounds):
        begun = time.monotonic()
        with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL) as child:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        walls.append(time.monotonic() - begun)
        cpus.append(used.ru_utime + used.ru_stime)
        if child.returncode != 0:
            raise SystemExit(f"failed: {' '.join(map(str, command))[:200]}")
    return Cost(statistics.median(walls), statistics.median(cpus))


def all_bytes(folder: Path) -> list[object]:
    return ["find", folder, "-type", "f", "-exec", "cat", "{}", "+"]


def many(build: Path, recorded: dict[str, Recording], rounds: int) -> str:
    """A table: ls and rows of all, one connection, a day without records; in each layout."""
    dump, rows = build / "tools/tcpinfo-dump", build / "tools/tcpinfo-csv"
    text = ("| what | layout | wall, s | CPU, s |\n| --- | --- | --- | --- |\n")
    for layout in LAYOUTS:
        folder = recorded[layout].folder
        told = subprocess.run([dump, "ls", "--json", folder], capture_output=True, text=True,
                              check=True).stdout.splitlines()
        one = json.loads(told[len(told) // 2])["uuid"]
        commands: dict[str, list[object]] = {
            f"ls of {len(told):,} connections": [dump, "ls", folder],
            "the same by mean_rate": [dump, "ls", "--sort", "mean_rate", folder],
            "csv --connections": [rows, "--connections", folder],
            "get of one": [dump, "get", one, folder],
            "get of one that is not there": [dump, "get", "1", folder],
            "ls of another day": [dump, "ls", *ANOTHER_DAY, folder],
            "floor: reading their bytes": all_bytes(folder),
            "floor: names alone": ["find", folder, "-type", "f"]}
        for what, command in commands.items():
            took = cost(command, rounds) if "not there" not in what else may_fail(command, rounds)
            text += f"| {what} | {layout} | {took.wall_s:.3f} | {took.cpu_s:.3f} |\n"
    return text


def may_fail(command: list[object], rounds: int) -> Cost:
    """What says by its status that it found nothing."""
    return cost(["sh", "-c", '"$@" 2>&1 || true', "sh", *command], rounds)


def csv(build: Path, files: list[Path], scratch: Path, records: int, rounds: int) -> str:
    """A table: tcpinfo-csv of the same records packed, as archives, and as plain lines."""
    tools, archives, plain = build / "tools", scratch / "archives", scratch / "plain"
    for folder in (archives, plain):
        folder.mkdir()
    for path in files:
        shutil.copy(path, archives / path.name)
    copies = sorted(archives.iterdir())
    for begin in range(0, len(copies), 400):
        subprocess.run(["zstd", "-dq", "--output-dir-flat", plain, *copies[begin:begin + 400]],
                       check=True)
    subprocess.run([tools / "tcpinfo-dump", "pack", "-q", archives, "-o", scratch / "packed"],
                   check=True)
    packed = list((scratch / "packed").iterdir())
    inputs = {"segments": packed, "archives": [archives], "plain lines": [plain]}
    three = "uuid,timestamp,bytes_acked,rtt_us"
    text = "| what | of | records/s of CPU | of plain lines |\n| --- | --- | --- | --- |\n"
    for what, flags in (("default csv", []), (f"--columns {three}", ["--columns", three])):
        rates = {name: records / cost([tools / "tcpinfo-csv", *flags, *of], rounds).cpu_s
                 for name, of in inputs.items()}
        for name, rate in rates.items():
            text += f"| {what} | {name} | {rate:,.0f} | {rate / rates['plain lines']:.2f} |\n"
    floor = records / cost(["zstd", "-dqc", *packed], rounds).cpu_s
    return text + f"| floor: zstd -dc | segments | {floor:,.0f} | |\n"
