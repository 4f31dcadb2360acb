# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump why: verdicts of archives, segments and both, in text and JSON.

usage: cli_why.py TCPINFO-DUMP GOLDEN CORPUS
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, UUID, archive, metadata, record, with_fields, write

DUMP = os.path.abspath(sys.argv[1])
CSV = Path(DUMP).with_name("tcpinfo-csv")
GOLDEN, CORPUS = map(Path, sys.argv[2:4])
OTHER = UUID[:-2] + "CD"
CAUSES = {
    "application", "peer_window", "peer_reads_slowly", "send_buffer", "receive_autotuning",
    "shaped_bottleneck", "bufferbloat", "policer", "random_loss", "ecn", "pacing_cap",
    "slow_start_never_left", "slow_start_left_early", "bbr_phase", "rto_stall", "tail_loss",
    "spurious_rto", "reordering", "delayed_ack_nagle", "handshake", "mtu_hole", "host_drops",
    "congested_path", "none", "cannot_tell"}


def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([DUMP, "why", *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, timeout=60, check=False)


def told(*arguments: str | Path, status: int = 0) -> list[dict]:
    done = run("--json", *arguments)
    check(done.returncode == status, f"{arguments}: {done}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def limited(cookie: int, first: int = 0, count: int = 20, end: bool = True) -> str:
    """Records of a connection whose peer's window is full 80 % of its busy time, 0.1 s apart."""
    lines = ""
    for i in range(first, first + count):
        last = end and i == first + count - 1
        lines += with_fields(
            record(i / 10, cookie=cookie, sent=40_000 * i, acked=40_000 * i, rtt=20_000,
                   state=CLOSE if last else 1),
            snd_mss=1448, snd_wnd=30_000, busy_time=100_000 * i, rwnd_limited=80_000 * i)
    return lines


def with_port(text: str, dport: int) -> str:
    """The same records with another port of the other end."""
    lines = ""
    for line in text.splitlines():
        said = json.loads(line)
        ends = bytearray(base64.b64decode(said["RawIDM"]))
        ends[6:8] = struct.pack(">H", dport)
        said["RawIDM"] = base64.b64encode(ends).decode()
        lines += json.dumps(said, separators=(",", ":")) + "\n"
    return lines


def sums(verdict: dict) -> None:
    total = sum(verdict["seconds"].values())
    check(abs(total - verdict["duration_s"]) < 0.001, f"seconds of {verdict}")
    at = 0.0
    for phase in verdict["phases"]:
        check(phase["begin_s"] == at and phase["end_s"] >= at, f"phases of {verdict}")
        at = phase["end_s"]
        check(phase["cause"] in CAUSES and phase["sentence"] and 0 <= phase["share"] <= 1,
              f"phase {phase}")
        for proof in phase["evidence"]:
            check(set(proof) == {"field", "value", "unit", "at_s", "why"}, f"evidence {proof}")
    check(not verdict["phases"] or abs(at - verdict["duration_s"]) < 1e-6, f"end of {verdict}")
    check(verdict["cause"] in CAUSES and verdict["view"] in ("sender", "receiver"), f"{verdict}")


def test_one(folder: Path) -> None:
    path = archive(folder, 0, metadata() + limited(0xAB))
    verdict, = told(path)
    sums(verdict)
    check((verdict["uuid"], verdict["view"], verdict["cause"], verdict["duration_s"])
          == (UUID, "sender", "peer_window", 1.9), f"{verdict}")
    check((verdict["local"], verdict["remote"]) == ("192.0.2.1:443", "198.51.100.9:5201"),
          f"{verdict}")
    check(verdict["seconds"] == {"peer_window": 1.9} and verdict["share"] == 1, f"{verdict}")
    proof = {e["field"]: (e["value"], e["unit"]) for e in verdict["phases"][0]["evidence"]}
    check(proof["tcpi_rwnd_limited"] == (1_520_000, "us"), f"{proof}")
    text = run(path)
    check(text.returncode == 0 and not text.stderr and "peer_window: 100 % of 1.90 s" in text.stdout
          and "tcpi_snd_wnd 30000 bytes" in text.stdout and UUID in text.stdout
          and "\x1b" not in text.stdout, f"{text}")
    check("\x1b[1m" in run("--color", "always", path).stdout, "colour")
    piped = run("--json", stdin=path.read_text())
    check(json.loads(piped.stdout) == verdict, f"{piped}")


def test_files_together(folder: Path) -> None:
    """Two files of one connection, another one, as archives, as a segment and mixed."""
    day = folder / "2023/11/14"
    day.mkdir(parents=True)
    archive(day, 0, metadata() + limited(0xAB, 0, 10, end=False))
    archive(day, 1, metadata(1) + limited(0xAB, 10, 10))
    archive(day, 0, metadata(0, OTHER) + limited(0xCD), OTHER)
    both = told(folder)
    check([v["uuid"] for v in both] == [UUID, OTHER], f"{both}")
    check(all(v["cause"] == "peer_window" and v["duration_s"] == 1.9 for v in both), f"{both}")
    check(told("-j", "3", folder) == both, "several threads")
    check(told("--limit", "1", folder) == both[:1], "limit")
    check(told(folder, OTHER) == both[1:], "by UUID")
    check(told(folder, "00000000000000CD") == both[1:], "by cookie")
    check(told("--uuid", OTHER, folder) == both[1:], "by --uuid")
    part, = told("--until", "2023-11-14T22:13:21Z", "--uuid", "AB", folder)
    check(part["duration_s"] == 0.9, f"{part}")
    packed = folder / "packed"
    done = subprocess.run([DUMP, "pack", str(day), "-o", str(packed)], capture_output=True,
                          text=True, timeout=60, check=False)
    check(done.returncode == 0, f"{done}")
    segment = next(packed.rglob("*.tcpseg.zst"))
    check(told(segment) == both, "of a segment")
    mixed = folder / "mixed"
    mixed.mkdir()
    segment.rename(mixed / segment.name)
    third = UUID[:-2] + "EF"
    archive(mixed, 0, metadata(0, third) + limited(0xEF), third)
    check([v["uuid"] for v in told(mixed)] == [UUID, OTHER, third], "of both")


def test_named(folder: Path) -> None:
    """An argument that names a connection, as with get: whatever it is named by, before the path or
    behind it."""
    archive(folder, 0, metadata() + with_port(limited(0xAB), 40171))
    archive(folder, 0, metadata(0, OTHER) + with_port(limited(0xCD), 40205), OTHER)
    both = told(folder)
    check(len(both) == 2, f"{both}")
    for name in ([UUID], ["171"], ["0xAB"], ["sk:ab"], ["00000000000000ab"],
                 ["192.0.2.1:443-198.51.100.9:40171"], ["198.51.100.9:40171 192.0.2.1:443"],
                 ["192.0.2.1:443", "198.51.100.9:40171"],
                 ["[::ffff:192.0.2.1]:443", "[::ffff:198.51.100.9]:40171"]):
        for arguments in ([*name, folder], [folder, *name]):
            check(told(*arguments) == both[:1], f"{arguments}")
        done = run(*name, stdin=(folder / f"{UUID}.00000.jsonl").read_text())
        check(done.returncode == 2 and "is looked for in" in done.stderr and not done.stdout,
              f"no path: {done}")
    text = "".join(path.read_text() for path in sorted(folder.iterdir()))
    done = run("--json", "205", "-", stdin=text)
    check([json.loads(line) for line in done.stdout.splitlines()] == both[1:], f"{done}")
    check(told(UUID, "192.0.2.1:443-198.51.100.9:40205", folder) == both, "two of them")
    # The end of an aborted connection has no port any more, and stands in a file of its own.
    parted = folder / "parted"
    parted.mkdir()
    archive(parted, 0, metadata() + with_port(limited(0xAB, 0, 20, end=False), 40171))
    archive(parted, 1, metadata(1) + with_port(limited(0xAB, 20, 1), 0))
    check([v["duration_s"] for v in told("192.0.2.1:443-198.51.100.9:40171", parted)] == [2],
          "a lost port")
    shutil.rmtree(parted)
    for name in ("172", "0xAC", "192.0.2.1:443-198.51.100.9:40172"):
        done = run(name, folder)
        check((done.returncode, done.stdout) == (1, "")
              and done.stderr == f"tcpinfo-dump: no connection '{name}' was found\n", f"{done}")
    done = run("171", "192.0.2.1:443-198.51.100.9:1", "--json", folder)
    check(done.returncode == 1 and done.stderr.count("\n") == 1
          and [json.loads(line) for line in done.stdout.splitlines()] == both[:1], f"{done}")
    for arguments in (["192.0.2.1:443", folder], [folder, "192.0.2.1:443"]):
        done = run(*arguments)
        check(done.returncode == 2 and "the other one is missing" in done.stderr, f"{done}")
    # What exists is a file.
    inside = folder / "171"
    inside.write_text(metadata(0, OTHER) + with_port(limited(0xCD), 40205))
    done = subprocess.run([DUMP, "why", "--json", "171"], cwd=folder, capture_output=True,
                          text=True, timeout=60, check=False)
    check([json.loads(line) for line in done.stdout.splitlines()] == both[1:], f"{done}")


def test_column(folder: Path) -> None:
    """ls and csv --connections have the cause: of all rules where they are asked for, else of the
    clock that goes with the records, which for this one comes to the same."""
    path = archive(folder, 0, metadata() + limited(0xAB))

    def ls(*arguments: str) -> str:
        done = subprocess.run([DUMP, "ls", *arguments, str(path)], capture_output=True, text=True,
                              timeout=60, check=False)
        check(done.returncode == 0 and not done.stderr, f"ls {arguments}: {done}")
        return done.stdout

    check(json.loads(ls("--why", "--json"))["why"] == "peer_window", "ls --why --json")
    row = json.loads(ls("--json"))
    check(row["why"] == "peer_window" and 50 < row["why_percent"] <= 100, f"ls --json: {row}")
    check(ls("--why", "--csv", "--columns", "why") == "why\npeer_window\n", "ls --csv --columns")
    check(ls("--csv", "--columns", "why") == "why\npeer_window\n", "ls --columns without --why")
    check("peer_window" in ls("--why") and "peer_window" in ls(), "ls as text")

    def csv(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([CSV, "--connections", *arguments, str(path)],
                              capture_output=True, text=True, timeout=60, check=False)

    for arguments in ((), ("--why",)):
        done = csv("--format", "jsonl", *arguments)
        row = json.loads(done.stdout)
        check(done.returncode == 0 and row["why"] == "peer_window" and 0.5 < row["why_share"] <= 1,
              f"csv {arguments}: {done}")
    verdict, = told(path)
    check(row["why_share"] == round(verdict["share"], 3), f"csv --why: {row}, {verdict}")
    one = archive(folder, 0, metadata(0, OTHER) + limited(0xCD, 0, 1), OTHER)
    done = subprocess.run([CSV, "--connections", "--columns", "why*", one],
                          capture_output=True, text=True, timeout=60, check=False)
    check(done.stdout == "why,why_share\n,\n", f"csv of one record: {done}")


def test_trouble(folder: Path) -> None:
    done = run(folder / "absent.jsonl")
    check(done.returncode == 1 and "absent.jsonl" in done.stderr, f"{done}")
    path = archive(folder, 0, metadata() + limited(0xAB))
    done = run(path, OTHER)
    check(done.returncode == 1 and OTHER in done.stderr and not done.stdout, f"{done}")
    bad = write(folder, "bad.jsonl", metadata() + limited(0xAB, 0, 5, end=False) + "{\n"
                + limited(0xAB, 5, 15))
    done = run("--json", bad)
    check(done.returncode == 1 and "bad.jsonl:7:" in done.stderr
          and json.loads(done.stdout)["duration_s"] == 1.9, f"{done}")
    late = write(folder, "late.jsonl", metadata() + limited(0xAB, 0, 5, end=False)
                 + limited(0xAB, 2, 1, end=False) + limited(0xAB, 5, 15))
    done = run("--json", late)
    check(done.returncode == 1 and "1 records came after later ones" in done.stderr
          and json.loads(done.stdout)["duration_s"] == 1.9, f"{done}")
    for arguments in (["--csv"], ["--limit", "-1"], ["--every", "1s"], ["--time", "never"]):
        done = run(*arguments, path)
        check(done.returncode == 2 and done.stderr.count("\n") == 1, f"{arguments}: {done}")


def test_real() -> None:
    """Whatever kernel recorded it: the parts of each verdict add up."""
    paths = [GOLDEN / "own", GOLDEN / "segments"] + [p for p in (CORPUS / "mlab", CORPUS / "own")
                                                      if p.is_dir()]
    found = 0
    for path in paths:
        for line in run("--json", path).stdout.splitlines():
            found += 1
            sums(json.loads(line))
    check(found > 0, "verdicts of recorded files")


def main() -> None:
    for test in (test_one, test_files_together, test_named, test_column, test_trouble):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    test_real()
    finish()


main()
