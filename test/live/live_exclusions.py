# SPDX-License-Identifier: Apache-2.0
"""What is recorded and what is not: ports and addresses excluded, local traffic, listeners,
sockets never connected, connects that fail.

usage: live_exclusions.py COLLECTOR
"""

from __future__ import annotations

import errno
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import archives
from archives import SYN_SENT, check
from collector import Collector, check_no_losses, settle
from netns import RECEIVER_V4, RECEIVER_V6, Pair, cookie_of, run_test

EXCLUDED_PORTS = "5001,40001,5003,40003,9100"
EXCLUDED_ADDRESSES = ("10.77.0.3,::ffff:10.77.0.4,10.77.0.16/28,::ffff:10.77.0.64/122,"
                      "fd00:77::3,fd00:77::1:0/112")
FAR_ADDRESSES = ("10.77.0.3/24", "10.77.0.4/24", "10.77.0.17/24", "10.77.0.33/24", "10.77.0.65/24",
                 "10.77.0.128/24", "fd00:77::3/64", "fd00:77::1:5/64", "fd00:77::2:5/64")
FAR_PORT, FAR_OTHER_PORT = 8000, 5001
LONG = 0.3  # seconds: seen by many polls


@dataclass(frozen=True)
class Case:
    """One outgoing connection, and whether the exclusions above let it be recorded."""

    remote: str
    recorded: bool
    local_port: int = 0
    remote_port: int = FAR_PORT
    brief: bool = False


def by_address(brief: bool) -> list[Case]:
    return [Case(remote, recorded, brief=brief) for remote, recorded in (
        ("10.77.0.2", True), ("::ffff:10.77.0.2", True), ("fd00:77::2", True),
        # An address given as IPv4, or in its mapped form, means both.
        ("10.77.0.3", False), ("::ffff:10.77.0.3", False),
        ("10.77.0.4", False), ("::ffff:10.77.0.4", False),
        # Prefixes: the first address beyond each is recorded.
        ("10.77.0.17", False), ("::ffff:10.77.0.17", False),
        ("10.77.0.33", True), ("::ffff:10.77.0.33", True),
        ("10.77.0.65", False), ("::ffff:10.77.0.65", False),
        ("10.77.0.128", True), ("::ffff:10.77.0.128", True),
        ("fd00:77::3", False), ("fd00:77::1:5", False), ("fd00:77::2:5", True),
    )]


def by_port(excluded: tuple[int, int], free: int, brief: bool) -> list[Case]:
    result = []
    for remote in ("10.77.0.2", "::ffff:10.77.0.33", "fd00:77::2"):
        # The second is above 32767, where a signed 16-bit port ends.
        result += [Case(remote, False, local_port=port, brief=brief) for port in excluded]
        result.append(Case(remote, True, local_port=free, brief=brief))
        # Only the local port counts.
        result.append(Case(remote, True, remote_port=FAR_OTHER_PORT, brief=brief))
    return result


CASES = (by_address(False) + by_address(True) + by_port((5001, 40001), 5002, False)
         + by_port((5003, 40003), 5004, True))


class Machine:
    """Makes every kind of socket in the collector's namespace and remembers their cookies."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.plain: dict[int, Case] = {}
        self.local: set[int] = set()
        self.never: dict[int, str] = {}
        self.failed: set[int] = set()
        self.inbound: dict[int, bool] = {}

    def outgoing(self) -> None:
        near, far = self.pair.receiver, self.pair.sender
        listeners = {}
        for port in (FAR_PORT, FAR_OTHER_PORT):
            listeners[port] = far.socket(socket.AF_INET6)
            listeners[port].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listeners[port].bind(("::", port))
            listeners[port].listen(128)
        held = []
        for case in CASES:
            v6 = ":" in case.remote
            client = near.socket(socket.AF_INET6 if v6 else socket.AF_INET)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if case.local_port:
                client.bind(("::" if v6 else "0.0.0.0", case.local_port))
            client.connect((case.remote, case.remote_port))
            server, _ = listeners[case.remote_port].accept()
            self.plain[cookie_of(client)] = case
            client.sendall(b"x" * 100)
            if case.brief:
                # Closed by the far end first, which keeps the local port free of TIME_WAIT.
                server.recv(100, socket.MSG_WAITALL)
                server.close()
                client.recv(1)
                client.close()
            else:
                held.append((client, server))
        time.sleep(LONG)
        for client, server in held:
            server.recv(100, socket.MSG_WAITALL)
            server.close()
            client.recv(1)
            client.close()
        for listener in listeners.values():
            listener.close()

    def incoming(self) -> None:
        for address in (RECEIVER_V4, RECEIVER_V6):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for port, recorded in ((9100, False), (9101, True)):
                listener = self.pair.receiver.socket(family)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, port))
                listener.listen()
                self.never[cookie_of(listener)] = "listener"
                with self.pair.sender.socket(family) as client:
                    client.connect((address, port))
                    server, _ = listener.accept()
                    self.inbound[cookie_of(server)] = recorded
                    time.sleep(0.05)
                    client.close()
                    server.recv(1)
                    server.close()
                # The end of a listener is a destroy event like any other.
                listener.close()

    def never_connected(self) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            for bound in (False, True):
                with self.pair.receiver.socket(family) as one:
                    if bound:
                        one.bind(("", 0))
                    self.never[cookie_of(one)] = "never connected"
                    time.sleep(0.05)

    def failing(self) -> None:
        """Connects nobody answers: the address belongs to a station that is not there."""
        near = self.pair.receiver
        clients = []
        for family, address in ((socket.AF_INET, "10.77.0.199"), (socket.AF_INET6, "fd00:77::99")):
            near.ip("neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "veth0")
            client = near.socket(family)
            client.setblocking(False)
            check(client.connect_ex((address, 80)) == errno.EINPROGRESS, "connect did not begin")
            self.failed.add(cookie_of(client))
            clients.append(client)
        time.sleep(LONG)
        for client in clients:
            client.close()

    def local_traffic(self) -> None:
        near, far = self.pair.receiver, self.pair.sender
        with near.inside():
            scope = socket.if_nametoindex("veth0")
        for where, address in ((near, ("127.0.0.1",)), (near, ("::1",)),
                               (near, ("::ffff:127.0.0.1",)), (far, ("fe80::77:2",))):
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            listener = where.socket(family)
            if address[0].startswith("::ffff"):
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            tail = ()
            if address[0].startswith("fe80"):
                with far.inside():
                    tail = (0, socket.if_nametoindex("veth0"))
            listener.bind((*address, 0, *tail))
            listener.listen()
            if tail:
                tail = (0, scope)
            client = near.socket(family)
            client.connect((*address, listener.getsockname()[1], *tail))
            server, _ = listener.accept()
            self.local.add(cookie_of(client))
            if where is near:
                self.local.add(cookie_of(server))
                self.never[cookie_of(listener)] = "listener"
            client.sendall(b"x")
            time.sleep(0.1)
            client.close()
            server.recv(2)
            server.close()
            listener.close()

    def make_all(self) -> None:
        self.outgoing()
        self.incoming()
        self.never_connected()
        self.failing()
        self.local_traffic()


def judge(machine: Machine, recorded: dict[int, archives.Connection], exclusions: bool,
          local: bool) -> None:
    expected = {cookie for cookie, case in machine.plain.items() if case.recorded or not exclusions}
    expected |= {cookie for cookie, yes in machine.inbound.items() if yes or not exclusions}
    expected |= machine.failed
    if local:
        expected |= machine.local
    print(f"sockets made: {len(machine.plain)} outgoing, {len(machine.inbound)} incoming, "
          f"{len(machine.failed)} failing, {len(machine.local)} local, {len(machine.never)} no "
          f"connection; expected {len(expected)}, recorded {len(recorded)}")
    names: dict[int, object] = {**machine.never, **machine.plain, **machine.inbound,
                                **{one: "local" for one in machine.local},
                                **{one: "failing" for one in machine.failed}}
    missed = [names[cookie] for cookie in expected if cookie not in recorded]
    wrong = [names.get(cookie, recorded[cookie].last()) for cookie in recorded
             if cookie not in expected]
    check(not missed, f"missed {len(missed)}: {missed[:8]}")
    check(not wrong, f"recorded and should not be, {len(wrong)}: {wrong[:8]}")
    for connection in recorded.values():
        archives.check_history(connection)
    for cookie in machine.failed:
        states = [record.state for record in recorded[cookie].records()]
        check(states[0] == SYN_SENT, f"{recorded[cookie].uuid}: states {states}")


def run(name: str, exclusions: bool, local: bool, flags: list[str]) -> None:
    print(name)
    # New namespaces for each run: no TIME_WAIT of an earlier one holds a port.
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        for address in FAR_ADDRESSES:
            pair.add_address(pair.sender, address)
        pair.add_address(pair.receiver, "fe80::77:1/64")
        pair.add_address(pair.sender, "fe80::77:2/64")
        output = Path(scratch) / "out"
        machine = Machine(pair)
        with Collector(sys.argv[1], output, pair.receiver, *flags) as collector:
            machine.make_all()
            settle()
            ended = collector.stop()
        check_no_losses(ended)
        judge(machine, archives.read_directory(output), exclusions, local)


def main() -> None:
    run("excluding", True, False, ["--exclude-srcport", EXCLUDED_PORTS,
                                   "--exclude-dstip", EXCLUDED_ADDRESSES])
    run("by default", False, False, [])
    run("local too", False, True, ["--include-local"])


run_test(main)
