# SPDX-License-Identifier: Apache-2.0
"""docs/fleet/rollout.sh with collectors that record: a version comes to all hosts, a worse one to
the first alone, which goes back. A host is a folder, and ssh runs its command there.

usage: cli_rollout.py TCPINFO-COLLECT
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from checks import check, finish

COLLECT = os.path.abspath(sys.argv[1])
ROLLOUT = Path(__file__).resolve().parent.parent.parent / "docs" / "fleet" / "rollout.sh"
HOSTS = ("red", "green", "blue")

# As ssh does: all words in one line, for a shell at the other end.
SSH = """#!/bin/sh
host=$1
shift
cd "$HOSTS/$host" 2>/dev/null || { echo "no host $host" >&2; exit 255; }
exec sh -c "$*"
"""
RESTART = """#!/bin/sh
if [ -s pid ]; then
  kill "$(cat pid)" 2>/dev/null
  while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.05; done
fi
opt/current/bin/tcpinfo-collect --output rec --layout segments --include-local \\
  --prometheus "127.0.0.1:$(cat port)" \\
  </dev/null >>log 2>&1 &
echo $! >pid
"""
# Asked once of a version that never records, and of any other until a slow machine has it started.
READY = """import os, time, urllib.request
tries = 1 if os.readlink("opt/current") in ("1.2", "1.3") else 600
for left in reversed(range(tries)):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{open('port').read()}/readyz", timeout=2).read()
        break
    except OSError:
        if left == 0:
            raise
        time.sleep(0.1)
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def packed(folder: Path, name: str, program: str) -> Path:
    """A version: a program in its bin/."""
    (folder / f"{name}.bin").write_text(program, encoding="utf-8")
    (folder / f"{name}.bin").chmod(0o755)
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as tar:
        tar.add(folder / f"{name}.bin", "bin/tcpinfo-collect")
    return folder / f"{name}.tar.gz"


class Fleet:
    def __init__(self, folder: Path):
        self.folder = folder
        programs = folder / "programs"
        programs.mkdir()
        (programs / "ssh").write_text(SSH, encoding="utf-8")
        (programs / "ssh").chmod(0o755)
        for name in HOSTS:
            home = folder / name
            home.mkdir()
            (home / "port").write_text(str(free_port()), encoding="utf-8")
            (home / "restart").write_text(RESTART, encoding="utf-8")
            (home / "ready.py").write_text(READY, encoding="utf-8")
        self.env = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", HOSTS=str(folder))

    def roll(self, version: str, tarball: Path, *hosts: str, seconds: str = "60"
             ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROLLOUT, "-d", "opt", "-r", "sh restart", "-c", f"'{sys.executable}' ready.py", "-t",
             seconds, version, tarball, *hosts], env=self.env, capture_output=True, text=True,
            timeout=110, check=False)

    def current(self) -> list[str]:
        links = [self.folder / name / "opt" / "current" for name in HOSTS]
        return [os.readlink(link) if link.is_symlink() else "" for link in links]

    def processes(self) -> list[int]:
        return [int((self.folder / name / "pid").read_text() or 0) for name in HOSTS
                if (self.folder / name / "pid").exists()]

    def end(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
            for _ in range(200):
                try:
                    os.kill(pid, 0)
                except ProcessLookupError:
                    break
                time.sleep(0.05)


def rollouts(fleet: Fleet) -> None:
    good = f"#!/bin/sh\nexec '{COLLECT}' \"$@\"\n"
    first = packed(fleet.folder, "first", good)
    done = fleet.roll("1.0", first, *HOSTS)
    check(done.returncode == 0 and fleet.current() == ["1.0"] * 3, f"1.0: {done}")
    before = fleet.processes()
    done = fleet.roll("1.0", first, *HOSTS)
    check(done.returncode == 0 and fleet.processes() == before,
          f"the same once more restarts nothing: {done}")
    done = fleet.roll("1.1", packed(fleet.folder, "second", good + "# newer\n"), *HOSTS)
    check(done.returncode == 0 and fleet.current() == ["1.1"] * 3, f"1.1: {done}")
    check(not set(fleet.processes()) & set(before), "1.1 runs")
    for version, program, seconds in (("1.2", "#!/bin/sh\nexit 1\n", "2"),
                                      ("1.3", "#!/bin/sh\nexec sleep 60\n", "2")):
        others = fleet.processes()[1:]
        done = fleet.roll(version, packed(fleet.folder, version, program), *HOSTS, seconds=seconds)
        check(done.returncode == 1 and fleet.current() == ["1.1"] * 3, f"{version}: {done}")
        check(f"red: does not record with {version}; went back, and records" in done.stdout,
              f"{version}: {done}")
        check("2 hosts are as they were" in done.stderr and fleet.processes()[1:] == others,
              f"{version}: {done}")
    done = fleet.roll("1.4", first, "black", *HOSTS)
    check(done.returncode == 1 and "black: ssh ended with 255" in done.stdout, f"no host: {done}")
    broken = fleet.folder / "broken.tar.gz"
    broken.write_bytes(first.read_bytes()[:100])
    done = fleet.roll("1.5", broken, *HOSTS)
    check(done.returncode == 1 and "red: 1.5 could not be put there" in done.stdout
          and fleet.current() == ["1.1"] * 3, f"a cut tarball: {done}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        fleet = Fleet(Path(name))
        try:
            rollouts(fleet)
        finally:
            fleet.end()
        check(all(list((Path(name) / host / "rec").rglob("*.tcpseg.zst")) for host in HOSTS),
              "each host has segments")
        good = ("1.0", str(ROLLOUT), "red")
        for arguments in ((), ("1.0",), ("-x", *good), ("-n", "0", *good), ("-n", "all", *good),
                          ("-t", "1m", *good), ("../1", *good[1:]), ("current", *good[1:])):
            done = subprocess.run([ROLLOUT, *arguments], capture_output=True, check=False,
                                  timeout=60)
            check(done.returncode == 2, f"usage: {arguments}: {done}")
    finish()


main()
