# SPDX-License-Identifier: Apache-2.0
"""The examples of the docs, run on connections made here and on recorded ones. (The sidecar has its
part in live_events.py.)

usage: examples.py LIST CLOSING_LOGGER ARCHIVE_STATISTICS GOLDEN
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

LISTER, LOGGER, STATISTICS = sys.argv[1:4]
GOLDEN = Path(sys.argv[4])
BYTES = 12345


def check(holds: bool, fault: str) -> None:
    if not holds:
        print(f"FAILED: {fault}")
        sys.exit(1)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(one) for one in command], capture_output=True, text=True,
                          timeout=30, check=False)


def test_list() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            mine = client.getsockname()[1]
            done = run(LISTER)
    check(done.returncode == 0, f"list: {done}")
    ends = {tuple(line.split()[3:5]) for line in done.stdout.splitlines()[1:]}
    check((f"127.0.0.1:{mine}", f"127.0.0.1:{port}") in ends, f"list: not there: {done.stdout}")
    check((f"127.0.0.1:{port}", f"127.0.0.1:{mine}") in ends, "list: the other end is not there")


def test_closing_logger() -> None:
    with subprocess.Popen([LOGGER, "0", "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, bufsize=1) as logger:
        assert logger.stdout is not None and logger.stderr is not None
        check("listening" in logger.stderr.readline(), "closing_logger does not listen")
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(("127.0.0.1", server.getsockname()[1])) as client:
                mine = client.getsockname()[1]
                accepted = server.accept()[0]
                client.sendall(bytes(BYTES))
                got = 0
                while got < BYTES:
                    got += len(accepted.recv(65536))
            accepted.close()
        # Others close connections as well.
        for line in logger.stdout:
            if f"127.0.0.1 {mine} " in line and f"sent={BYTES} " in line:
                break
        else:
            check(False, "closing_logger did not see it")
        logger.terminate()


def test_archive_statistics() -> None:
    files = sorted(GOLDEN.glob("kernel618_*.jsonl"))
    check(bool(files), f"no archives in {GOLDEN}")
    done = run(STATISTICS, *files)
    check(done.returncode == 0, f"archive_statistics: {done}")
    for file in files:
        records = sum(1 for line in open(file, "rb") if b'"RawIDM"' in line)
        check(str(records) in done.stdout,
              f"archive_statistics: {file.name}: not {records} records")
    done = run(STATISTICS, GOLDEN / "nothing.jsonl")
    check(done.returncode == 1 and bool(done.stderr), f"archive_statistics of nothing: {done}")


test_list()
test_closing_logger()
test_archive_statistics()
print("passed")
