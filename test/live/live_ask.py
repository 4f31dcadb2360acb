# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump ask, and its socket: what a running collector says of a connection is what its
archives hold in the end, before it is in a file and after; and who asks badly keeps nobody waiting.

usage: live_ask.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from archives import Record, check, decode
from collector import PREFIX, Collector, wait_until
from netns import RECEIVER_V4, SENDER_V4, Pair, cookie_of, run_test

COLLECTOR, _TRAFFIC, DUMP = sys.argv[1:4]
PORT = 7000
PATIENCE_S = 20.0
# Nothing reaches a file by itself.
LATE = ("--flush", "1h", "--rotate", "1h")
CLOSE = 7  # TCP_CLOSE


class Connection:
    """`near` is the collector's end."""

    def __init__(self, pair: Pair, local: bool = False) -> None:
        with pair.receiver.socket(socket.AF_INET) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((RECEIVER_V4, PORT))
            listener.listen()
            self.far = (pair.receiver if local else pair.sender).socket(socket.AF_INET)
            self.far.connect((RECEIVER_V4, PORT))
            self.near, (_, self.far_port) = listener.accept()
        self.cookie = cookie_of(self.near)
        self.uuid = f"{PREFIX}_{self.cookie:016X}"
        self.sent = 0

    def send(self, pieces: int, pause: float = 0.03) -> None:
        for _ in range(pieces):
            self.far.sendall(b"x" * 100)
            self.sent += 100
            check(len(self.near.recv(100, socket.MSG_WAITALL)) == 100, "what was sent came")
            time.sleep(pause)

    def names(self, far: str = SENDER_V4) -> list[list[str]]:
        return [[str(self.cookie)], [f"{self.cookie:#x}"], [self.uuid],
                [f"{RECEIVER_V4}:{PORT}-{far}:{self.far_port}"],
                [f"{far}:{self.far_port}", f"{RECEIVER_V4}:{PORT}"]]

    def close(self) -> None:
        self.far.close()
        self.near.close()


def ask(path: Path, name: list[str], *flags: str) -> tuple[int, list[str], str]:
    done = subprocess.run([DUMP, "ask", "--socket", str(path), *flags, *name],
                          capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout.splitlines(), done.stderr


def lines_of(path: Path, name: list[str]) -> list[str]:
    status, lines, said = ask(path, name)
    check(status == 0 and not said and lines, f"ask {name}: {status}: {said}")
    return lines


def records_of(lines: list[str]) -> list[Record]:
    return [decode(line.encode()) for line in lines if '"Metadata":{' not in line]


def received(lines: list[str]) -> int:
    totals = [r.total("bytes_received") for r in records_of(lines)]
    return max((total for total in totals if total is not None), default=0)


def archived(spool: Path, cookie: int) -> list[str]:
    done = subprocess.run([DUMP, "get", str(cookie), str(spool)], capture_output=True, text=True,
                          check=False)
    check(done.returncode == 0, f"get: {done.stderr}")
    return done.stdout.splitlines()


def compare(name: str, lines: list[str], whole: list[str]) -> None:
    """What was told is one stretch of what was archived: nothing left out, nothing twice."""
    told = [line for line in lines if '"Metadata":{' not in line]
    there = [line for line in whole if '"Metadata":{' not in line]
    check(told, f"{name}: no record")
    check(told[0] in there, f"{name}: {told[0][:100]} is in no archive")
    at = there.index(told[0])
    check(there[at:at + len(told)] == told,
          f"{name}: {len(told)} records that are no stretch of the {len(there)} archived ones")
    check([line for line in lines if line not in told] == whole[:1], f"{name}: its metadata")


def talk(path: Path, text: bytes) -> bytes:
    """What comes back; nothing where the connection was cut."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(PATIENCE_S)
        one.connect(str(path))
        answer = b""
        try:
            one.sendall(text)
            while part := one.recv(1 << 16):
                answer += part
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def hostile(path: Path, connection: Connection) -> None:
    """Each request is answered or refused, and others are answered beside them."""
    for request, status in (
            (b"GET /cookie/1x HTTP/1.1\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\n\r\n", b"400"),
            (b"GET /uuid/%zz HTTP/1.1\r\n\r\n", b"400"),
            (b"GET /ends/1.2.3.4 HTTP/1.1\r\n\r\n", b"400"),
            (b"GET /cookie/99999999999 HTTP/1.1\r\n\r\n", b"404"), (b"nonsense\r\n\r\n", b"400"),
            (b"POST /cookie/1 HTTP/1.1\r\n\r\n", b"405"),
            (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", b"431"),
            (b"GET /cookie/1 HTTP/1.1\r\nA: " + b"x" * 20000, b"431")):
        answer = talk(path, request)
        check(answer.startswith(b"HTTP/1.1 " + status), f"{request[:60]!r}: {answer[:60]!r}")
    idle = []
    for number in range(60):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(path))
        # Some say nothing, some half of it, and some ask and do not read.
        one.sendall((b"", b"GET /cook", f"GET /cookie/{connection.cookie} HTTP/1.1\r\n\r\n".encode()
                     )[number % 3 if number < 12 else number % 2])
        idle.append(one)
    for name in connection.names():
        lines_of(path, name)
    for one in idle:
        one.close()


def run_layout(layout: tuple[str, ...]) -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        spool, path = Path(directory) / "spool", Path(directory) / "query.sock"
        asked: list[tuple[str, list[str]]] = []
        with Collector(COLLECTOR, spool, pair.receiver, *LATE, *layout, "--query-socket",
                       str(path)) as collector:
            check(stat.S_IMODE(path.stat().st_mode) == 0o600, "mode of the socket")
            one = Connection(pair)
            other = Connection(pair)
            one.send(10)
            other.send(3)
            # Of what is in no file yet; by each name the same.
            check(wait_until(lambda: received(lines_of(path, one.names()[0])) == one.sent,
                             PATIENCE_S), "what was sent is not told")
            if not layout:
                check(not list(spool.rglob("*.jsonl*")), "it is in a file already")
            for name in one.names():
                asked.append((f"unflushed, {name}", lines_of(path, name)))
                check(received(asked[-1][1]) == one.sent, f"{name}: not all that was sent")
                whose = {r.cookie for r in records_of(asked[-1][1])}
                check(whose == {one.cookie}, f"{name}: of {whose}")
            text = ask(path, one.names()[0], "--text")
            check(text[0] == 0 and f"{RECEIVER_V4}:{PORT}" in "\n".join(text[1]), f"--text: {text}")
            hostile(path, one)
            one.send(5)
            check(wait_until(lambda: received(lines_of(path, one.names()[2])) == one.sent,
                             PATIENCE_S), "what was sent later is not told")
            asked.append(("later", lines_of(path, one.names()[2])))
            one.close()
            check(wait_until(lambda: records_of(lines_of(path, one.names()[3]))[-1].state == CLOSE,
                             PATIENCE_S), "its end is not told")
            asked.append(("closed", lines_of(path, one.names()[3])))
            for name, why in ((["1"], "no such connection"),
                              ([f"other_{one.cookie:016X}"], "no such")):
                status, lines, said = ask(path, name)
                check(status == 1 and not lines and why in said, f"{name}: {status} {said}")
            ended = collector.stop()
            check(ended.summary["losses"] == "0", f"losses: {ended.told()}")
        check(not path.exists(), "the socket's file stays")
        status, lines, said = ask(path, ["1"])
        check(status == 1 and not lines and "cannot ask the collector" in said, f"gone: {said}")
        whole = archived(spool, one.cookie)
        for name, lines in asked:
            compare(name, lines, whole)
        check(len(asked[-1][1]) == len(whole), "of the closed one all is told")
        print(f"{layout or 'connections'}: {len(asked)} answers of {len(whole)} records")


def run_bounded(layout: tuple[str, ...]) -> None:
    """More records than an answer has, in a file and beside it."""
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        spool, path = Path(directory) / "spool", Path(directory) / "query.sock"
        with Collector(COLLECTOR, spool, pair.receiver, "--flush", "300ms", "--interval", "1ms",
                       *layout, "--query-socket", str(path), "--query-socket-mode", "0660"
                       ) as collector:
            check(stat.S_IMODE(path.stat().st_mode) == 0o660, "mode of the socket")
            one = Connection(pair)
            known: list[str] = []

            def has_enough() -> bool:
                nonlocal known
                one.send(200, 0.001)
                known = lines_of(path, one.names()[0])
                return len(known) == 1001
            check(wait_until(has_enough, 60), f"{len(known)} lines of 1,001")
            one.send(300, 0.001)
            again = lines_of(path, one.names()[0])
            check(len(again) == 1001, f"{len(again)} lines")
            one.close()
            collector.stop()
        whole = archived(spool, one.cookie)
        check(len(whole) > 1100, f"{len(whole)} records in all")
        for lines in (known, again):
            compare("1,000 records", lines, whole)


def run_rotated(layout: tuple[str, ...]) -> None:
    """What is in a complete file and what came behind it, each once; of a connection whose other
    end is on this machine, too."""
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        spool, path = Path(directory) / "spool", Path(directory) / "query.sock"
        with Collector(COLLECTOR, spool, pair.receiver, "--flush", "100ms", "--rotate", "1s",
                       "--include-local", *layout, "--query-socket", str(path)) as collector:
            one = Connection(pair, local=True)

            def is_rotated() -> object:
                one.send(3)
                return [file for file in spool.rglob("*.zst") if ".jsonl" in file.name
                        or ".tcpseg" in file.name]
            check(wait_until(is_rotated, PATIENCE_S), "no file is complete")
            one.send(3)
            check(wait_until(lambda: received(lines_of(path, one.names()[0])) == one.sent,
                             PATIENCE_S), "what was sent is not told")
            single = lines_of(path, one.names()[0])
            both = lines_of(path, one.names(RECEIVER_V4)[3])
            check(len({r.cookie for r in records_of(both)}) == 2, "both ends")
            check(len(both) == len(set(both)), "a line twice")
            one.close()
            check(wait_until(lambda: records_of(lines_of(path, one.names()[0]))[-1].state == CLOSE,
                             PATIENCE_S), "its end is not told")
            collector.stop()
        whole = archived(spool, one.cookie)
        told = [line for line in single if '"Metadata":{' not in line]
        there = [line for line in whole if '"Metadata":{' not in line]
        at = there.index(told[0])
        check(there[at:at + len(told)] == told, "no stretch of what was archived")
        if layout:
            check(at == 0, "of segments the one before is told, too")


def run_anonymous(layout: tuple[str, ...]) -> None:
    """Neither an address nor whether it is there is told."""
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        spool, path = Path(directory) / "spool", Path(directory) / "query.sock"
        with Collector(COLLECTOR, spool, pair.receiver, *LATE, *layout, "--anonymize", "netblock",
                       "--query-socket", str(path)) as collector:
            one = Connection(pair)
            one.send(3)
            check(wait_until(lambda: ask(path, one.names()[0])[0] == 0, PATIENCE_S), "not told")
            remotes = {r.remote for r in records_of(lines_of(path, one.names()[0]))}
            check(remotes == {"10.77.0.0"}, f"{remotes}")
            status, lines, said = ask(path, one.names()[3])
            check(status == 1 and not lines, f"by its address: {said}")
            lines_of(path, one.names("10.77.0.0")[3])
            one.close()
            check(wait_until(lambda: records_of(lines_of(path, one.names("10.77.0.0")[4]))[-1].state
                             == CLOSE, PATIENCE_S), "its end is not told")
            collector.stop()


def refused() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "there"
        path.write_text("no socket")
        for flags, status in ((("--query-socket", str(path)), 2),
                              (("--query-socket", str(Path(directory) / "no" / "folder")), 2),
                              (("--query-socket", "x" * 200), 2),
                              (("--query-socket", "y", "--query-socket-mode", "9"), 2)):
            with Collector(COLLECTOR, Path(directory) / "spool", pair.receiver, *flags,
                           ready=False) as collector:
                check(collector.child.wait(PATIENCE_S) == status, f"{flags}: {collector.log()}")
        check(path.read_text() == "no socket", "what was there was changed")


def main() -> None:
    cases: list[Callable[[tuple[str, ...]], None]] = [run_layout, run_bounded, run_rotated,
                                                      run_anonymous]
    for layout in ((), ("--layout", "segments")):
        for case in cases:
            case(layout)
    refused()


if os.environ.get("TCPINFO_SANITIZED") == "1":
    PATIENCE_S *= 3
run_test(main)
