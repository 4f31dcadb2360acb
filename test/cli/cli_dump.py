# SPDX-License-Identifier: Apache-2.0
"""The command line of tcpinfo-dump: what it prints, what it finds, what it refuses.

usage: cli_dump.py TCPINFO-DUMP GOLDEN [CORPUS]
"""

from __future__ import annotations

import base64
import csv
import datetime
import io
import json
import os
import pty
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import check, finish
from made_archives import (CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT2, UUID, archive, metadata,
                           record, time_text, write)

DUMP, GOLDEN = sys.argv[1], Path(sys.argv[2])
CORPUS = Path(sys.argv[3]) if len(sys.argv) > 3 else None



def run(*arguments: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None
        ) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([DUMP, *map(str, arguments)], input=stdin, capture_output=True,
                          timeout=60, check=False, env={**os.environ, **(env or {})})
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(),
                                       done.stderr.decode())


# --- Printing ---------------------------------------------------------------------------------

def test_print(folder: Path) -> None:
    path = archive(folder, 0, metadata() + record(0, 1) + record(1, 101, sent=5000, acked=5001)
                   + record(2, 201, state=CLOSE_WAIT, sent=5000, acked=5001, received=1))
    done = run(path)
    check(done.returncode == 0 and not done.stderr, f"print: {done.returncode} {done.stderr}")
    blocks = [l for l in done.stdout.splitlines() if not l.startswith("\t")]
    check(len(blocks) == 6, f"print: {len(blocks)} lines before a tab, not 6")
    check(f"2023-11-14T22:13:20Z {UUID} sequence:0 poll:1" in blocks, "print: the label")
    check(re.search(r"^CLOSE-WAIT +0 +0 +192\.0\.2\.1:443 +198\.51\.100\.9:5201 ", done.stdout,
                    re.MULTILINE), "print: the socket line")
    check(" cubic rtt:0.1/0 cwnd:10 bytes_sent:5000 bytes_acked:5001 " in done.stdout,
          "print: the words of ss")

    changes = run("--changes", path).stdout.splitlines()
    check(len(changes) == 3 + 2 + 2, f"--changes: {len(changes)} lines")
    check(changes[4].split() == ["bytes_sent:5000", "bytes_acked:5001"],
          f"--changes: {changes[4]!r}")
    check("state:CLOSE-WAIT" in changes[6] and "bytes_received:1" in changes[6],
          f"--changes: {changes[6]!r}")

    rows = [json.loads(l) for l in run("--json", path).stdout.splitlines()]
    check([r["poll"] for r in rows] == [1, 101, 201], "--json: polls")
    check(rows[2]["state"] == "CLOSE_WAIT" and rows[2]["bytes_acked"] == 5001
          and rows[2]["src"] == "192.0.2.1" and rows[2]["uuid"] == UUID
          and rows[2]["timestamp"] == "2023-11-14T22:13:22Z", "--json: values")
    check([json.loads(l)["timestamp"] for l in
           run("--json", "--time", "epoch", path).stdout.splitlines()][1] == 1700000001,
          "--time epoch")

    # What is carried over into a final record is no change, and is said.
    ended = archive(folder, 1, metadata(1, opened=0.5) + record(1, 301, sent=9, acked=10)
                    + record(3, state=CLOSE, sent=9, acked=10,
                             more={"Ended": time_text(2.5), "Carried": ["ID", "CONG", "LATER"],
                                   "Thinned": 3}))
    changes = run("--changes", ended).stdout.splitlines()
    check(changes[-2:] == [f"2023-11-14T22:13:23Z {UUID} sequence:1 ended:2023-11-14T22:13:22.5Z "
                           "carried:ID,CONG thinned:3", "\t state:UNCONN"],
          f"--changes at the end: {changes}")
    rows = [json.loads(l) for l in run("--json", ended).stdout.splitlines()]
    check([(r.get("opened"), r.get("ended"), r.get("carried"), r.get("thinned"))
           for r in rows]
          == [("2023-11-14T22:13:20.5Z", None, None, None),
              ("2023-11-14T22:13:20.5Z", "2023-11-14T22:13:22.5Z", "ID CONG", 3)],
          f"--json at the end: {rows}")

    check(run("--json", "-", stdin=path.read_bytes()).stdout == run("--json", path).stdout,
          "standard input is not read as the file is")
    for flags, count in ((["--state", "close-wait"], 1), (["--dport", "5201"], 3),
                         (["--port", "1"], 0), (["--dst", "198.51.100.0/24"], 3),
                         (["--src", "198.51.100.0/24"], 0), (["--uuid", "x", "--uuid", UUID], 3),
                         (["--since", "2023-11-14T22:13:21Z", "--until", "1700000002"], 1),
                         (["--every", "1h"], 2), (["--every", "1h", "--until", "1700000002"], 2)):
        got = len(run("--json", *flags, path).stdout.splitlines())
        check(got == count, f"{flags}: {got} snapshots, not {count}")


def test_no_colour(folder: Path) -> None:
    path = archive(folder, 0, metadata() + record(0, 1))
    check("\x1b" not in run(path).stdout, "colour where there is no terminal")

    def on_terminal(**env: str) -> bytes:
        master, slave = pty.openpty()
        with subprocess.Popen([DUMP, str(path)], stdout=slave, stdin=subprocess.DEVNULL,
                              env={**os.environ, "TERM": "xterm", **env}) as process:
            os.close(slave)
            text = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # how a terminal's end shows
                    break
                if not piece:
                    break
                text += piece
            process.wait(20)
        os.close(master)
        return text

    check(b"\x1b[" in on_terminal(NO_COLOR=""), "no colour on a terminal")
    check(b"\x1b[" not in on_terminal(NO_COLOR="1"), "colour in spite of NO_COLOR")


def test_closed_pipe(folder: Path) -> None:
    path = archive(folder, 0, metadata() + "".join(record(n / 100, n) for n in range(3000)))
    for command in ([], ["--json"], ["ls"], ["verify"]):
        with subprocess.Popen([DUMP, *command, str(path)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            assert process.stdout and process.stderr
            process.stdout.close()
            error = process.stderr.read()
            status = process.wait(30)
        check(status == 0 and error == b"", f"closed pipe: {command}: status {status}, {error!r}")


# --- ls ---------------------------------------------------------------------------------------

def test_ls(folder: Path) -> None:
    archive(folder, 0, metadata(0) + record(0, 1, rtt=300) + record(1, 2, sent=1000, acked=1001))
    archive(folder, 1, metadata(1) + record(10, 900, sent=8000, acked=8001, rtt=200)
            + record(12, 901, state=FIN_WAIT2, sent=8000, acked=8002, rtt=200)
            + record(12.5, state=CLOSE, sent=8000, acked=8002, rtt=200))
    other = UUID[:-2] + "CD"
    archive(folder, 0, metadata(0, other) + record(5, 500, cookie=0xCD, received=77)
            + record(6, state=CLOSE, dport=0, cookie=0xCD, received=77), other)
    done = run("ls", folder)
    lines = done.stdout.splitlines()
    check(done.returncode == 0 and len(lines) == 3, f"ls: {done}")
    check(len({len(l) - len(l.split()[-1]) for l in lines[1:]}) == 1, "ls: not aligned")

    rows = [json.loads(l) for l in run("ls", "--json", folder).stdout.splitlines()]
    check([r["uuid"] for r in rows] == [UUID, other] or
          [r["uuid"] for r in rows] == [other, UUID], "ls: connections")
    first = next(r for r in rows if r["uuid"] == UUID)
    expected = {"duration_s": 12.5, "local": "192.0.2.1:443", "remote": "198.51.100.9:5201",
                "state": "FIN_WAIT2", "closed": "fin_local", "sent_bytes": 8000,
                "received_bytes": 0, "retransmitted_percent": 0, "min_rtt_us": 100,
                "median_rtt_us": 200, "cong": "cubic", "snapshots": 5, "gaps": 0,
                "start": "2023-11-14T22:13:20Z"}
    for name, value in expected.items():
        check(first.get(name) == value, f"ls: {name} is {first.get(name)!r}, not {value!r}")
    check("opened" not in first and first["ended"] == "2023-11-14T22:13:32.5Z"
          and "OPENED" not in lines[0] and "ENDED" in lines[0], f"ls: life: {first} {lines[0]}")
    second = next(r for r in rows if r["uuid"] == other)
    check(second["closed"] == "aborted" and second["remote"] == "198.51.100.9:5201"
          and second["received_bytes"] == 77 and second["state"] == "ESTABLISHED",
          f"ls: aborted: {second}")

    table = list(csv.DictReader(io.StringIO(run("ls", "--csv", folder).stdout)))
    check(len(table) == 2 and {r["uuid"] for r in table} == {UUID, other}, "ls --csv")
    for flags, uuids in ((["--sort", "sent"], [other, UUID]),
                         (["--sort", "sent_bytes", "-r"], [UUID, other]),
                         (["--sort", "received", "--reverse"], [other, UUID])):
        done = run("ls", "--json", *flags, folder)
        got = [json.loads(l)["uuid"] for l in done.stdout.splitlines()]
        check(got == uuids, f"ls {flags}: {got}")
    check(len(run("ls", "--json", "--state", "FIN-WAIT-2", folder).stdout.splitlines()) == 1,
          "ls --state is the state at the end")


def test_ls_life(folder: Path) -> None:
    """One record, made when its socket was given up, a minute after its end."""
    archive(folder, 0, metadata(0, opened=1) + record(60, state=CLOSE, sent=9000, acked=9002,
                                                      more={"Ended": time_text(4)}))
    rows = [json.loads(l) for l in run("ls", "--json", folder).stdout.splitlines()]
    expected = {"start": "2023-11-14T22:13:21Z", "opened": "2023-11-14T22:13:21Z",
                "ended": "2023-11-14T22:13:24Z", "duration_s": 3, "mean_rate_bytes_per_s": 3000}
    check({name: rows[0].get(name) for name in expected} == expected, f"ls: life: {rows}")
    table = list(csv.DictReader(io.StringIO(run("ls", "--csv", folder).stdout)))
    check((table[0]["opened"], table[0]["ended"])
          == ("2023-11-14T22:13:21Z", "2023-11-14T22:13:24Z"), f"ls --csv: life: {table}")
    lines = run("ls", folder).stdout.splitlines()
    check(lines[0].split()[-2:] == ["OPENED", "ENDED"]
          and lines[1].split()[-2:] == ["2023-11-14T22:13:21.000Z", "2023-11-14T22:13:24.000Z"],
          f"ls: life: {lines}")
    check(run("ls", "--sort", "ended", folder).returncode == 0, "ls --sort ended")


def test_ls_times(folder: Path) -> None:
    """Times that are far off cost no other connection its line, and the order is that of time."""
    starts = {1: "20", 2: "20.5", 3: "20.52"}
    for cookie, second in starts.items():
        uuid = f"host_1700000000_unsafe_{cookie:016X}"
        archive(folder, 0, metadata(0, uuid).replace("22:13:20Z", f"22:13:{second}Z")
                + record(float(second), cookie=cookie), uuid)
    rows = [json.loads(l) for l in run("ls", "--json", folder).stdout.splitlines()]
    check([r["start"][17:-1] for r in rows] == ["20", "20.5", "20.52"],
          f"ls: not in the order of their start: {[r['start'] for r in rows]}")

    strange = folder / "strange"
    strange.mkdir()
    old = record(0).replace("2023-11-14T22:13:20Z", "1600-01-01T00:00:00Z")
    zero = record(0).replace("2023-11-14T22:13:20Z", "0001-01-01T00:00:00Z")
    archive(strange, 0, metadata(0).replace("2023", "2020") + zero + old)
    late = UUID[:-2] + "CD"
    archive(strange, 0, metadata(0, late).replace("2023-11-14T22:13:20Z",
                                                  "9999-12-31T23:59:59-01:00")
            + record(0, cookie=0xCD).replace("2023-11-14T22:13:20Z", "9999-12-31T23:59:59-01:00"),
            late)
    for flags in ([], ["--json"], ["--csv"]):
        done = run("ls", *flags, strange)
        lines = done.stdout.splitlines()
        check(done.returncode == 0 and len(lines) == (2 if flags == ["--json"] else 3),
              f"ls {flags} of strange times: {done}")


def test_ls_reused(folder: Path) -> None:
    """A socket that is connected again is another connection, whose UUID is the same."""
    archive(folder, 0, metadata(0) + record(0, sent=1000, acked=1001)
            + record(1, state=CLOSE, sent=1000, acked=1001))
    archive(folder, 1, metadata(1) + record(2, dport=80, sent=5, acked=6))
    rows = [json.loads(l) for l in run("ls", "--json", folder).stdout.splitlines()]
    got = [(r["remote"], r["sent_bytes"], r.get("closed")) for r in rows]
    check([one[:2] for one in got] == [("198.51.100.9:5201", 1000), ("198.51.100.9:80", 5)],
          f"ls: a socket used again: {got}")
    check(got[0][2] != "rst" and got[1][2] in (None, "open"), f"ls: how they ended: {got}")
    # A space in a name that is nobody's UUID parts nothing.
    spaced = folder / "spaced"
    spaced.mkdir()
    write(spaced, "old copy.jsonl", record(0, cookie=1, sent=1000, acked=1001)
          + record(1, cookie=1, state=CLOSE, sent=1000, acked=1001)
          + record(2, cookie=1, dport=80, sent=5, acked=6) + record(3, cookie=2)
          + record(4, cookie=1, dport=80, sent=7, acked=8))
    rows = [json.loads(l) for l in run("ls", "--json", spaced).stdout.splitlines()]
    check(len(rows) == 3, f"ls: a socket used again, a space in the name: {rows}")
    # The end of an aborted connection, alone in its file, has no remote port any more.
    alone = folder / "alone"
    alone.mkdir()
    archive(alone, 0, metadata(0) + record(0, received=77))
    archive(alone, 1, metadata(1) + record(30, state=CLOSE, dport=0, received=77))
    rows = [json.loads(l) for l in run("ls", "--json", "--dport", "5201", alone
                                       ).stdout.splitlines()]
    check(len(rows) == 1 and rows[0].get("closed") == "aborted" and rows[0]["snapshots"] == 2,
          f"ls --dport: {rows}")


def test_text(folder: Path) -> None:
    """Bytes that mean something to a terminal, or nothing in UTF-8, do no harm."""
    evil = base64.b64encode(b"x\x1b[31m\nEVIL\0").decode()
    cubic = base64.b64encode(b"cubic\0").decode()
    path = write(folder, "caf\udce9.jsonl", record(0).replace(cubic, evil))
    done = subprocess.run([DUMP, path], capture_output=True, check=False)
    check(done.returncode == 0 and b"\x1b" not in done.stdout and b"\nEVIL" not in done.stdout,
          f"text: {done.stdout!r}")
    for command in (["--json"], ["ls", "--json"]):
        done = subprocess.run([DUMP, *command, path], capture_output=True, check=False)
        try:
            json.loads(done.stdout.decode("utf-8"))
        except ValueError as error:
            check(False, f"{command}: {error}")


def test_untold(folder: Path) -> None:
    """Bytes that no field tells, in every form; --changes tells those that changed."""
    def with_more(second: float, tail: bytes, unnamed: bytes, tos: bytes) -> str:
        attributes = json.loads(record(second))["Attributes"]
        info = base64.b64decode(attributes[2])
        attributes[2] = base64.b64encode(info.ljust(400, b"\0") + tail).decode()
        attributes += [None] * (31 - len(attributes))
        attributes[5] = base64.b64encode(tos).decode()
        attributes[12] = base64.b64encode(b"\x0c").decode()
        attributes[30] = base64.b64encode(unnamed).decode()
        return record(second, more={"Attributes": attributes})
    place = folder / "untold"
    place.mkdir()
    path = archive(place, 0, metadata() + with_more(0, b"\1\2", b"\x1e", b"\0\5")
                   + with_more(1, b"\1\2", b"\x1e", b"\0\5")
                   + with_more(2, b"\1\3", b"\x1f", b"\0\6"))
    done = run(path)
    for text in ("0102)", "tos_tail:(05)", "locals:(0c)", "attribute_30:(1e)", "!long_attribute"):
        check(text in done.stdout, f"untold: {text} is not in {done.stdout!r}")
    changes = run("--changes", path).stdout.split(f"{UUID} ")
    check(len(changes) == 3, f"untold --changes: {len(changes) - 1} of 2 snapshots told")
    check("attribute_30:(1f)" in changes[-1] and "tos_tail:(06)" in changes[-1]
          and "0103)" in changes[-1] and "locals" not in changes[-1],
          f"untold --changes: {changes[-1]!r}")
    rows = [json.loads(l) for l in run("--json", path).stdout.splitlines()]
    check([row["attribute_30"] for row in rows] == ["1e", "1e", "1f"], "untold: attribute_30")
    check([row["info_tail"][-4:] for row in rows] == ["0102", "0102", "0103"],
          "untold: info_tail")
    check(rows[0]["tos_tail"] == "05" and rows[0]["locals"] == "0c", "untold --json: the others")
    check(rows[0]["faults"] == "long_attribute", f"untold --json: {rows[0].get('faults')}")
    # A name that becomes empty.
    nameless = json.loads(record(1))["Attributes"]
    nameless[4] = base64.b64encode(b"\0").decode()
    gone = archive(place, 2, metadata(2) + record(0) + record(1, more={"Attributes": nameless}))
    check(" cong:" in run("--changes", gone).stdout, "--changes: a name that becomes empty")
    # A line that is too long is that to both tools.
    long = archive(place, 3, metadata(3) + record(0).rstrip("\n").ljust((1 << 20) + 1) + "\n")
    done = run(long)
    check(done.returncode == 1 and "line too long" in done.stderr, f"a long line: {done.stderr!r}")
    plain = archive(place, 1, metadata(1) + record(0))
    row = json.loads(run("--json", plain).stdout)
    check("faults" not in row and not [k for k in row if k.endswith("_tail")],
          "--json: nothing odd")


def test_half_fields(folder: Path) -> None:
    info = base64.b64decode(json.loads(record(0))["Attributes"][2])
    half = record(0).replace(base64.b64encode(info).decode(),
                             base64.b64encode(info[:74]).decode())
    path = archive(folder, 0, metadata(0) + half)
    says = f"{path}:2: an attribute ends inside a field"
    for command in ([], ["--json"]):
        done = run(*command, path)
        check(done.returncode == 1 and done.stderr == f"tcpinfo-dump: {says}\n",
              f"half a field, {command}: {done}")
    done = run("verify", path)
    check(done.returncode == 1 and says in done.stdout, f"half a field, verify: {done}")


# --- verify -----------------------------------------------------------------------------------

def findings(folder: Path) -> tuple[int, list[str], str]:
    done = run("verify", folder)
    lines = done.stdout.splitlines()
    check(not done.stderr, f"verify: {done.stderr}")
    return done.returncode, lines[:-1], lines[-1]


def test_verify(folder: Path) -> None:
    number = 0

    def one(what: str, files: dict[str, str | bytes], place: str | None, words: str = "") -> None:
        nonlocal number
        number += 1
        sub = folder / str(number)
        sub.mkdir()
        for name, text in files.items():
            write(sub, name, text)
        status, lines, counts = findings(sub)
        if place is None:
            check(status == 0 and not lines, f"verify: {what}: {status} {lines}")
        else:
            check(status == 1 and len(lines) == 1, f"verify: {what}: {status} {lines}")
            check(lines and lines[0].startswith(f"{sub}/{place}: ") and words in lines[0],
                  f"verify: {what}: {lines}, not {place} {words}")
        check(f"{len(files)} files, " in counts, f"verify: {what}: {counts}")

    name = f"{UUID}.00000.jsonl"
    good = metadata() + record(0, 1) + record(1, 5, sent=10, acked=11)
    one("good", {name: good}, None)
    one("good, two files", {name: good, f"{UUID}.00001.jsonl": metadata(1)
                            + record(2, 9, sent=10, acked=11)}, None)
    one("garbage", {name: good + "garbage\n" + record(2, 7, sent=10, acked=11)}, f"{name}:4")
    one("a cut line", {name: good + record(2, 7)[:50]}, f"{name}:4")
    one("empty", {name: ""}, f"{name}:1", "empty")
    one("no metadata", {name: record(0, 1)}, f"{name}:1", "no metadata")
    one("metadata without a UUID", {name: metadata().replace(f'"UUID":"{UUID}",', "") + record(0)},
        f"{name}:1", "names no UUID")
    one("two metadata records", {name: metadata() + metadata() + record(0)}, f"{name}:2", "second")
    one("another UUID", {name: metadata(0, UUID[:-2] + "AC") + record(0, cookie=0xAC)},
        f"{name}:1", "UUID")
    one("another cookie", {name: metadata() + record(0, cookie=0xAC) + record(1, cookie=0xAC)},
        f"{name}:2", "another connection")
    one("another sequence number", {name: metadata(7) + record(0)}, f"{name}:1", "sequence")
    one("a hole", {name: good, f"{UUID}.00002.jsonl": metadata(2) + record(2, 9)},
        f"{UUID}.00002.jsonl:1", "1 missing")
    one("time back", {name: metadata() + record(1, 1) + record(0, 2)}, f"{name}:3", "time")
    one("poll back", {name: metadata() + record(0, 2) + record(1, 1)}, f"{name}:3", "poll 1 after")
    one("poll twice", {name: metadata() + record(0, 2) + record(1, 2)}, f"{name}:3",
        "second record")
    one("a counter back", {name: metadata() + record(0, 1, received=9) + record(1, 2, received=8)},
        f"{name}:3", "bytes_received goes back from 9 to 8")
    one("polls anew in another run",
        {name: metadata() + record(0, 9),
         f"{UUID}.00001.jsonl": metadata(1, run_id="s") + record(1, 1)}, None)
    one("counters anew on a socket used again",
        {name: metadata() + record(0, 1, received=9) + record(1, 2, dport=80, received=1)}, None)
    one("many connections in one file",
        {"all.jsonl": record(0, cookie=1, received=9) + record(1, cookie=2, received=5)
         + record(2, cookie=1, received=9)}, "all.jsonl:1", "no metadata")
    one("a line that says nothing", {name: good + '{"Timestamp":"2023-11-14T22:13:29Z"}\n'},
        f"{name}:4", "neither")
    one("an aborted end", {name: metadata() + record(0, 1, received=9)
                           + record(1, state=CLOSE, dport=0, received=9)}, None)
    carried = {"Carried": ["ID", "INFO", "CONG", "LATER"]}
    one("what is carried over", {name: metadata() + record(0, 1, received=9)
                                 + record(1, state=CLOSE, received=9, more=carried)}, None)
    one("the same in a file of its own",
        {f"{UUID}.00001.jsonl": metadata(1) + record(1, state=CLOSE, more=carried)}, None)
    one("ends that are not those before",
        {name: metadata() + record(0, 1) + record(1, state=CLOSE, dport=9, more=carried)},
        f"{name}:3", "other ports")
    one("carried and not there",
        {name: metadata() + record(0, 1) + record(1, state=CLOSE,
                                                  more={"Carried": ["CONG", "MARK", "TOS"]})},
        f"{name}:3", "Carried names what is not there: TOS,MARK")
    one("carried in the middle", {name: metadata() + record(0, 1) + record(1, 2, more=carried)},
        f"{name}:3", "final record only")
    one("an end before its record", {name: metadata(opened=0) + record(0, 1) + record(
        9, state=CLOSE, more={"Ended": time_text(3)})}, None)
    one("an end after its record", {name: metadata() + record(0, 1) + record(
        9, state=CLOSE, more={"Ended": time_text(10)})}, f"{name}:3", "it ended 1.000s after")
    one("a record before its opening", {name: metadata(opened=2) + record(0, 1) + record(1, 2)},
        f"{name}:2", "2.000s before it was opened")
    check(run("verify", "-q", folder / "1").stdout == "", "verify -q prints counts")


# --- Damage and usage -------------------------------------------------------------------------

def test_damage(folder: Path) -> None:
    path = archive(folder, 0, metadata() + record(0, 1) + "garbage\n\n" + record(1, 2).rstrip("\n")
                   + "\r\n" + record(2, 3)[:70])
    done = run("--json", path)
    check(done.returncode == 1, f"damage: status {done.returncode}")
    check(len(done.stdout.splitlines()) == 2, "damage: not every good record")
    check([l.startswith(f"tcpinfo-dump: {path}:{n}: ") for l, n in
           zip(done.stderr.splitlines(), (3, 6))] == [True, True], f"damage: {done.stderr}")
    check(len(done.stderr.splitlines()) == 2, f"damage: {done.stderr}")
    done = run("ls", path)
    check(done.returncode == 1 and len(done.stdout.splitlines()) == 2, "damage: ls")
    done = run(folder / "none")
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1, f"absent: {done}")
    # A window beyond all bounds.
    wide = write(folder, "wide.jsonl.zst", bytes.fromhex("28b52ffde0f0ffffffffffffff") + bytes(20))
    done = run("ls", wide)
    check(done.returncode == 1 and "needs a window of 16 EiB, more than 32 MiB" in done.stderr
          and "allows it" not in done.stderr, f"a window beyond all bounds: {done}")
    done = run(stdin=b"")
    check(done.returncode == 1 and "standard input" in done.stderr, f"empty input: {done}")


def test_window(folder: Path) -> None:
    """From a pipe zstd knows no size: the frame asks for the whole window."""
    if shutil.which("zstd") is None:
        return
    packed = subprocess.run(["zstd", "-qc", "--long=27"], input=(metadata() + record(0)).encode(),
                            capture_output=True, check=True).stdout
    file = write(folder, f"{UUID}.00000.jsonl.zst", packed)
    says = "needs a window of 128 MiB, more than 32 MiB; --max-window 128MiB allows it"
    for command in ([], ["ls"], ["verify"]):
        done = run(*command, file)
        check(done.returncode == 1 and says in done.stdout + done.stderr, f"{command}: {done}")
        done = run(*command, "--max-window", "128MiB", file)
        check(done.returncode == 0 and not done.stderr, f"{command} --max-window: {done}")
        done = run(*command, "--max-window", "3MiB", file)
        check(done.returncode == 2 and "--max-window: '3MiB' is no power" in done.stderr,
              f"{command} --max-window 3MiB: {done}")


def test_usage() -> None:
    for arguments, words in (
            (["--no-such-flag"], "no-such-flag"), (["ls", "--no-such-flag"], "no-such-flag"),
            (["--port", "70000"], "--port"), (["--port", ""], "--port"),
            (["--host", "x"], "--host"), (["--state", "OPEN"], "--state"),
            (["--since", "sometime"], "--since"), (["--every", "5"], "--every"),
            (["--time", "local"], "--time"), (["--json", "--changes"], "--"),
            (["ls", "--sort", "colour"], "--sort"), (["ls", "--json", "--csv"], "--csv|--json"),
            (["live", "--interval", "0"], "--interval"), (["live", "--reps", "x"], "--reps"),
            (["verify", "--json"], "--json")):
        done = run(*arguments)
        check(done.returncode == 2, f"{arguments}: status {done.returncode}")
        check(len(done.stderr.splitlines()) == 1 and re.search(words, done.stderr),
              f"{arguments}: {done.stderr!r}")
        check(done.stdout == "", f"{arguments}: prints {done.stdout[:80]!r}")
    for arguments in (["--help"], ["ls", "--help"], ["live", "--help"], ["verify", "--help"],
                      ["--version"]):
        done = run(*arguments)
        check(done.returncode == 0 and done.stdout and not done.stderr, f"{arguments}: {done}")


def test_golden() -> None:
    path = GOLDEN / "own" / "kernel618_1.jsonl"
    records = [json.loads(l) for l in path.read_text(encoding="utf-8").splitlines()][1:]
    rows = [json.loads(l) for l in run("--json", path).stdout.splitlines()]
    check(len(rows) == len(records), f"golden: {len(rows)} rows of {len(records)} records")
    check([r["timestamp"] for r in rows] == [r["Timestamp"] for r in records], "golden: times")
    info = [base64.b64decode(r["Attributes"][2]) for r in records]
    check([r["bytes_received"] for r in rows]
          == [struct.unpack_from("<Q", i, 128)[0] for i in info], "golden: bytes_received")
    done = run("verify", path)
    check("UUID" in done.stdout or done.returncode == 0, f"golden: verify: {done.stdout}")


def test_live() -> None:
    done = run("live", "--json", "--interval", "10ms", "--reps", "2")
    check(done.returncode == 0 and not done.stderr, f"live: {done.returncode} {done.stderr}")
    for line in done.stdout.splitlines():
        check("cookie" in json.loads(line), "live: no cookie")


def test_live_against_ss() -> None:
    """A quiet connection: nothing but ages moves between the two looks."""
    if shutil.which("ss") is None:
        print("skipped: no ss to compare with")
        return
    # What only ss knows, and what moves.
    left_out = re.compile(r"cgroup:|users:|lastsnd:|lastrcv:|lastack:|timer:")

    def sockets(text: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for block in re.findall(r"^ESTAB.*(?:\n\t.*)*", text, re.MULTILINE):
            words = [w for w in block.split() if not left_out.match(w)]
            found[next(w for w in words if w.startswith("sk:"))] = words
        return found

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(
            server.getsockname()) as client, server.accept()[0] as served:
        port = server.getsockname()[1]
        client.sendall(bytes(12345))
        while len(served.recv(65536, socket.MSG_PEEK)) < 12345:
            time.sleep(0.01)
        served.sendall(b"answer")
        time.sleep(0.5)  # delayed acknowledgements, and the loss probe some kernels send

        def ask_ss() -> str:
            return subprocess.run(
                ["ss", "-tinmoe", f"( sport = :{port} or dport = :{port} )"],
                capture_output=True, text=True, check=True).stdout

        # A collector that samples by events, of another test or this machine's own, may come or go
        # meanwhile: what it adds to the sockets' memory is there for one and not for the other.
        for _ in range(10):
            theirs = ask_ss()
            ours = run("live", "--port", str(port)).stdout
            if sockets(theirs) == sockets(ask_ss()):
                break

    said, told = sockets(theirs), sockets(ours)
    check(len(said) == 2 and said.keys() == told.keys(), f"live: {ours!r} for {theirs!r}")
    for key in said.keys() & told.keys():
        rest = iter(told[key])
        missing = [w for w in said[key] if w not in rest]
        check(not missing, f"live: ss says {missing[:1]}: {said[key]}, not {told[key]}")


def test_corpus() -> None:
    if CORPUS is None or not CORPUS.is_dir():
        print(f"skipped: no corpus at {CORPUS}")
        return
    messages = run("ls", "--json", CORPUS / "mlab" / "raw-netlink-messages.zst")
    check(messages.returncode == 0 and messages.stdout, "corpus: bare netlink messages")
    done = run("verify", CORPUS / "kernels")
    check(done.returncode == 0, f"corpus: captures: {done.stdout[-300:]}")


def main() -> int:
    for test in (test_print, test_no_colour, test_closed_pipe, test_ls, test_ls_life, test_ls_times,
                 test_ls_reused, test_text, test_untold, test_half_fields, test_verify, test_damage,
                 test_window):
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
    for test in (test_usage, test_golden, test_corpus):
        test()
    # qemu-user does not pass on what the kernel says of sockets.
    if os.environ.get("TCPINFO_EMULATED") == "1":
        print("skipped: live sockets, under an emulator")
    else:
        test_live()
        test_live_against_ss()
    finish()


sys.exit(main())
