# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-dump ask: what it asks for, what it prints of an answer, and answers that are none. The
collector is a few lines of this test; live_ask.py has a real one.

usage: cli_ask.py TCPINFO-DUMP
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import check, finish
from made_archives import CLOSE, UUID, metadata, record
from query_server import Server, answer

DUMP = os.path.abspath(sys.argv[1])
COOKIE = UUID[-16:]
LINES = (metadata() + record(1, 1, sent=10) + record(2, 7, sent=20, rtt=300)
         + record(3, state=CLOSE, sent=20))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DUMP, "ask", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)


def asked(text: bytes, *arguments: str) -> tuple[str, subprocess.CompletedProcess[str]]:
    """The path it asked for, and how it ended."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "socket"
        server = Server(path, text)
        done = run("--socket", str(path), *arguments)
        server.close()
        words = server.request.decode().split("\r\n")[0].split(" ")
        check(words[0] == "GET" and words[2] == "HTTP/1.1", f"request: {server.request!r}")
        return words[1], done


def check_names() -> None:
    good = answer(LINES.encode())
    for arguments, wanted in (([str(int(COOKIE, 16))], f"/cookie/{int(COOKIE, 16):#x}"),
                              ([UUID], f"/uuid/{UUID}"),
                              (["192.0.2.1:443-198.51.100.9:5"],
                               "/ends/192.0.2.1:443-198.51.100.9:5"),
                              (["[2001:db8::1]:443", "[2001:db8::2]:5"],
                               "/ends/%5B2001:db8::1%5D:443-%5B2001:db8::2%5D:5")):
        path, done = asked(good, *arguments)
        check(path == wanted, f"{arguments}: asked for {path}")
        check((done.returncode, done.stdout, done.stderr) == (0, LINES, ""), f"{arguments}: {done}")


def check_printing() -> None:
    """As the same archive in a file."""
    good = answer(LINES.encode())
    for flags in (["--text"], ["--json"], ["--text", "--changes", "-z"],
                  ["--json", "--time=epoch"]):
        wanted = subprocess.run([DUMP, "get", UUID, *flags, "-"], input=LINES, capture_output=True,
                                text=True, check=True, timeout=60)
        _, done = asked(good, UUID, *flags)
        check(wanted.stdout and (done.returncode, done.stdout) == (0, wanted.stdout),
              f"{flags}: {done}")
    _, done = asked(answer(LINES.encode() + b"no line\n"), UUID, "--json")
    check(done.returncode == 1 and done.stdout.count("\n") == 3 and "the answer: 5" in done.stderr,
          f"a bad line: {done}")


def check_bad_answers() -> None:
    for text, said in ((answer(b"nobody knows it\n", "404 Not Found"), "nobody knows it"),
                       (answer(b"\x1b[31mred\n", "503 Service Unavailable"), "\\u001b[31mred"),
                       (answer(LINES.encode())[:-5], "cut"), (b"", "without an answer"),
                       (b"SSH-2.0-OpenSSH\r\n", "no collector"),
                       (b"HTTP/1.1 200 OK\r\n\r\nx", "no collector")):
        _, done = asked(text, UUID)
        check((done.returncode, done.stdout) == (1, "") and said in done.stderr
              and done.stderr.count("\n") == 1, f"{text[:60]!r}: {done}")
    # A collector of this machine may answer where none is named.
    there = Path("/run/tcpinfo/query.sock").exists()
    for socket in (["--socket", "/nowhere/at/all"], *([] if there else [[]])):
        done = run(*socket, UUID)
        check((done.returncode, done.stdout) == (1, "") and "--socket names another" in done.stderr
              and "--query-socket" in done.stderr, f"no socket: {done}")
    check("/nowhere/at/all" in run("--socket", "/nowhere/at/all", UUID).stderr, "which socket")


def check_usage() -> None:
    for arguments, said in (([], "no connection named"), (["1", "2"], "one too many"),
                            (["word"], "no cookie at its end"), (["1.2.3.4:5"], "no '-' or blank"),
                            (["1", "--changes"], "--text"), (["1", "--text", "--json"], "excludes"),
                            (["1", "--since", "now"], "--since"),
                            (["1", "--time", "epoch"], "--time goes with --text or --json")):
        done = run(*arguments)
        check((done.returncode, done.stdout) == (2, "") and said in done.stderr,
              f"{arguments}: {done}")


check_names()
check_printing()
check_bad_answers()
check_usage()
finish()
