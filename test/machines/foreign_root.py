# SPDX-License-Identifier: Apache-2.0
"""Debian packages of another architecture, unpacked into a folder.

Nothing is installed, no architecture is added to this machine's dpkg, and no root is needed: apt
works with lists, a cache and a status of its own below that folder, for that one architecture. It
takes from this machine its sources, keys and proxies only. An unpacked root is kept, and made anew
when other packages are wanted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

# What the programs of another machine are built with, beside what the cross compiler brings.
WANTED = ("libnl-3-dev", "libnl-route-3-dev", "libnl-idiag-3-dev", "libzstd-dev", "libsimdjson-dev",
          "libfmt-dev", "libcli11-dev", "libpcap-dev", "libarchive-dev", "zlib1g-dev",
          "libncurses-dev", "catch2")
# The cross compiler has these, for the machine it compiles for.
COMPILERS_OWN = re.compile(r"libc6(-dev)?|linux-libc-dev|libgcc-s1|libstdc\+\+6|libatomic1|"
                           r"gcc-\d+-base")
SECONDS = 300  # for one step of apt's


class Unavailable(Exception):
    """The packages cannot be had here; says why."""


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that says what went wrong."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Err:"))]
    return (errors or lines or ["no word"])[-1]


class Apt:
    """apt for one architecture, with everything that it writes below `folder`."""

    def __init__(self, folder: Path, architecture: str) -> None:
        self.folder = folder
        for sub in ("state/lists/partial", "cache/archives/partial"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        status = folder / "status"  # nothing is installed
        status.touch()
        self.options = []
        for name, value in {
                "APT::Architecture": architecture, "APT::Architectures": architecture,
                "Dir::State": folder / "state", "Dir::State::status": status,
                "Dir::Cache": folder / "cache",
                # apt's own user may not be able to enter this folder.
                "APT::Sandbox::User": "root",
                "Acquire::Languages": "none"}.items():
            self.options += ["-o", f"{name}={value}"]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, "-q", *self.options, *arguments], cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=SECONDS, env={**os.environ, "LC_ALL": "C"})

    def update(self) -> None:
        done = self.run("apt-get", "update")
        if done.returncode:
            raise Unavailable(f"apt-get update: {said(done)}")

    def with_dependencies(self, wanted: tuple[str, ...]) -> list[str]:
        """These packages, and what they need beyond what the compiler has."""
        found: set[str] = set()
        left = set(wanted)
        while left:
            done = self.run("apt-cache", "depends", "--important", *sorted(left))
            if done.returncode:
                raise Unavailable(f"apt-cache depends: {said(done)}")
            found |= left
            needed = re.findall(r"^ +\|?Depends: ([a-z0-9.+-]+)$", done.stdout, re.MULTILINE)
            left = {name for name in needed if not COMPILERS_OWN.fullmatch(name)} - found
        return sorted(found)

    def download(self, packages: list[str], to: Path) -> list[Path]:
        to.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["apt-get", "-q", *self.options, "download", *packages], cwd=to,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=SECONDS, env={**os.environ, "LC_ALL": "C"})
        if done.returncode:
            raise Unavailable(f"apt-get download: {said(done)}")
        return sorted(to.glob("*.deb"))


def foreign_root(folder: Path, architecture: str) -> Path:
    """The root below `folder` with everything that is WANTED, unpacked where it is not there yet.
    Raises Unavailable."""
    root, stamp = folder / "root", folder / "root.packages"
    wanted = " ".join(WANTED)
    if stamp.exists() and stamp.read_text(encoding="ascii").splitlines()[0] == wanted:
        return root
    for program in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Unavailable(f"no {program} on this machine")
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    apt = Apt(folder / "apt", architecture)
    apt.update()
    files = apt.download(apt.with_dependencies(WANTED), folder / "apt" / "packages")
    for file in files:
        subprocess.run(["dpkg-deb", "-x", file, root], stdin=subprocess.DEVNULL, check=True)
    stamp.write_text("\n".join([wanted, *(file.name for file in files)]) + "\n", encoding="ascii")
    shutil.rmtree(folder / "apt")  # lists are large, and old tomorrow
    return root
