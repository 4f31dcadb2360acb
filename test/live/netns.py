# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a veth pair, made for one test and removed after it.

The receiver's namespace is where the collector usually runs; the sender's is the far end. Both
exist only here, so the addresses can be the same in every run; only the names must be unique.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

SKIPPED = 77  # what meson takes for "skipped"
CLONE_NEWNET = 0x40000000
SO_COOKIE = 57
PREFIX = "tcpinfo-test"

RECEIVER_V4, SENDER_V4 = "10.77.0.1", "10.77.0.2"
RECEIVER_V6, SENDER_V6 = "fd00:77::1", "fd00:77::2"

_libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    """What the test needs is not to be had here; the text says what."""


def _ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"`ip {' '.join(args)}` failed: {done.stderr.strip()}")


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Namespace:
    def __init__(self, name: str) -> None:
        self.name = name
        self.path = f"/run/netns/{name}"

    def enter_for_good(self) -> None:
        """For a child between fork and exec."""
        fd = os.open(self.path, os.O_RDONLY)
        _setns(fd)
        os.close(fd)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets made inside belong to this namespace for ever, wherever they are used."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self.enter_for_good()
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(home)

    def socket(self, family: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        with self.inside():
            return socket.socket(family, kind)

    def sysctl(self, name: str, value: str) -> None:
        with self.inside():
            with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as out:
                out.write(value)

    def ip(self, *args: str) -> None:
        _ip("-n", self.name, *args)


class Pair:
    """The two namespaces; use it as a context manager. A letter tells several pairs apart, whose
    addresses are the same."""

    def __init__(self, letter: str = "") -> None:
        self.receiver = Namespace(f"{PREFIX}-{os.getpid()}-{letter}r")
        self.sender = Namespace(f"{PREFIX}-{os.getpid()}-{letter}s")

    def __enter__(self) -> Pair:
        if shutil.which("ip") is None:
            raise Skip("there is no `ip` command")
        if os.geteuid() != 0:
            raise Skip("making network namespaces needs root")
        _remove_leftovers()
        try:
            for one in (self.receiver, self.sender):
                _ip("netns", "add", one.name)
            self.receiver.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth0",
                             "netns", self.sender.name)
            for one, v4, v6 in ((self.receiver, RECEIVER_V4, RECEIVER_V6),
                                (self.sender, SENDER_V4, SENDER_V6)):
                one.ip("link", "set", "lo", "up")
                one.ip("link", "set", "veth0", "up")
                self.add_address(one, v4 + "/24")
                self.add_address(one, v6 + "/64")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def close(self) -> None:
        """Removes them; again does no harm."""
        self._remove()

    @staticmethod
    def add_address(where: Namespace, address: str) -> None:
        # Without nodad an IPv6 address is unusable for a second or two.
        where.ip("address", "add", address, "dev", "veth0", *(["nodad"] if ":" in address else []))

    def _remove(self) -> None:
        # Deleting one end of the veth pair deletes the other; sockets that are still closing may
        # keep a namespace alive for a while, but not its name.
        for one in (self.receiver, self.sender):
            if os.path.exists(one.path):
                subprocess.run(["ip", "netns", "del", one.name], check=False)


def _remove_leftovers() -> None:
    """Removes what a test that was killed outright could not."""
    try:
        names = os.listdir("/run/netns")
    except FileNotFoundError:
        return
    for name in names:
        match = re.fullmatch(re.escape(PREFIX) + r"-(\d+)-[a-z]?[rs]", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def cookie_of(sock: socket.socket) -> int:
    """The kernel's name of a socket, the one that stands in its UUID."""
    return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)


def use_memory_for_scratch() -> None:
    """What is tested is the collector, not the disk: a file system on which many files were just
    deleted can take a millisecond to make one (ext4 avoids their inodes for a while). The long
    forms run on the disk."""
    memory = "/dev/shm"
    if os.environ.get("TCPINFO_LIVE_FULL") == "1" or "TMPDIR" in os.environ:
        return
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= 2 << 30:
        tempfile.tempdir = memory


def _check_usage() -> None:
    """Ends with the usage that the program's first lines say, where arguments are missing."""
    said = re.search(r"^usage: (\S+((?: [A-Z_]{2,}\b)*).*)", sys.modules["__main__"].__doc__ or "",
                     re.MULTILINE)
    if said is not None and len(sys.argv) <= len(said[2].split()):
        print(f"usage: {said[1]}", file=sys.stderr)
        sys.exit(2)


def run_test(test: Callable[[], None]) -> None:
    """Runs a test's main function: skips visibly, and cleans up when meson's time limit strikes."""
    _check_usage()

    def on_signal(number: int, _frame: object) -> None:
        raise SystemExit(f"ended by signal {number}")

    signal.signal(signal.SIGTERM, on_signal)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    use_memory_for_scratch()
    try:
        test()
    except Skip as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(SKIPPED)
    print("passed")
