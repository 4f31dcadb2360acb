# SPDX-License-Identifier: Apache-2.0
"""The example in C: it compiles as C99 without a warning, lists connections of a network namespace,
tells those that end and keeps what was said of them in an archive.

usage: live_c_example.py LIBRARY SOURCE_ROOT
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import netns

LIBRARY, SOURCE = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
EXAMPLE = SOURCE / "docs" / "examples" / "connections.c"
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SENT = 54321


def compile_by(compiler: str, folder: Path) -> Path:
    program = folder / f"by-{compiler}"
    done = subprocess.run([compiler, *FLAGS, "-I", SOURCE / "lib" / "include", EXAMPLE, "-o",
                           program, LIBRARY, f"-Wl,-rpath,{LIBRARY.parent}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def transfer(server: socket.socket, client: socket.socket) -> None:
    client.sendall(bytes(SENT))
    got = 0
    while got < SENT:
        got += len(server.recv(65536))


def line_of(running: subprocess.Popen[str], what: str) -> str:
    """The line that begins so. (What an earlier program made is in time-wait, and listed.)"""
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith(what + " "):
            return line
    raise AssertionError(f"no line {what}")


def follow(running: subprocess.Popen[str], near: str, far: str, client: socket.socket,
           server: socket.socket) -> None:
    listed = line_of(running, f"connection {near} -> {far}")
    assert f" bytes_sent={SENT} " in listed, listed
    assert re.search(r" rtt=[1-9]\d* .* cong=\w+$", listed), listed
    client.close()
    server.close()
    ended = line_of(running, f"ended {near} -> {far}")
    assert f" bytes_sent={SENT} " in ended, ended
    running.send_signal(signal.SIGINT)
    assert running.stdout is not None
    running.stdout.read()
    assert running.wait(timeout=30) == 0


def check_program(program: Path, pair: netns.Pair, folder: Path) -> None:
    where = pair.receiver
    archive = folder / f"{program.name}.jsonl.zst"
    listening = where.socket(socket.AF_INET)
    listening.bind(("127.0.0.1", 0))
    listening.listen(1)
    client = where.socket(socket.AF_INET)
    client.connect(listening.getsockname())
    server = listening.accept()[0]
    near, far = (f"127.0.0.1:{s.getsockname()[1]}" for s in (client, server))
    transfer(server, client)
    running = subprocess.Popen([program, "60", archive], stdout=subprocess.PIPE, text=True,
                               preexec_fn=where.enter_for_good)
    try:
        follow(running, near, far, client, server)
    finally:
        running.kill()
        running.wait()
    if shutil.which("zstd"):
        lines = subprocess.run(["zstd", "-dc", archive], capture_output=True, text=True,
                               check=True).stdout.splitlines()
        assert 1 <= len(lines) <= 2 and all('"RawIDM"' in line for line in lines), lines
    listening.close()
    # No permission to be had, no such folder: words, and status 1.
    done = subprocess.run([program, "1", folder / "nowhere" / "x"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "No such file or directory" in done.stderr, done


def test() -> None:
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    if not compilers:
        raise netns.Skip("there is no C compiler")
    os.environ["LC_ALL"] = "C.UTF-8"
    with tempfile.TemporaryDirectory() as scratch, netns.Pair() as pair:
        for compiler in compilers:
            check_program(compile_by(compiler, Path(scratch)), pair, Path(scratch))


netns.run_test(test)
