# SPDX-License-Identifier: Apache-2.0
"""A congestion control of the lab's own, which no rule was made with: compiled, and loaded into the
kernel (BPF struct_ops) while flows use it."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from place import Skip

NAME = "tcpinfo_lab"
SOURCE = Path(__file__).resolve().parent / "control.bpf.c"


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


@contextlib.contextmanager
def loaded(scratch: Path) -> Iterator[None]:
    """Where it cannot be had, raises Skip, and why. Another run that has it loaded keeps it."""
    skip_without_tools()
    if _loaded():
        yield
        return
    made = scratch / "control.o"
    _run("clang", "-g", "-O2", "-target", "bpf", "-mcpu=v3",
         f"-I/usr/include/{platform.machine()}-linux-gnu", "-c", str(SOURCE), "-o", str(made))
    _run("bpftool", "struct_ops", "register", str(made))
    try:
        yield
    finally:
        # The kernel keeps it until the last socket that has it is gone.
        for number in _loaded():
            _run("bpftool", "struct_ops", "unregister", "id", str(number))
