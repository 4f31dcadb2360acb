# SPDX-License-Identifier: Apache-2.0
"""Connections that end in every way TCP has, side by side: each with a peer's address of its own,
by which it is found again in what was recorded.

A case is a generator. It yields what it waits for, or None: until every collector has looked at all
sockets once more.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from archives import check
from events import Listener
from netns import Namespace, Pair

TCP_REPAIR, TCP_USER_TIMEOUT, TCP_SYNCNT, IPPROTO_MPTCP = 19, 18, 7, 262
CLOSE, CLOSING = 7, 11
RTM_NEWNEIGH, NDA_DST, NDA_LLADDR, NUD_PERMANENT = 28, 1, 2, 0x80
NOBODY = bytes.fromhex("020000000099")  # an address that nobody has: what is sent there is lost
PORT = 7700

Wait = Callable[[], object] | None
Steps = Generator[Wait, None, None]


def info(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 280)


def has_ended(sock: socket.socket) -> Callable[[], bool]:
    return lambda: info(sock)[0] == CLOSE


def has_retransmitted(sock: socket.socket, times: int) -> Callable[[], bool]:
    return lambda: info(sock)[2] >= times


def is_closed_by_peer(sock: socket.socket) -> Callable[[], bool]:
    """Its FIN, or RST, has come."""
    def came() -> bool:
        try:
            return sock.recv(1 << 16, socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
    return came


def be_patient(sock: socket.socket) -> None:
    """Sends again for longer than a busy machine takes to go on with the test."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000)


def linger_zero(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def vanish(sock: socket.socket) -> None:
    """Closes it without a word to the other end, which is answered by RST from then on."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


class Link:
    """One connection from the receiver's namespace, where it is recorded, to the sender's."""

    def __init__(self, pair: Pair, number: int, family: int = socket.AF_INET,
                 protocol: int = 0, small: bool = False, connected: bool = True) -> None:
        self.pair, self.family = pair, family
        v4 = family == socket.AF_INET
        self.local = f"10.78.2.{number}" if v4 else f"fd00:78::2:{number}"
        self.remote = f"10.78.1.{number}" if v4 else f"fd00:78::1:{number}"
        with pair.sender.inside():
            listener = socket.socket(family, socket.SOCK_STREAM, protocol)
        with pair.receiver.inside():
            self.here = socket.socket(family, socket.SOCK_STREAM, protocol)
        self.there = listener
        if not connected:
            listener.close()
            self.here.bind((self.local, 0))
            return
        with listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if small:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            listener.bind((self.remote, PORT))
            listener.listen()
            self.here.bind((self.local, 0))
            self.here.connect((self.remote, PORT))
            self.there = listener.accept()[0]
        # Both ends have sent and received, so that each has its round-trip time.
        for one, other in ((self.here, self.there), (self.there, self.here)):
            one.sendall(b"x" * 100)
            check(other.recv(100) == b"x" * 100, "an exchange")

    def cut(self, here: bool = True, there: bool = True) -> None:
        """What this end sends is lost, what the other end sends is."""
        if here:
            _neighbour(self.pair.receiver, self.remote, NOBODY)
        if there:
            _neighbour(self.pair.sender, self.local, NOBODY)

    def mend(self) -> None:
        _neighbour(self.pair.receiver, self.remote, _link(self.pair.sender)[1])
        _neighbour(self.pair.sender, self.local, _link(self.pair.receiver)[1])

    def close(self) -> None:
        self.here.close()
        self.there.close()


@functools.lru_cache
def _link(where: Namespace) -> tuple[int, bytes]:
    """Index and address of its end of the veth pair."""
    with where.inside():
        text = subprocess.run(["ip", "-o", "link", "show", "dev", "veth0"], capture_output=True,
                              text=True, check=True).stdout
    return int(text.split(":")[0]), bytes.fromhex(
        text.split("link/ether ")[1].split()[0].replace(":", ""))


def _neighbour(where: Namespace, address: str, link_address: bytes) -> None:
    """Where packets for that address go, for good. `ip neigh` does the same, and takes a process
    for each."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    body = struct.pack("=BBHiHBB", family, 0, 0, _link(where)[0], NUD_PERMANENT, 0, 0)
    for kind, value in ((NDA_DST, socket.inet_pton(family, address)), (NDA_LLADDR, link_address)):
        body += struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
    request, create, replace, ack = 1, 0x400, 0x100, 4
    with where.inside():
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWNEIGH,
                                 request | create | replace | ack, 1, 0) + body)
        error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    check(error == 0, f"RTM_NEWNEIGH: {error}")


# --- The ends: what recorded them as --------------------------------------------------------------

def fin_by_us(link: Link) -> Steps:
    link.here.close()
    yield is_closed_by_peer(link.there)
    link.there.close()


def fin_by_them(link: Link) -> Steps:
    link.there.close()
    yield is_closed_by_peer(link.here)
    link.here.close()


def fin_by_both(link: Link) -> Steps:
    be_patient(link.here)
    be_patient(link.there)
    link.cut(there=False)
    link.here.shutdown(socket.SHUT_WR)
    link.there.shutdown(socket.SHUT_WR)  # its FIN comes, and does not acknowledge ours
    yield lambda: info(link.here)[0] == CLOSING
    yield None
    link.mend()
    yield has_ended(link.here)


def half_closed_here_first(link: Link) -> Steps:
    link.here.shutdown(socket.SHUT_WR)
    yield is_closed_by_peer(link.there)
    link.there.shutdown(socket.SHUT_WR)
    yield is_closed_by_peer(link.here)
    yield None
    link.close()


def half_closed_there_first(link: Link) -> Steps:
    link.there.shutdown(socket.SHUT_WR)
    yield is_closed_by_peer(link.here)
    link.here.shutdown(socket.SHUT_WR)
    yield is_closed_by_peer(link.there)
    yield None
    link.close()


def zero_linger_here(link: Link) -> Steps:
    linger_zero(link.here)
    link.here.close()
    yield None


def zero_linger_there(link: Link) -> Steps:
    linger_zero(link.there)
    link.there.close()
    yield has_ended(link.here)


def unread_here(link: Link) -> Steps:
    link.there.sendall(b"unread")
    yield None
    link.here.close()
    yield None


def unread_there(link: Link) -> Steps:
    link.here.sendall(b"unread")
    yield None
    link.there.close()
    yield has_ended(link.here)


def reset_of_data(link: Link) -> Steps:
    vanish(link.there)
    yield None
    link.here.sendall(b"to nobody")
    yield has_ended(link.here)


def reset_of_probe(link: Link) -> Steps:
    keepalive(link.here, 3)
    vanish(link.there)
    yield has_ended(link.here)


def reset_after_retransmissions(link: Link) -> Steps:
    be_patient(link.here)
    link.cut()
    link.here.sendall(b"again and again")
    yield has_retransmitted(link.here, 4)
    vanish(link.there)
    link.mend()
    yield has_ended(link.here)


def keepalive(sock: socket.socket, probes: int) -> None:
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                          (socket.TCP_KEEPCNT, probes)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def keepalive_timeout(probes: int) -> Callable[[Link], Steps]:
    def steps(link: Link) -> Steps:
        link.cut()
        keepalive(link.here, probes)
        yield has_ended(link.here)
    return steps


def user_timeout(link: Link) -> Steps:
    link.cut()
    link.here.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 300)
    link.here.sendall(b"to nobody")
    yield has_ended(link.here)


def retransmission_timeout(link: Link) -> Steps:
    link.cut()
    link.here.sendall(b"to nobody")
    yield has_ended(link.here)


def window_timeout(link: Link) -> Steps:
    link.here.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            link.here.send(b"x" * 65536)
    yield lambda: info(link.here)[3] > 0  # a probe was sent: the window is closed
    link.cut()
    yield has_ended(link.here)


def orphan_in_fin_wait1(link: Link) -> Steps:
    link.cut()
    link.here.close()
    yield None


def orphan_in_last_ack(link: Link) -> Steps:
    link.there.close()
    yield is_closed_by_peer(link.here)
    yield None
    link.cut()
    link.here.close()
    yield None


def killed(link: Link) -> Steps:
    with link.pair.receiver.inside():
        subprocess.run(["ss", "-tK", "dst", f"[{link.remote}]" if ":" in link.remote
                        else link.remote], check=True, stdout=subprocess.DEVNULL)
    yield has_ended(link.here)


def repaired(link: Link) -> Steps:
    vanish(link.here)
    yield None


def mptcp(link: Link) -> Steps:
    link.there.close()
    yield is_closed_by_peer(link.here)
    link.here.close()
    yield None


def connect(link: Link) -> None:
    link.here.setblocking(False)
    check(link.here.connect_ex((link.remote, PORT)) == errno.EINPROGRESS, "a connect did not wait")


def refused(link: Link) -> Steps:
    link.cut()
    connect(link)
    yield None
    link.mend()
    yield has_ended(link.here)


def never_answered(link: Link) -> Steps:
    link.cut()
    link.here.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
    connect(link)
    yield has_ended(link.here)


# Name, how `tcpinfo-dump ls` tells it, and how it is made.
CASES: tuple[tuple[str, str, Callable[[Link], Steps]], ...] = (
    ("FIN by us", "fin_local", fin_by_us),
    ("FIN by them", "fin_remote", fin_by_them),
    ("FIN by both at once", "fin_both", fin_by_both),
    ("both half-closed, here first", "fin_local", half_closed_here_first),
    ("both half-closed, there first", "fin_remote", half_closed_there_first),
    ("zero linger here", "aborted", zero_linger_here),
    ("zero linger here, IPv6", "aborted", zero_linger_here),
    ("zero linger there", "rst", zero_linger_there),
    ("closed with data unread here", "aborted", unread_here),
    ("closed with data unread there", "rst", unread_there),
    ("RST in answer to data", "rst", reset_of_data),
    ("RST in answer to a keepalive probe", "rst", reset_of_probe),
    ("RST after four retransmissions", "rst", reset_after_retransmissions),
    ("keepalive timeout, 1 probe", "timeout", keepalive_timeout(1)),
    ("keepalive timeout, 2 probes", "timeout", keepalive_timeout(2)),
    ("keepalive timeout, 3 probes", "timeout", keepalive_timeout(3)),
    ("user timeout", "timeout", user_timeout),
    ("retransmission timeout", "timeout", retransmission_timeout),
    ("zero-window timeout", "timeout", window_timeout),
    ("orphan in FIN_WAIT1", "timeout", orphan_in_fin_wait1),
    ("orphan in LAST_ACK", "timeout", orphan_in_last_ack),
    ("ss -K", "aborted", killed),
    ("ss -K, IPv6", "aborted", killed),
    ("TCP_REPAIR", "aborted", repaired),
    ("MPTCP, first subflow", "aborted", mptcp),
    ("connect refused", "no_connect", refused),
    ("connect timed out", "no_connect", never_answered),
)


def prepare(pair: Pair) -> None:
    """Addresses for each case, and timeouts of seconds."""
    for where, part in ((pair.receiver, 2), (pair.sender, 1)):
        lines = []
        for number in range(1, len(CASES) + 3):
            lines += [f"address add 10.78.{part}.{number}/16 dev veth0",
                      f"address add fd00:78::{part}:{number}/64 dev veth0 nodad"]
        # Retransmissions begin at once; the timeouts below do not depend on it.
        lines += ["route replace 10.78.0.0/16 dev veth0 rto_min 20ms",
                  "route replace fd00:78::/64 dev veth0 rto_min 20ms"]
        with where.inside():
            subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        where.sysctl("net.ipv4.tcp_retries2", "3")
        where.sysctl("net.ipv4.tcp_orphan_retries", "2")


def make(pair: Pair, number: int, name: str) -> Link:
    family = socket.AF_INET6 if name.endswith("IPv6") else socket.AF_INET
    protocol = IPPROTO_MPTCP if name.startswith("MPTCP") else 0
    return Link(pair, number, family, protocol, small=name.startswith("zero-window"),
                connected=not name.startswith("connect "))


class Lookout:
    """Knows when every collector has looked at everything once more: each has told of two
    connections that were made one after the other. It makes such all the time, in a thread."""

    def __init__(self, pair: Pair, sockets: list[Path]) -> None:
        self._pair = pair
        self._listeners = [Listener(path) for path in sockets]
        self._server = pair.sender.socket(socket.AF_INET)
        self._server.bind((f"10.78.1.{len(CASES) + 2}", PORT))
        self._server.listen(64)
        self._begun = self._done = 0
        self._ends = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        try:
            while not self._ends:
                self._begun += 1
                for _ in range(2):
                    self._one()
                self._done += 1
        except BaseException as failure:  # told in the test's own thread
            self._failure = failure

    def _one(self) -> None:
        with self._pair.receiver.socket(socket.AF_INET) as one:
            one.connect(self._server.getsockname())
            with self._server.accept()[0]:
                port = f'"SPort":{one.getsockname()[1]},'
                self.until(lambda listener: any(port in line for line in listener.lines()),
                           "an open was not told")

    def until(self, holds: Callable[[Listener], bool], otherwise: str) -> None:
        deadline = time.monotonic() + 30
        while not all(map(holds, self._listeners)):
            check(time.monotonic() < deadline, otherwise)
            time.sleep(0.005)

    def passed(self) -> Callable[[], bool]:
        """Whether all has been looked at since this call."""
        wanted = self._begun + 1

        def has() -> bool:
            if self._failure is not None:
                raise self._failure
            return self._done >= wanted
        return has

    def end(self) -> None:
        self._ends = True
        self._thread.join(60)
        check(not self._thread.is_alive() and self._failure is None, f"lookout: {self._failure}")
        self._server.close()


def run(pair: Pair, lookout: Lookout) -> dict[str, Link]:
    """Provokes them all. The links by the names of their cases; their sockets are closed."""
    links = {name: make(pair, number, name) for number, (name, _, _) in enumerate(CASES, 1)}
    begin = lookout.passed()
    going: dict[str, tuple[Steps, Callable[[], object]]] = {
        name: (steps(links[name]), begin) for name, _, steps in CASES}
    deadline = time.monotonic() + 40
    while going:
        check(time.monotonic() < deadline, f"these do not go on: {list(going)}")
        for name, (steps, waits_for) in list(going.items()):
            if not waits_for():
                continue
            try:
                going[name] = (steps, next(steps) or lookout.passed())
            except StopIteration:
                links[name].close()
                del going[name]
        time.sleep(0.002)
    return links
