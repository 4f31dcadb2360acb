# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-csv: its formats, its filters, and what it does with input in any condition.

usage: cli_csv.py TCPINFO_CSV GOLDEN CORPUS
"""

from __future__ import annotations

import base64
import csv
import fcntl
import io
import json
import os
import pty
import re
import resource
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

from checks import check, finish

CSV = sys.argv[1]
GOLDEN, CORPUS = Path(sys.argv[2]), Path(sys.argv[3])
UUID = "test_1700000000_0000000000000007"
MEMORY_LIMIT_KIB = 64 << 10



def run(*flags: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([CSV, *map(str, flags)], input=given, capture_output=True, timeout=60,
                          check=False, **({} if given is not None
                                          else {"stdin": subprocess.DEVNULL}))


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout


# --- made-up archives ---------------------------------------------------------------------------

def metadata(uuid: str = UUID, **more: object) -> bytes:
    inner = {"UUID": uuid, "Sequence": 3, "StartTime": "2023-11-14T22:13:20Z", **more}
    return line({"Timestamp": "0001-01-01T00:00:00Z", "Metadata": inner})


def line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def idm(state: int = 1, sport: int = 1000, dport: int = 443, cookie: int = 7) -> bytes:
    return struct.pack("=BBBB2s2s16s16sIIIIIIII", 2, state, 0, 0, sport.to_bytes(2, "big"),
                       dport.to_bytes(2, "big"), bytes([192, 0, 2, 1]), bytes([198, 51, 100, 9]),
                       0, cookie & 0xffffffff, cookie >> 32, 0, 0, 0, 0, 0)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def info(rtt: int, length: int = 280) -> bytes:
    return (bytes(68) + struct.pack("=I", rtt) + bytes(300))[:length]


def record(second: float, rtt: int = 5, state: int = 1, attributes: dict[int, bytes] | None = None,
           poll: int | None = None, **ends: int) -> bytes:
    present = {2: info(rtt)} if attributes is None else attributes
    listed = [b64(present[t]) if t in present else None for t in range(max(present, default=0) + 1)]
    value: dict[str, object] = {
        "Timestamp": f"2023-11-14T22:14:{second:09.6f}".rstrip("0").rstrip(".") + "Z",
        "RawIDM": b64(idm(state, **ends)), "Attributes": listed}
    if poll is not None:
        value["Poll"] = poll
    return line(value)


def rtts(output: bytes) -> list[str]:
    return [row["rtt_us"] for row in csv.DictReader(io.StringIO(output.decode()))]


# --- compat -------------------------------------------------------------------------------------

def compat() -> None:
    pairs = [(one, one.with_suffix(".jsonl")) for one in sorted((GOLDEN / "own").glob("*.csv"))]
    mlab = sorted((CORPUS / "mlab").glob("*.csv"))
    pairs += [(one, one.with_name(one.stem + ".jsonl.zst")) for one in mlab]
    if not mlab:
        print(f"SKIPPED: {CORPUS / 'mlab'} is not here; {len(pairs)} golden tables are compared")
    for expected, archive in pairs:
        content = archive.read_bytes()
        plain = content if archive.suffix == ".jsonl" else subprocess.run(
            ["zstd", "-dqc", archive], capture_output=True, check=True).stdout
        ways = {"file": run("--compat=mlab", archive),
                "standard input": run("--compat=mlab", given=content),
                "standard input, plain": run("--compat=mlab", "-", given=plain),
                "standard input, zstd": run("--compat=mlab", given=zstd(plain))}
        for way, done in ways.items():
            check(done.stdout == expected.read_bytes(), f"{archive.name} from {way}: other bytes")
            check(done.returncode == 0 and not done.stderr,
                  f"{archive.name} from {way}: {done.returncode} {done.stderr!r}")


# --- damage -------------------------------------------------------------------------------------

def damage_cases() -> dict[str, tuple[bytes, list[str], list[str], str]]:
    """Name: content, RTTs of the rows, lines on stderr after the file's name, name's ending."""
    first, second, third = record(1, 11), record(2, 12), record(3, 13)
    good = metadata() + first + second + third
    packed = zstd(good)
    # Two frames, the second one cut: what of it decodes comes from its blocks.
    cut = zstd(metadata() + first) + zstd(second + third)[:-7]
    short_idm = line({"Timestamp": "2023-11-14T22:14:02Z", "RawIDM": b64(bytes(71)),
                      "Attributes": [None]})
    bad_text = second.replace(b'"RawIDM":"', b'"RawIDM":"*')
    broken = bytearray(zstd(second))
    broken[-1] ^= 1  # of the checksum: what the frame holds has been printed by then
    no_message = line({"Timestamp": "2023-11-14T22:14:02Z", "Attributes": [None]})
    long_line = b'{"Timestamp":"' + b"x" * (10 << 20) + b'"}\n'
    return {
        "whole": (good, ["11", "12", "13"], [], ".jsonl"),
        "whole_zstd": (packed, ["11", "12", "13"], [], ".jsonl.zst"),
        "two_frames": (zstd(metadata() + first) + zstd(second + third), ["11", "12", "13"], [],
                       ".jsonl.zst"),
        "empty": (b"", [], [":1: empty: no record at all"], ".jsonl"),
        "empty_zstd": (b"", [], [":1: empty: no record at all"], ".jsonl.zst"),
        "cut_frame": (cut, ["11"], ["input ends inside a zstd frame"], ".jsonl.zst"),
        "damaged_frame": (zstd(metadata() + first) + bytes(broken) + zstd(third),
                          ["11", "12", "13"],
                          ["wrong checksum of a zstd frame: its records are not to be trusted"],
                          ".jsonl.zst"),
        "cut_then_whole": (zstd(good)[:-9] + zstd(metadata() + third), ["13"],
                           ["corrupt zstd frame"], ".jsonl.zst"),
        "no_message": (metadata() + first + no_message + third, ["11", "13"],
                       [":3: neither a message nor metadata"], ".jsonl"),
        "cut_line": (good[:-20], ["11", "12"], [":4: last line is cut off"], ".jsonl"),
        "no_newline": (good[:-1], ["11", "12", "13"], [], ".jsonl"),
        "garbage": (metadata() + first + b"!garbage{\n" + third, ["11", "13"],
                    [":3: not a JSON record"], ".jsonl"),
        "blank": (metadata() + first + b"\n \n" + third, ["11", "13"], [], ".jsonl"),
        "crlf": (good.replace(b"\n", b"\r\n"), ["11", "12", "13"], [], ".jsonl"),
        "long_line": (metadata() + first + long_line + third, ["11", "13"],
                      [":3: line too long"], ".jsonl"),
        "bad_base64": (metadata() + first + bad_text + third, ["11", "13"],
                       [":3: bad base64"], ".jsonl"),
        "short_idm": (metadata() + short_idm + third, ["13"], [":2: RawIDM"], ".jsonl"),
        "longer": (metadata() + record(1, attributes={2: info(21, 300)}), ["21"], [], ".jsonl"),
        "shorter": (metadata() + record(1, attributes={2: info(22, 72)}), ["22"], [], ".jsonl"),
        "cut_field": (metadata() + record(1, attributes={2: info(23, 74)}), ["23"],
                      [":2: attribute info ends inside a field"], ".jsonl"),
        "unknown": (metadata() + record(1, attributes={2: info(24), 60: b"new"}), ["24"], [],
                    ".jsonl"),
        "noise": (bytes(range(128, 256)) * 4, [], [":1: last line is cut off"], ".jsonl"),
    }


def damage(folder: Path) -> None:
    for name, (content, rows, complaints, ending) in damage_cases().items():
        path = folder / (name + ending)
        path.write_bytes(content)
        for how, file, done in (("file", str(path), run(path)),
                                ("standard input", "(standard input)", run(given=content))):
            what = f"{name} from {how}"
            check(rtts(done.stdout) == rows, f"{what}: rows {rtts(done.stdout)}, not {rows}")
            check(done.returncode == (1 if complaints else 0), f"{what}: status {done.returncode}")
            said = done.stderr.decode().splitlines()
            check(len(said) == len(complaints), f"{what}: says {said}")
            for text, expected in zip(said, complaints):
                check(text.startswith(file + ":") and expected in text, f"{what}: says {text!r}")
        strict = run("--strict", path)
        check(strict.returncode == (1 if complaints else 0), f"{name}: strict {strict.returncode}")
    bad = folder / "garbage.jsonl"
    strict = run("--strict", bad)
    check(rtts(strict.stdout) == ["11"], f"strict goes on: {rtts(strict.stdout)}")
    check(len(strict.stderr.splitlines()) == 1, f"strict says {strict.stderr!r}")
    missing = run(folder / "missing.jsonl", folder / "whole.jsonl")
    check(rtts(missing.stdout) == ["11", "12", "13"] and missing.returncode == 1
          and b"missing.jsonl: No such file" in missing.stderr, f"missing file: {missing.stderr!r}")


def order(folder: Path) -> None:
    """Many files, some damaged, by many workers: the same bytes and the same complaints."""
    root = folder / "many"
    for i in range(40):
        path = root / f"{i % 4:02}" / f"{i:03}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = b"".join(record(s, rtt=1000 * i + s) for s in range(40))
        path.write_bytes(metadata(f"u{i}_0000000000000001") + rows
                         + (b"garbage\n" if i % 5 == 0 else b""))
    one, many = run(root), run("-j", "7", root)
    check(one.stdout == many.stdout and one.stdout.count(b"\n") == 1601, "order of rows with -j")
    check(one.stderr == many.stderr and one.stderr.count(b"\n") == 8, "order of complaints with -j")
    check(one.returncode == many.returncode == 1, "status with -j")
    strict = [run("--strict", "-j", jobs, root) for jobs in ("1", "7")]
    check(strict[0].stdout == strict[1].stdout and strict[0].stderr == strict[1].stderr
          and strict[0].returncode == 1, "--strict with -j")


# --- formats, columns, filters ------------------------------------------------------------------

def formats(folder: Path) -> None:
    path = folder / "format.jsonl"
    path.write_bytes(metadata() + record(1.5, 0, attributes={2: info(7), 4: b'a,"\tb\0'}, poll=12)
                     + record(2, attributes={1: bytes(16)}))
    columns = "uuid,sequence,timestamp,poll,src,dport,state,rtt_us,cong"
    start = f"{UUID},3,2023-11-14T22:14:01.5Z,12,192.0.2.1,443,ESTABLISHED,7,"
    rows = run("--columns", columns, path).stdout.decode()
    check(rows == f'{columns}\n{start}"a,""\tb"\n'
          f"{UUID},3,2023-11-14T22:14:02Z,,192.0.2.1,443,ESTABLISHED,,\n", f"csv: {rows!r}")
    tabs = run("--columns", columns, "--format", "tsv", path).stdout.decode().splitlines()
    check(tabs[1] == start.replace(",", "\t") + 'a,"\\tb', f"tsv: {tabs[1]!r}")
    objects = [json.loads(text) for text in
               run("--columns", columns, "--format", "jsonl", path).stdout.splitlines()]
    check(objects[0] == {"uuid": UUID, "sequence": 3, "timestamp": "2023-11-14T22:14:01.5Z",
                         "poll": 12, "src": "192.0.2.1", "dport": 443, "state": "ESTABLISHED",
                         "rtt_us": 7, "cong": 'a,"\tb'}, f"jsonl: {objects[0]}")
    check("poll" not in objects[1] and "rtt_us" not in objects[1], f"jsonl: {objects[1]}")
    epoch = run("--columns", "timestamp", "--time", "epoch", path).stdout
    check(epoch == b"timestamp\n1700000041.5\n1700000042\n", f"epoch: {epoch!r}")
    offset = record(1).replace(b"22:14:01Z", b"18:14:01-04:00")
    for style, text in (("utc", b"2023-11-14T22:14:01Z"), ("as-is", b"2023-11-14T18:14:01-04:00")):
        out = run("--columns", "timestamp", "--time", style, given=offset).stdout
        check(out == b"timestamp\n" + text + b"\n", f"--time {style}: {out!r}")
    whole = csv.DictReader(io.StringIO(run(path).stdout.decode()))
    names = run("--list-columns").stdout.decode().splitlines()
    check([n.split("\t")[0] for n in names[1:]] == whole.fieldnames, "--list-columns and header")
    check(all(n.count("\t") == 4 for n in names), "--list-columns has five columns")
    sentinel = bytes(148) + b"\xff" * 4
    kept = [run("--columns", "min_rtt_us", "--sentinels", how,
                given=record(1, attributes={2: sentinel})).stdout for how in ("empty", "keep")]
    check(kept == [b"min_rtt_us\n\n", b"min_rtt_us\n4294967295\n"], f"sentinels: {kept}")


def tables(folder: Path) -> None:
    """--ddl: SQLite is at hand, and takes every value; the others' tables are checked by name, and
    by `./dev check tables`."""
    path = folder / "tables.jsonl"
    path.write_bytes(metadata() + record(1, rtt=7, cookie=2**64 - 3)
                     + record(2, attributes={}, cookie=2**63 - 1))
    names = [n.split("\t")[0] for n in run("--list-columns").stdout.decode().splitlines()[1:]]
    for database in ("postgresql", "duckdb", "clickhouse", "bigquery", "sqlite",
                     "clickhouse-plain"):
        sql = run("--ddl", database).stdout.decode()
        columns = re.findall(r"^  (\w+)\b.*$", sql.partition("\n)")[0], re.MULTILINE)
        check(columns == names, f"--ddl {database}: {len(columns)} of {len(names)} columns")
        few = run("--ddl", database, "--columns", "rtt_us,uuid").stdout.decode()
        check(re.findall(r"^  (\w+)\b.*$", few.partition("\n)")[0], re.MULTILINE)
              == ["rtt_us", "uuid"], f"--ddl {database} --columns")
        check("timestamp" not in few, f"--ddl {database} --columns: keys of columns that are there")
    plain = run("--ddl", "clickhouse-plain", "--time", "epoch").stdout.decode()
    check("  timestamp Decimal(20, 9),  --" in plain, "--ddl clickhouse-plain --time epoch")
    for newer in ("COMMENT", "LowCardinality", "Bool", "DateTime64", "PARTITION"):
        check(newer not in plain, f"--ddl clickhouse-plain has {newer}")
    check(run("--ddl", "oracle").returncode == 2, "--ddl of an unknown database")
    check(run("--ddl", "").returncode == 2, "--ddl of none")
    check(run("--ddl", "sqlite", "--compat", "mlab").returncode == 2, "--ddl and --compat")
    with sqlite3.connect(":memory:") as database:
        database.executescript(run("--ddl", "sqlite").stdout.decode())
        rows = list(csv.reader(io.StringIO(run(path).stdout.decode())))
        places = ",".join("?" * len(names))
        for row in rows[1:]:
            database.execute(f"insert into tcpinfo_csv values ({places})", row)
        got = database.execute("select uuid, rtt_us, poll, cookie, typeof(cookie) from tcpinfo")
        check(got.fetchall() == [(UUID, 7, None, str(2**64 - 3), "text"),
                                 (UUID, None, None, 2**63 - 1, "integer")],
              "SQLite: each value, or none")


def filters(folder: Path) -> None:
    path = folder / "filter.jsonl"
    path.write_bytes(metadata() + b"".join(
        record(s, rtt=s, state=4 if s >= 7 else 1) for s in range(10)))
    for flags, expected in {
        ("--since", "2023-11-14T22:14:08Z"): "89",
        ("--until", "2023-11-14T22:14:02Z"): "01",
        ("--every", "4s"): "0479",
        ("--every", "1h"): "079",
        ("--state", "fin-wait1"): "789",
        ("--port", "443"): "0123456789",
        ("--sport", "443"): "",
        ("--host", "198.51.100.0/24"): "0123456789",
        ("--src", "198.51.100.0/24"): "",
        ("--uuid", UUID): "0123456789",
    }.items():
        done = run(*flags, path)
        check("".join(rtts(done.stdout)) == expected and done.returncode == 0,
              f"{flags}: {rtts(done.stdout)}, not {expected}")
    done = run("--uuid", "other", path)
    check(rtts(done.stdout) == [] and done.returncode == 1 and done.stderr
          == b"tcpinfo-csv: no connection 'other' was found\n", f"--uuid other: {done}")
    compat_rows = run("--compat=mlab", "--since", "2023-11-14T22:14:08Z", path).stdout
    check(compat_rows.count(b"\n") == 4, "filters hold in compat output; metadata rows stay")


# --- output -------------------------------------------------------------------------------------

def walk(folder: Path) -> None:
    """A spool that is being written, and what cannot be looked at."""
    spool = folder / "spool"
    spool.mkdir()
    with open(spool / "a.jsonl", "wb") as first:
        first.write(metadata())
        for _ in range(200):
            first.write(b"".join(record(s, s) for s in range(50)))
    (spool / "b.jsonl.part").write_bytes(metadata() + record(1, 77))
    with subprocess.Popen([CSV, "--columns", "rtt_us", spool], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, bufsize=0) as p:
        # It has listed the folder, and waits for its reader in the first file.
        begin = p.stdout.read(1000)
        (spool / "b.jsonl.part").rename(spool / "b.jsonl")
        rest, said = p.communicate()
    rows = (begin + rest).decode().splitlines()
    check(p.returncode == 0 and not said and rows[-1] == "77" and len(rows) == 10_002,
          f"completed meanwhile: {p.returncode} {said!r}, {len(rows)} rows, the last {rows[-1]}")
    os.symlink(folder / "nowhere", spool / "c.jsonl")
    done = run("--columns", "rtt_us", spool)
    check(done.returncode == 1 and b"c.jsonl: No such file" in done.stderr,
          f"a link to nothing: {done.returncode} {done.stderr!r}")

    # The record after a garbled metadata record is not that of the archive before.
    other = UUID[:-1] + "8"
    text = metadata() + record(1, 1) + metadata(other)[:40] + b"\n" + record(2, 2, cookie=8)
    done = run("--columns", "uuid,rtt_us", given=text)
    check(done.stdout.decode().splitlines()[1:] == [f"{UUID},1", "0000000000000008,2"]
          and done.returncode == 1, f"a garbled metadata record: {done.stdout!r}")


def output(folder: Path) -> None:
    archive = folder / "out.jsonl"
    archive.write_bytes(metadata() + record(1, 5))
    to = folder / "table.csv"
    to.write_text("old")
    done = run("-o", to, "--columns", "rtt_us", archive)
    check(done.returncode == 0 and to.read_text() == "rtt_us\n5\n" and not done.stdout, "-o")
    broken = folder / "broken.jsonl"
    broken.write_bytes(metadata() + record(1, 6) + b"garbage\n")
    run("-o", to, "--columns", "rtt_us", broken)
    check(to.read_text() == "rtt_us\n6\n", "-o holds every good row")
    run("--strict", "-o", to, "--columns", "rtt_us", archive, broken)
    check(to.read_text() == "rtt_us\n6\n", "-o with --strict leaves what was there")
    check(not list(folder.glob("table.csv.*")), "-o leaves nothing beside")
    check(run("-o", folder / "none" / "x.csv", archive).returncode == 2, "-o that cannot be made")
    # Links stay, also those that point to nothing yet.
    (folder / "deep").mkdir()
    (folder / "link").symlink_to("deep/../deep/made.csv")
    (folder / "link to link").symlink_to(folder / "link")
    for _ in range(2):
        done = run("-o", folder / "link to link", "--columns", "rtt_us", archive)
        check(done.returncode == 0 and (folder / "deep/made.csv").read_text() == "rtt_us\n5\n"
              and (folder / "link").is_symlink() and (folder / "link to link").is_symlink(),
              f"-o LINK: {done}")
    done = run("-o", "/dev/stdout", "--columns", "rtt_us", archive)
    check(done.returncode == 0 and done.stdout == b"rtt_us\n5\n", f"-o /dev/stdout: {done}")
    (folder / "loop").symlink_to("loop")
    done = run("-o", folder / "loop", archive)
    check(done.returncode == 2 and b"symbolic links" in done.stderr, f"-o to a loop: {done}")
    if os.environ.get("TCPINFO_SANITIZED") != "1":
        many = folder / "many.jsonl"
        many.write_bytes(metadata("x") + b"".join(record(1, 1, cookie=n) for n in range(20_000)))
        command = f"ulimit -v 33000; '{CSV}' --every 1h -o {to} {many}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
        check(done.returncode == 0 or to.read_text() == "rtt_us\n6\n",
              f"-o without memory: {done.returncode} {done.stderr!r}")
    with subprocess.Popen([CSV, GOLDEN / "own"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as p:
        p.stdout.close()
        said = p.stderr.read()
    check(p.returncode in (0, 1) and b"Broken" not in said, f"closed pipe: {p.returncode} {said!r}")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([CSV, archive], stdout=full, stderr=subprocess.PIPE, check=False)
        check(done.returncode == 1 and b"No space left" in done.stderr, f"full: {done.stderr!r}")


def screen(written: bytes) -> list[str]:
    """What stands on a terminal in the end."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[K|[\r\n]|[^\r\n\x1b]+", written.decode()):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part):]
            column += len(part)
    return lines


def on_terminal(columns: int, *flags: str | Path) -> tuple[int, bytes, bytes]:
    """Exit status, rows, and what came to the terminal that is standard error. The rows are not
    taken at once: so the work takes as long as it is to take, whatever the machine."""
    terminal, ours = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([CSV, *map(str, flags)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=ours) as child:
        os.close(ours)
        assert child.stdout is not None
        rows = b""
        begin = time.monotonic()
        while time.monotonic() < begin + 2.2:
            time.sleep(0.1)
            rows += os.read(child.stdout.fileno(), 40_000)
        rows += child.stdout.read()
    written = b""
    try:
        while piece := os.read(terminal, 65536):
            written += piece
    except OSError:  # what a terminal without a process says
        pass
    os.close(terminal)
    return child.returncode, rows, written


def progress(folder: Path) -> None:
    """Drawn on a terminal, in one line whatever its width, with faults in lines of their own; at
    the end it is gone."""
    good = b"".join(record(s, s) for s in range(50)) * 100
    faulty = record(1) + b"garbage\n" + record(2)
    for number, content in enumerate((good, faulty, good, good)):
        (folder / f"{number}.jsonl").write_bytes(metadata() + content)
    said = f"{folder}/1.jsonl:3: not a JSON record"
    full = re.compile(r"\d of 4 files  [\d.]+ of [\d.]+ MB  [\d,]+ rows/s  \S+ left")
    narrow = re.compile(r"\d/4  [\d.]+/[\d.]+MB  \d+k?/s  [\dhms]+")
    for columns, form in ((100, full), (40, narrow), (10, re.compile(r"\d/4  .*"))):
        status, rows, written = on_terminal(columns, folder)
        drawn = [one for one in re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", written.decode())
                 if one != said]
        check(status == 1 and rows.count(b"\n") == 3 * 5000 + 2 + 1, f"{columns} columns: rows")
        check(len(drawn) >= 3, f"{columns} columns: drawn {len(drawn)} times: {written!r}")
        for one in drawn:
            check(form.fullmatch(one) and len(one) < columns, f"{columns} columns: {one!r}")
        check(screen(written) == [said, ""], f"{columns} columns: left {screen(written)}")
        told = written.index(said.encode())
        check(b"\r" in written[:told] and screen(written[:told + len(said) + 20])[0] == said,
              f"{columns} columns: a fault while it is drawn: {written!r}")
    for flags in (["--no-progress"], ["-o", folder / "table"]):
        # Without it; and where the work is short.
        status, rows, written = (on_terminal(100, *flags, folder) if "-o" not in flags
                                 else on_terminal(100, *flags, folder / "0.jsonl"))
        check(b"\r" not in written.replace(b"\r\n", b""), f"{flags}: {written!r}")
    with subprocess.Popen([CSV, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        time.sleep(1.5)
        child.stdout.read()
        check(child.stderr.read().decode() == said + "\n", "progress on a pipe")


def usage() -> None:
    for flags, names in {
        ("--format", "xml"): "--format", ("--columns", "nope"): "nope", ("--time", "x"): "--time",
        ("--sentinels", "x"): "--sentinels", ("--jobs", "x"): "--jobs", ("-j", "1000"): "--jobs",
        ("--compat", "x"): "--compat", ("--compat=mlab", "--columns", "uuid"): "--columns",
        ("--compat=mlab", "--format", "csv"): "--format", ("--columns", ""): "--columns",
        ("--since", "x"): "--since", ("--nope",): "nope",
    }.items():
        done = run(*flags, GOLDEN)
        check(done.returncode == 2 and not done.stdout and done.stderr.count(b"\n") == 1
              and names.encode() in done.stderr, f"{flags}: {done.returncode} {done.stderr!r}")
    check(run("--help").returncode == 0 and run("--version").stdout.startswith(b"tcpinfo-csv "),
          "--help, --version")


# A process begins with the peak of the one that started it: one that is small does so.
MEASURE = """
import os, sys
with open(os.devnull, "wb") as nowhere:
    pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1), (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 2)])
    _, status, used = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss)
"""


def peak(*flags: str | Path) -> tuple[int, int]:
    """Exit status, and the most memory the process had, in KiB."""
    told = subprocess.run([sys.executable, "-ISc", MEASURE, CSV, *map(str, flags)],
                          capture_output=True, check=True, timeout=200).stdout
    status, used = map(int, told.split())
    return status, used


def memory(folder: Path) -> None:
    """Constant whatever the input: a large file, a line of 10 MB, the largest zstd window taken
    without asking."""
    large = folder / "large.jsonl"
    rows = b"".join(record(s, s) for s in range(50))
    with open(large, "wb") as out:
        out.write(metadata())
        for _ in range(2000):
            out.write(rows)
        out.write(b"x" * (10 << 20) + b"\n")
    packed = folder / "large.jsonl.zst"
    with open(large, "rb") as text, open(packed, "wb") as out:
        # From a pipe, so that no size is known and the window is what was asked for.
        with subprocess.Popen(["cat"], stdin=text, stdout=subprocess.PIPE) as cat:
            subprocess.run(["zstd", "-qc1", "--long=25"], stdin=cat.stdout, stdout=out, check=True)
    many = folder / "many.jsonl"
    with open(many, "wb") as out:
        for n in range(40_000):
            out.write(record(1, 1, cookie=n) + record(2, 2, cookie=n))
    for file, flags, expected in ((large, (), 1), (packed, (), 1), (many, ("--every", "1h"), 0)):
        status, used = peak(*flags, file)
        check(status == expected, f"{file.name}: status {status}, a line too long is a loss")
        if os.environ.get("TCPINFO_SANITIZED") != "1":
            check(used <= MEMORY_LIMIT_KIB, f"{file.name}: {used} KiB for 100,000 records")
            print(f"{file.name}: {used} KiB at most")
        file.unlink()


def window(folder: Path) -> None:
    """A frame that asks for more memory than the promise leaves is one fault that says what to do;
    one whose content is small asks for no more than that, whatever it was made with."""
    text = metadata() + record(1, 11) + record(2, 22)
    small = folder / "small.jsonl.zst"
    (folder / "small.jsonl").write_bytes(text)
    subprocess.run(["zstd", "-q19", "--long=27", str(folder / "small.jsonl")], check=True)
    done = run(small)
    check((done.returncode, done.stderr, rtts(done.stdout)) == (0, b"", ["11", "22"]),
          f"small content, --long=27: {done}")

    # From a pipe zstd knows no size, and the frame asks for the whole window.
    large = folder / "large.jsonl.zst"
    large.write_bytes(zstd(text) + subprocess.run(
        ["zstd", "-qc", "--long=27"], input=record(3, 33), capture_output=True, check=True).stdout)
    says = ("zstd frame needs a window of 128 MiB, more than 32 MiB; --max-window 128MiB allows it")
    done = run(large, small)
    check((done.returncode, done.stderr.decode()) == (1, f"{large}:3: {says}\n"),
          f"a window of 128 MiB: {done.returncode} {done.stderr!r}")
    check(rtts(done.stdout) == ["11", "22", "11", "22"], "what stands before it, and other files")
    done = run("--max-window", "128MiB", large)
    check((done.returncode, done.stderr, rtts(done.stdout)) == (0, b"", ["11", "22", "33"]),
          f"allowed: {done.returncode} {done.stderr!r}")
    done = run(given=subprocess.run(["zstd", "-qc", "--long=27"], input=text, capture_output=True,
                                    check=True).stdout)
    check((done.returncode, done.stderr.decode()) == (1, f"(standard input): {says}\n"),
          f"standard input: {done.returncode} {done.stderr!r}")
    for wrong in ("", "100MiB", "4GiB", "512", "x"):
        done = run("--max-window", wrong, large)
        check(done.returncode == 2 and b"--max-window: " in done.stderr and not done.stdout,
              f"--max-window '{wrong}': {done.returncode} {done.stderr!r}")


def main() -> None:
    if shutil.which("zstd") is None:
        print("SKIPPED: there is no `zstd` command")
        sys.exit(77)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    compat()
    in_folder: list[Callable[[Path], None]] = [damage, walk, order, formats, tables, filters,
                                               output, window]
    # Memory and speed of a tool that an emulator runs are the emulator's.
    if os.environ.get("TCPINFO_EMULATED") == "1":
        print("skipped: memory and progress, under an emulator")
    else:
        in_folder += [memory, progress]
    for test in in_folder:
        with tempfile.TemporaryDirectory() as scratch:
            test(Path(scratch))
    usage()
    finish()


main()
