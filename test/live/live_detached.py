# SPDX-License-Identifier: Apache-2.0
"""Connections whose TCP has ended while a program keeps the descriptor: each is told open once and
closed once, when its TCP ended; the descriptor's close adds its final record and nothing else, also
in a later run.

usage: live_detached.py COLLECTOR TRAFFIC TCPINFO_DUMP

One recording by dumps and one by events run side by side.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import archives
from archives import Connection, check
from collector import Collector, Ended, check_no_losses, check_verified, wait_until
from events import CLOSE, OPEN, Event, Listener, parse
from netns import RECEIVER_V4, SENDER_V4, Namespace, Pair, run_test

COLLECTOR, DUMP = sys.argv[1], sys.argv[3]
MODES = ("dump", "events")
IPPROTO_MPTCP = 262
GONE = "10.77.0.20"  # of a host that goes away
NOBODY = "10.77.0.21"  # of one that never was there
POOL = 20
PATIENCE = 30


@dataclass
class Held:
    """A socket here whose TCP ends while somebody holds it."""

    name: str
    local_port: int
    remote_port: int
    ended_ns: int = 0  # since 1970, when it had ended for sure
    release: Callable[[], None] = lambda: None
    uuids: dict[str, str] = field(default_factory=dict)  # by mode


class Scene:
    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.held: list[Held] = []
        self.far: list[socket.socket] = []
        self.server = self.listen(pair.sender, SENDER_V4)

    @staticmethod
    def listen(where: Namespace, address: str, protocol: int = 0) -> socket.socket:
        with where.inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        server.bind((address, 0))
        server.listen(64)
        return server

    def connect(self, to: socket.socket, protocol: int = 0) -> tuple[socket.socket, socket.socket]:
        """From here to there, with something sent each way."""
        with self.pair.receiver.inside():
            near = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        near.connect(to.getsockname())
        far, _ = to.accept()
        for one, other in ((near, far), (far, near)):
            one.sendall(b"x" * 1000)
            check(len(other.recv(1000, socket.MSG_WAITALL)) == 1000, "an exchange")
        return near, far

    def hold(self, name: str, near: socket.socket, remote_port: int | None = None) -> Held:
        port = near.getpeername()[1] if remote_port is None else remote_port
        one = Held(name, near.getsockname()[1], port, release=near.close)
        self.held.append(one)
        return one


def state_of(sock: socket.socket) -> int:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def wait_for_end(what: str, *socks: socket.socket) -> None:
    check(wait_until(lambda: all(state_of(one) == archives.CLOSE for one in socks), PATIENCE),
          f"{what}: its TCP does not end")


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def kill(scene: Scene, sock: socket.socket) -> None:
    with scene.pair.receiver.inside():
        subprocess.run(["ss", "-tK", "sport", "=", str(sock.getsockname()[1])], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- The ends. Each makes its connections, and returns what ends their TCP. -----------------------

def pool(scene: Scene) -> Callable[[], None]:
    """Kept for later use, with keepalive; then the server's host is not there any more."""
    scene.pair.add_address(scene.pair.sender, GONE + "/24")
    server = scene.listen(scene.pair.sender, GONE)
    ends = [scene.connect(server) for _ in range(POOL)]
    for near, far in ends:
        for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                              (socket.TCP_KEEPCNT, 1)):
            near.setsockopt(socket.IPPROTO_TCP, option, value)
        scene.hold("pool", near)
        scene.far.append(far)

    def end() -> None:
        scene.pair.sender.ip("address", "del", GONE + "/24", "dev", "veth0")
        for near, _ in ends:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        wait_for_end("pool", *(near for near, _ in ends))
    return end


def accept_queue(scene: Scene) -> Callable[[], None]:
    """Reset while it waits to be accepted."""
    server = scene.listen(scene.pair.receiver, RECEIVER_V4)
    far = scene.pair.sender.socket(socket.AF_INET)
    far.connect(server.getsockname())
    one = Held("accept queue", server.getsockname()[1], far.getsockname()[1],
               release=lambda: server.accept()[0].close())
    scene.held.append(one)

    def end() -> None:
        far.sendall(b"x")
        reset(far)
    return end


def connect_timeout(scene: Scene, wait: bool) -> Callable[[], None]:
    """Nobody answers. Who waits for it finds the socket disconnected afterwards."""
    near = scene.pair.receiver.socket(socket.AF_INET)
    near.bind((RECEIVER_V4, 0))
    remote = 7000 + len(scene.held)
    one = scene.hold("connect, waiting" if wait else "connect", near, remote)
    one.name += " timed out"
    errors: list[OSError] = []

    def work() -> None:
        try:
            near.connect((NOBODY, remote))
        except OSError as error:
            errors.append(error)
    thread = threading.Thread(target=work, daemon=True)
    if wait:
        thread.start()
    else:
        near.setblocking(False)
        check(near.connect_ex((NOBODY, remote)) != 0, "somebody answers")

    def end() -> None:
        if wait:
            thread.join(PATIENCE)
            check(errors, "somebody answers")
        wait_for_end(one.name, near)
    return end


def killed(scene: Scene) -> Callable[[], None]:
    near, far = scene.connect(scene.server)
    scene.hold("ss -K", near)
    scene.far.append(far)

    def end() -> None:
        kill(scene, near)
        wait_for_end("ss -K", near)
    return end


def both_shut_down(scene: Scene, here_first: bool) -> Callable[[], None]:
    near, far = scene.connect(scene.server)
    scene.hold(f"shut down, {'here' if here_first else 'there'} first", near)
    scene.far.append(far)

    def end() -> None:
        for one, other in ((near, far), (far, near))[::1 if here_first else -1]:
            one.shutdown(socket.SHUT_WR)
            check(other.recv(1) == b"", "the end of the stream")
        wait_for_end("both shut down", near)
    return end


def reset_there(scene: Scene) -> Callable[[], None]:
    near, far = scene.connect(scene.server)
    scene.hold("reset by the other side", near)

    def end() -> None:
        reset(far)
        wait_for_end("reset", near)
    return end


def mptcp(scene: Scene) -> Callable[[], None]:
    """The first subflow is disconnected when the connection ends, and lives as long as it is
    held."""
    try:
        server = scene.listen(scene.pair.sender, SENDER_V4, IPPROTO_MPTCP)
    except OSError as error:
        print(f"NOTE: no MPTCP here: {error}")
        return lambda: None
    near, far = scene.connect(server, IPPROTO_MPTCP)
    scene.hold("MPTCP, first subflow", near)

    def end() -> None:
        far.close()
        check(near.recv(1) == b"", "the end of the stream")
        near.shutdown(socket.SHUT_WR)
    return end


ENDS: tuple[Callable[[Scene], Callable[[], None]], ...] = (
    pool,
    accept_queue,
    lambda scene: connect_timeout(scene, wait=False),
    lambda scene: connect_timeout(scene, wait=True),
    killed,
    lambda scene: both_shut_down(scene, here_first=True),
    lambda scene: both_shut_down(scene, here_first=False),
    reset_there,
    mptcp,
)


# --- The recordings -------------------------------------------------------------------------------

class Recording:
    def __init__(self, mode: str, scratch: Path) -> None:
        self.mode = mode
        self.output = scratch / mode
        self.socket = scratch / (mode + ".sock")
        self.collector: Collector | None = None
        self.listener: Listener | None = None

    def start(self, pair: Pair) -> Collector:
        self.collector = Collector(COLLECTOR, self.output, pair.receiver, "--sampling", self.mode,
                                   "--eventsocket", str(self.socket))
        self.listener = Listener(self.socket)
        return self.collector

    def events(self) -> list[Event]:
        assert self.listener is not None
        return [parse(line) for line in self.listener.lines()]

    def closed(self) -> set[str]:
        return {one.uuid for one in self.events() if one.kind == CLOSE}

    def stop(self) -> tuple[Ended, list[Event]]:
        assert self.collector is not None and self.listener is not None
        ended = self.collector.stop()
        told = self.listener.finish()
        print(f"{self.mode}: ", end="")
        check_no_losses(ended)
        return ended, told


def find(recording: Recording, held: list[Held]) -> None:
    """Which UUID each has, by its ports, which its open tells."""
    by_ports = {(one.id["SPort"], one.id["DPort"]): one.uuid for one in recording.events()
                if one.id is not None}
    for one in held:
        uuid = by_ports.get((one.local_port, one.remote_port))
        if uuid is not None:
            one.uuids[recording.mode] = uuid


def check_told(recording: Recording, told: list[Event], held: list[Held]) -> None:
    for kind, what in ((OPEN, "opens"), (CLOSE, "closes")):
        times = Counter(one.uuid for one in told if one.kind == kind)
        check(set(times.values()) <= {1}, f"{recording.mode}: {what} told twice: "
              f"{[uuid for uuid, n in times.items() if n > 1][:3]}")
    opens = {one.uuid: one.time_ns for one in told if one.kind == OPEN}
    closes = {one.uuid: one.time_ns for one in told if one.kind == CLOSE}
    for one in held:
        where = f"{recording.mode}: {one.name} {one.local_port}"
        uuid = one.uuids.get(recording.mode)
        check(uuid in opens and uuid in closes, f"{where}: {uuid} was not told")
        assert uuid is not None
        # That of the poll which did not show it any more; a busy machine is late.
        check(opens[uuid] <= closes[uuid] <= one.ended_ns + 2_000_000_000,
              f"{where}: closed {(closes[uuid] - one.ended_ns) / 1e9:.3f} s after its end")


def check_files(recording: Recording, connections: dict[int, Connection], held: list[Held],
                files: int) -> None:
    for one in held:
        where = f"{recording.mode}: {one.name} {one.local_port}"
        connection = connections[int(one.uuids[recording.mode][-16:], 16)]
        archives_of = connection.archives
        check(len(archives_of) == files, f"{where}: {len(archives_of)} files")
        archives.check_history(connection)
        final = connection.last()
        check(final.from_event == (files > 1), f"{where}: its last record")
        if files > 1:
            check(len(archives_of[-1].lines) == 1, f"{where}: more than its final record")


def main() -> None:
    with (Pair() as pair, tempfile.TemporaryDirectory() as directory,
          contextlib.ExitStack() as stack):
        pair.receiver.sysctl("net.ipv4.tcp_syn_retries", "1")
        with contextlib.suppress(OSError):  # since Linux 6.5
            pair.receiver.sysctl("net.ipv4.tcp_syn_linear_timeouts", "0")
        pair.receiver.ip("neigh", "add", NOBODY, "lladdr", "02:00:00:00:00:99", "dev", "veth0",
                         "nud", "permanent")
        recordings = []
        for mode in MODES:
            one = Recording(mode, Path(directory))
            try:
                stack.enter_context(one.start(pair))
                recordings.append(one)
            except archives.Malformed as reason:
                if "cannot sample by events" not in str(reason):
                    raise
                print(f"NOTE: only by dumps: {reason}")

        scene = Scene(pair)
        ends = [make(scene) for make in ENDS]
        for one in recordings:
            check(wait_until(lambda one=one: len(one.events()) >= len(scene.held), PATIENCE),
                  f"{one.mode}: {len(one.events())} of {len(scene.held)} opens are told")
        threads = [threading.Thread(target=end) for end in ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        for one in scene.held:
            one.ended_ns = time.time_ns()

        for recording in recordings:
            find(recording, scene.held)
            uuids = {one.uuids.get(recording.mode) for one in scene.held}
            check(wait_until(lambda r=recording, u=uuids: u <= r.closed(), PATIENCE),
                  f"{recording.mode}: these are not told closed while they are held: " + str(
                      [one.name for one in scene.held
                       if one.uuids.get(recording.mode) not in recording.closed()]))
        # Every second is given up while the collectors run; each kind is among them.
        early = scene.held[:POOL:2] + scene.held[POOL:-1:2]
        late = [one for one in scene.held if one not in early]
        for one in early:
            one.release()
        waiting, far = scene.connect(scene.server)
        last = scene.hold("waits at the end", waiting)
        for recording in recordings:
            check(wait_until(lambda r=recording: (find(r, [last]), recording.mode in last.uuids)[1],
                             PATIENCE), f"{recording.mode}: the last open is not told")
            # Its final record has been read when that of the others has.
            check(wait_until(lambda r=recording: all(
                any(r.output.glob(f"**/{one.uuids[r.mode]}.00001.jsonl.zst*")) for one in early),
                PATIENCE), f"{recording.mode}: final records are missing")
        kill(scene, waiting)
        wait_for_end("the last one", waiting)
        last.ended_ns = time.time_ns()
        for recording in recordings:
            ended, told = recording.stop()
            check(ended.number("connections") == len(scene.held),
                  f"{recording.mode}: connections={ended.summary['connections']}, "
                  f"{len(scene.held)} were made")
            check_told(recording, told, scene.held)
            recorded = archives.read_directory(recording.output)
            check(len(recorded) == len(scene.held), f"{recording.mode}: {len(recorded)} recorded")
            check_files(recording, recorded, early, 2)
            check_files(recording, recorded, [*late, last], 1)
            check_verified(DUMP, recording.output)

        # Another run hears of the ends of sockets whose connections this one has finalized.
        for recording in recordings:
            stack.enter_context(recording.start(pair))
        for one in [*late, last]:
            one.release()
        for recording in recordings:
            check(wait_until(lambda r=recording: all(
                any(r.output.glob(f"**/{one.uuids[r.mode]}.00001.jsonl.zst*"))
                for one in [*late, last]), PATIENCE), f"{recording.mode}: the next run's finals")
            ended, told = recording.stop()
            check(ended.number("connections") == 0 and not told,
                  f"{recording.mode}: the next run tells of connections that had ended: {told[:3]}")
            recorded = archives.read_directory(recording.output)
            check(len(recorded) == len(scene.held), f"{recording.mode}: {len(recorded)} recorded")
            for one in recorded.values():
                check(len(one.archives) == 2, f"{one.uuid}: {len(one.archives)} files")
            check_verified(DUMP, recording.output)
        for far in scene.far:
            far.close()


run_test(main)
