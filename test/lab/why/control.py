# SPDX-License-Identifier: Apache-2.0
"""A congestion control of the lab's own, which no rule was made with: compiled, and loaded into the
kernel (BPF struct_ops) while flows use it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from place import Failed, Skip

NAME = "tcpinfo_lab"
SOURCE = Path(__file__).resolve().parent / "control.bpf.c"
# Who uses it holds this lock, which the kernel takes from whoever ends, however that is.
LOCK = Path("/run/lock/tcpinfo-lab-control")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"`{' '.join(command[:3])}` failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def _loaded() -> list[int]:
    """The kernel's numbers of it."""
    found = json.loads(_run("bpftool", "-j", "struct_ops", "list") or "[]")
    return [one["id"] for one in found if one.get("name") == NAME]


def skip_without_tools() -> None:
    """Raises Skip, and which, where a program is missing that the other tools are."""
    missing = [name for name in ("clang", "iptables", "nft", "tc", "bpftool")
               if shutil.which(name) is None]
    if missing:
        raise Skip(f"these are not installed: {', '.join(missing)}")


def _load(scratch: Path) -> None:
    made = scratch / "control.o"
    _run("clang", "-g", "-O2", "-target", "bpf", "-mcpu=v3",
         f"-I/usr/include/{platform.machine()}-linux-gnu", "-c", str(SOURCE), "-o", str(made))
    _run("bpftool", "struct_ops", "register", str(made))
    if not _loaded():
        raise Skip(f"bpftool has registered {NAME}, but does not list it")


def _unload() -> None:
    """New sockets cannot have it any more; the kernel keeps it until the last that has it is
    gone."""
    for number in _loaded():
        _run("bpftool", "struct_ops", "unregister", "id", str(number))


def _is_alone(lock: int) -> bool:
    """Takes the lock for itself, where nobody else uses it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _held_lock() -> Iterator[int]:
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _unload_if_alone(lock: int) -> None:
    """At the end: what cannot be unloaded would be left for other programs of this machine."""
    if not _is_alone(lock):
        return
    try:
        _unload()
    except Skip as why:
        print(f"{NAME} is still loaded: {why}", file=sys.stderr)
        raise Failed(str(why)) from why


@contextlib.contextmanager
def loaded(scratch: Path) -> Iterator[None]:
    """Where it cannot be had, raises Skip, and why. Several runs share it, and the last one unloads
    it. A run that is killed outright leaves it loaded: the next one unloads that first, for it may
    be of another source."""
    skip_without_tools()
    with _held_lock() as lock:
        while True:
            if _is_alone(lock):
                _unload()
                _load(scratch)
            # Waits for who loads or unloads it just now.
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _loaded():
                break
        try:
            yield
        except BaseException:
            # What went wrong counts. That it could not be unloaded, too, is said beside it.
            with contextlib.suppress(Failed):
                _unload_if_alone(lock)
            raise
        _unload_if_alone(lock)
