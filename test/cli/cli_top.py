# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump top: tables in plain text, and a real terminal (tmux) on which keys are pressed and
what is to be seen is looked at. Connections are the test's own, over loopback.

usage: cli_top.py TCPINFO-DUMP
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from checks import check, finish
from made_archives import metadata, record
from query_server import Server, answer

DUMP = os.path.abspath(sys.argv[1])
PATIENCE_S = 20.0
SO_COOKIE = 57


class Traffic:
    """One connection that sends all the time, and one that does nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.ends = []
        for _ in range(2):
            here = socket.create_connection(("127.0.0.1", self.port))
            self.ends.append((here, self._listener.accept()[0]))
        self.busy, self.idle = (f"127.0.0.1:{here.getsockname()[1]}" for here, _ in self.ends)
        self.cookie = int.from_bytes(self.ends[0][0].getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8),
                                     sys.byteorder)
        self._going = True
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        here, there = self.ends[0]
        while self._going:
            here.sendall(b"x" * 10000)
            there.recv(10000, socket.MSG_WAITALL)
            time.sleep(0.01)

    def close(self) -> None:
        self._going = False
        self._thread.join()
        for pair in self.ends:
            for one in pair:
                one.close()


class Terminal:
    """A session of tmux with a server of its own. What its program left is in `status`."""

    def __init__(self, folder: Path, arguments: list[str], environment: str = "LC_ALL=C.UTF-8",
                 size: tuple[int, int] = (140, 20)) -> None:
        # A server that is ending does not hinder the next one.
        own = Path(tempfile.mkdtemp(dir=folder))
        self._tmux = ["tmux", "-S", str(own / "tmux"), "-f", "/dev/null"]
        self.status = own / "status"
        command = (f"{environment} {shlex.join([DUMP, 'top', *arguments])}; "
                   f"echo $? >{shlex.quote(str(self.status))}; sleep 100")
        self._run("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], stdin=subprocess.DEVNULL, check=True,
                              capture_output=True, text=True, timeout=60).stdout

    def keys(self, *keys: str) -> None:
        for key in keys:
            self._run("send-keys", key)

    def resize(self, columns: int, lines: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def lines(self) -> list[str]:
        return self._run("capture-pane", "-p").split("\n")[:-1]

    def attributes(self) -> str:
        return self._run("capture-pane", "-p", "-e")

    def shows(self, what: Callable[[list[str]], object], name: str) -> None:
        lines: list[str] = []

        def looks_so() -> object:
            nonlocal lines
            lines = self.lines()
            return what(lines)
        check(wait_until(looks_so), f"{name}:\n" + "\n".join(lines))

    def ended(self) -> int:
        if not wait_until(lambda: self.status.exists() and self.status.read_text()):
            return -1
        return int(self.status.read_text())

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


def wait_until(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DUMP, "top", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)


def rows_of(lines: list[str]) -> list[list[str]]:
    """Those of a table: each begins with an end."""
    return [line.split() for line in lines if re.match(r"[\[\d]\S*:\d+ ", line)]


def check_plain(traffic: Traffic) -> None:
    own = ["--port", str(traffic.port), "--interval", "300ms"]
    done = run(*own, "--rounds", "2")
    tables = done.stdout.split("\n\n")
    check((done.returncode, done.stderr, len(tables), tables[-1]) == (0, "", 3, ""), f"{done}")
    for table in tables[:2]:
        lines = table.split("\n")
        check(re.match(r"20\d\d-\S+Z  4 connections  sent \S+bit/s  received \S+bit/s  "
                       r"retransmitted \d+$", lines[0]), f"heading: {lines[0]}")
        check(lines[1].split() == ["LOCAL", "REMOTE", "SENT", "RECEIVED", "RETRANS", "RTT", "CWND",
                                   "CAUSE", "STATE"], f"columns: {lines[1]}")
        rows = rows_of(lines)
        check(len(rows) == 4 and len(lines) == 6, f"rows: {table}")
        first, last = rows[:2], rows[2:]
        check(traffic.busy in first[0] + first[1] and "0bit/s" in first[0],
              f"the busy one comes first: {table}")
        check(all(row[2:4] == ["0bit/s", "0bit/s"] and row[-2:] == ["idle", "ESTABLISHED"]
                  for row in last), f"the others are idle: {table}")
    done = run(*own, "--rounds", "1", "--limit", "1", "--sort", "sent")
    rows = rows_of(done.stdout.split("\n"))
    check(len(rows) == 1 and rows[0][0] == traffic.busy and rows[0][2] != "0bit/s", f"{done}")
    done = run(*own, "--rounds", "1", "--sort", "sent", "--reverse", "--limit", "0")
    rows = rows_of(done.stdout.split("\n"))
    check(len(rows) == 4 and rows[-1][0] == traffic.busy, f"reversed: {done}")
    done = run(*own, "--rounds", "1", "--uuid", f"{traffic.cookie:#x}")
    check(len(rows_of(done.stdout.split("\n"))) == 1 and done.returncode == 0, f"--uuid: {done}")
    done = run(*own, "--rounds", "1", "--state", "listening")
    check(len(rows_of(done.stdout.split("\n"))) == 1, f"--state: {done}")
    done = run(*own, "--rounds", "1", "--owner")
    check(done.returncode == 0 and done.stdout.split("\n")[1].endswith("  STATE        OWNER"),
          f"--owner: {done}")
    for flags in (["--sort", "owner"], ["--owner", "--sort", "owner", "-r"]):
        check("OWNER" in run(*own, "--rounds", "1", *flags).stdout, f"{flags}: no owners")
    # Who read it has gone.
    gone = subprocess.run(f"{shlex.join([DUMP, 'top', *own])} </dev/null | head -3; "
                          "echo ${PIPESTATUS[0]}", shell=True, executable="/bin/bash", text=True,
                          capture_output=True, check=False, timeout=60)
    check(gone.stdout.endswith("\n0\n") and not gone.stderr, f"head: {gone}")


def check_usage() -> None:
    for arguments, said in ((["--sort", "size"], "--sort: 'size' is none of rate"),
                            (["--interval", "10ms"], "--interval: '10ms'"),
                            (["--interval", "x"], "--interval: 'x'"),
                            (["--rounds", "-1"], "'-1'"), (["--limit", "all"], "'all'"),
                            (["--port", "x"], "--port"), (["word"], "word"),
                            (["--plain", "--socket", "/x"], "--plain")):
        done = run(*arguments)
        check((done.returncode, done.stdout) == (2, "") and said in done.stderr,
              f"{arguments}: {done}")
    done = run("--socket", "/nowhere/at/all", "--rounds", "1")
    check((done.returncode, done.stdout) == (1, "") and "/nowhere/at/all" in done.stderr
          and "--socket" in done.stderr, f"no collector: {done}")


def has(text: str) -> Callable[[list[str]], object]:
    return lambda lines: any(text in line for line in lines)


def check_keys(traffic: Traffic, folder: Path) -> None:
    own = ["--port", str(traffic.port), "--interval", "300ms"]
    on = Terminal(folder, own)
    try:
        on.shows(lambda lines: len(rows_of(lines)) == 4 and "by rate" in lines[0], "the table")
        # Bars of rates grow; two of them belong to the busy one.
        on.shows(lambda lines: sum(line.endswith(("█", "▇", "▆")) for line in lines) == 2, "bars")
        on.shows(lambda lines: lines[-1].startswith("q quit"), "the line of keys")
        check(re.search(r"\x1b\[[\d;]*7m", on.attributes()), "no row is marked")
        on.keys("n")
        on.shows(lambda lines: "by sent" in lines[0] and rows_of(lines)[0][0] == traffic.busy,
                 "by sent")
        on.keys(">", ">")
        on.shows(lambda lines: "by retransmitted" in lines[0], "two further")
        on.keys("<", "<", "r")
        on.shows(lambda lines: "by sent, reversed" in lines[0]
                 and rows_of(lines)[-1][0] == traffic.busy, "reversed")
        on.keys("r", "/", *f"{traffic.busy}".split(":")[1])
        on.shows(lambda lines: len(rows_of(lines)) == 2 and lines[-1].endswith("_"), "filter")
        on.keys("Enter")
        on.shows(lambda lines: lines[-1].startswith("filter: ") and not lines[-1].endswith("_"),
                 "kept")
        on.keys("Down", "Up", "Enter")
        on.shows(lambda lines: lines[0] == f"{traffic.busy}-127.0.0.1:{traffic.port}"
                 and any(line.startswith("rate  up to") for line in lines), "its time line")
        on.shows(lambda lines: sum(bool(re.match(r"\d\d:\d\d:\d\d\.\d{3} ", line))
                                   for line in lines) >= 3, "steps")
        on.keys("q", "Escape")
        on.shows(lambda lines: len(rows_of(lines)) == 4, "back, without the filter")
        on.keys("f")
        on.shows(has("FROZEN"), "frozen")
        before = on.lines()
        time.sleep(1)
        check(on.lines() == before, "what is frozen changes")
        on.keys("f", "?")
        on.shows(has("by round-trip time"), "help")
        on.keys("x")
        on.resize(60, 8)
        on.shows(lambda lines: len(lines) == 8 and lines[0].endswith("…")
                 and all(len(line) <= 60 for line in lines) and rows_of(lines), "a small one")
        on.keys("q")
        check(on.ended() == 0, f"q: {on.ended()}")
        on.shows(lambda lines: not rows_of(lines), "the terminal is as it was")
    finally:
        on.close()


def check_others(traffic: Traffic, folder: Path) -> None:
    own = ["--port", str(traffic.port), "--interval", "300ms"]
    on = Terminal(folder, own, "LC_ALL=C")
    try:
        on.shows(lambda lines: sum(line.endswith("#") for line in lines) == 2, "bars of ASCII")
        check(all(line.isascii() for line in on.lines()), "not ASCII alone")
        on.keys("C-c")
        check(on.ended() == 0, "interrupted")
    finally:
        on.close()
    on = Terminal(folder, [*own, "--rounds", "1"], "TERM=nonsense")
    try:
        on.shows(has("(TERM is 'nonsense'): a table each time"), "a terminal that is not known")
        on.shows(lambda lines: len(rows_of(lines)) == 4, "and its table")
        check(on.ended() == 0, "status")
    finally:
        on.close()
    # What a collector knows comes before what is seen from now on.
    path = folder / "query.sock"
    past = metadata() + "".join(record(second, 7, cookie=traffic.cookie, acked=second * 1000)
                                for second in range(1, 5))
    server = Server(path, answer(past.encode()))
    on = Terminal(folder, [*own, "--sort", "sent", "--socket", str(path)])
    try:
        on.shows(lambda lines: rows_of(lines)[:1] and rows_of(lines)[0][0] == traffic.busy, "busy")
        on.keys("Enter")
        on.shows(lambda lines: any(line.startswith("22:13:24.000  8.00kbit/s") or
                                   line.split()[:2] == ["22:13:24.000", "8.00kbit/s"]
                                   for line in lines), "its past")
        server.close()
        check(server.request.startswith(f"GET /cookie/{traffic.cookie:#x} ".encode()),
              f"{server.request!r}")
        on.keys("q", "Enter")
        on.shows(has("the collector: "), "a collector that has gone is said")
        on.keys("q", "q")
        check(on.ended() == 0, "status")
    finally:
        on.close()


def main() -> None:
    traffic = Traffic()
    note = ""
    try:
        check_usage()
        check_plain(traffic)
        if shutil.which("tmux") is None:
            note = ", skipped: no terminal, because there is no tmux"
        else:
            with tempfile.TemporaryDirectory() as directory:
                on = Terminal(Path(directory), ["--rounds", "1"])
                on.ended()
                built = not has("built without ncurses")(on.lines())
                on.close()
                if built:
                    check_keys(traffic, Path(directory))
                    check_others(traffic, Path(directory))
                else:
                    note = ", skipped: a terminal, because this build lacks ncurses"
    finally:
        traffic.close()
    finish(note)


main()
