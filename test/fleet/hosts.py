# SPDX-License-Identifier: Apache-2.0
"""A small fleet on one machine: hosts are network namespaces on a bridge, whose connections go to a
service in the namespace in the middle."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import string
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
import netns  # noqa: E402
from netns import Namespace, Skip  # noqa: E402

# In the middle: brokers, which are not recorded, and the service.
BROKERS, SERVICE = "10.78.0.1", "10.78.0.2"
PORT = 8080
MOST_HOSTS = 20
TICK_S = 0.05


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}")


class Hosts(contextlib.ExitStack):
    """Namespaces `middle` and, by their names, `all`. Needs root."""

    def __init__(self, number: int) -> None:
        super().__init__()
        assert number <= MOST_HOSTS
        # Names as the pairs of live tests have, which sweep what a killed run has left.
        stem = f"{netns.PREFIX}-{os.getpid()}-"
        self.middle = Namespace(stem + "r")
        self.all = {f"host{at:02}": Namespace(f"{stem}{letter}s")
                    for at, letter in enumerate(string.ascii_lowercase[:number])}

    def __enter__(self) -> Hosts:
        if os.geteuid() != 0:
            raise Skip("making network namespaces needs root")
        with contextlib.ExitStack() as unwind:
            unwind.callback(self.close)
            self._make(self.middle)
            self.middle.ip("link", "add", "bridge", "type", "bridge")
            self.middle.ip("link", "set", "bridge", "up")
            for address in (BROKERS, SERVICE):
                self.middle.ip("address", "add", address + "/24", "dev", "bridge")
            for at, one in enumerate(self.all.values()):
                self._make(one)
                one.ip("link", "add", "veth0", "type", "veth", "peer", "name", f"host{at}",
                       "netns", self.middle.name)
                self.middle.ip("link", "set", f"host{at}", "master", "bridge", "up")
                one.ip("link", "set", "veth0", "up")
                one.ip("address", "add", f"10.78.0.{100 + at}/24", "dev", "veth0")
            unwind.pop_all()
        return self

    def _make(self, one: Namespace) -> None:
        _ip("netns", "add", one.name)
        self.callback(subprocess.run, ["ip", "netns", "del", one.name], check=False)
        one.ip("link", "set", "lo", "up")


class Service:
    """Answers in the middle: a short question ends its connection, others do not."""

    def __init__(self, place: Namespace) -> None:
        with place.inside():
            self.listener = socket.create_server((SERVICE, PORT), backlog=1024)
        self.listener.setblocking(False)
        self.chosen = selectors.DefaultSelector()
        self.chosen.register(self.listener, selectors.EVENT_READ)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.ended.is_set():
            for key, _ in self.chosen.select(TICK_S):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                if one is self.listener:
                    with contextlib.suppress(OSError):
                        self.chosen.register(one.accept()[0], selectors.EVENT_READ)
                    continue
                question = b""
                with contextlib.suppress(OSError):
                    question = one.recv(4096)
                    one.sendall(b"y" * 20 * len(question))
                # The service ends its connections, so that TIME_WAIT is here and not at the hosts.
                if len(question) < 100:
                    self.chosen.unregister(one)
                    one.close()

    def close(self) -> None:
        self.ended.set()
        self.thread.join()
        for key in list(self.chosen.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.chosen.close()


class Traffic:
    """Each host keeps one connection that goes on, and opens `rate` short ones a second."""

    def __init__(self, hosts: Hosts, rate: float) -> None:
        self.hosts, self.rate = hosts, rate
        self.opened = 0
        self.fault: BaseException | None = None
        self.ended = threading.Event()
        self.service = Service(hosts.middle)
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        self.service.close()
        if self.fault is not None:
            raise self.fault

    def _open(self, place: Namespace) -> socket.socket:
        one = place.socket(socket.AF_INET)
        one.settimeout(30)
        one.connect((SERVICE, PORT))
        self.opened += 1
        return one

    def _run(self) -> None:
        try:
            self._keep_going()
        except OSError as fault:
            self.fault = fault

    def _keep_going(self) -> None:
        with contextlib.ExitStack() as lasting:
            places = list(self.hosts.all.values())
            kept = [lasting.enter_context(self._open(place)) for place in places]
            due = 0.0
            while not self.ended.wait(TICK_S):
                due += self.rate * TICK_S
                asked = []
                for place, one in zip(places, kept, strict=True):
                    one.sendall(b"x" * 100)
                    one.recv(4096)
                    for _ in range(int(due)):
                        asked.append(self._open(place))
                        asked[-1].sendall(b"x" * 50)
                due -= int(due)
                for one in asked:
                    while one.recv(4096):
                        pass
                    one.close()
