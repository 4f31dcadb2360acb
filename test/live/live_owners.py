# SPDX-License-Identifier: Apache-2.0
"""--owner: whose connections are, of processes that say it themselves: who connects, who reads or
writes first what was accepted, who listens, who held connections before the collector began. At
least 99 in 100 of those that read or wrote must be right; in the long form there are 1,000.

usage: live_owners.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import collections
import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archives import check
from collector import Collector, full, wait_until
from events import Listener
from netns import RECEIVER_V4, SENDER_V4, Namespace, Pair, Skip, cookie_of, run_test

EXE = sys.argv[1]
COUNT = 1000 if full() else 200
WORKERS = 5
OUT, IN, UNUSED, HELD, GIVEN = 8000, 8001, 8002, 8003, 8004
PR_SET_NAME, PR_CAPBSET_DROP = 15, 24
CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 21, 38, 39
KEYS = ("Cgroup", "Owner", "Pid", "Comm", "Executable")


@dataclass
class Owned:
    """What a process says of a connection of its own."""

    cookie: int
    pid: int
    comm: str
    ways: tuple[str, ...]


def listen(where: Namespace, address: str, port: int) -> socket.socket:
    listener = where.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(COUNT)
    return listener


def connect(where: Namespace, address: str, port: int) -> socket.socket:
    made = where.socket(socket.AF_INET)
    made.connect((address, port))
    return made


def in_child(name: str, deed: Callable[[], list[Owned]]) -> Callable[[], list[Owned]]:
    """Begins a process of that name; what is returned waits for its end and gives what it said."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
            with os.fdopen(writer, "w", encoding="ascii") as out:
                json.dump([(o.cookie, o.pid, o.comm, o.ways) for o in deed()], out)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)

    def finish() -> list[Owned]:
        with os.fdopen(reader, encoding="ascii") as said:
            text = said.read()
        _, status = os.waitpid(pid, 0)
        check(status == 0, f"{name} ended with {status}")
        return [Owned(cookie, owner, comm, tuple(ways)) for cookie, owner, comm, ways
                in json.loads(text)]

    return finish


def of_mine(one: socket.socket, comm: str, *ways: str) -> Owned:
    return Owned(cookie_of(one), os.getpid(), comm, ways)


def client(pair: Pair, comm: str, count: int) -> list[Owned]:
    """Connects, writes, reads."""
    made = []
    for number in range(count):
        one = connect(pair.receiver, SENDER_V4, OUT)
        made.append(of_mine(one, comm, "connect"))
        one.sendall(b"x" * (1 + number))
        one.recv(1)
        one.close()
    return made


def server(listener: socket.socket, comm: str, count: int) -> list[Owned]:
    """One of several that accept from the same listener, which none of them made. Writes first,
    or reads first."""
    made = []
    for number in range(count):
        one, _ = listener.accept()
        made.append(of_mine(one, comm, "io", "accept"))
        if number % 2:
            one.sendall(b"y")
        one.recv(1)
        one.sendall(b"z")
        one.close()
    return made


def far_end(listener: socket.socket, count: int) -> list[Owned]:
    for _ in range(count):
        one, _ = listener.accept()
        one.recv(1)
        one.sendall(b"y")
        one.recv(1)
        one.close()
    return []


def far_client(pair: Pair, count: int) -> list[Owned]:
    for _ in range(count):
        one = connect(pair.sender, RECEIVER_V4, IN)
        one.sendall(b"x")
        while one.recv(1):
            pass
        one.close()
    return []


def metadata_of(output: Path) -> dict[int, dict[str, object]]:
    """By cookie, of the last file of each connection."""
    found: dict[int, dict[str, object]] = {}
    for path in sorted(output.glob("**/*.zst")):
        done = subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True)
        about = json.loads(done.stdout.split(b"\n", 1)[0])["Metadata"]
        found[int(about["UUID"][-16:], 16)] = about
    return found


def is_right(one: Owned, about: dict[str, object], wants_program: bool = True) -> bool:
    """A program that nobody had the time to look at may be missing; it is never another one."""
    program = os.readlink("/proc/self/exe")
    return (about.get("Owner") in one.ways and about.get("Pid") == str(one.pid)
            and about.get("Comm") == one.comm
            and about.get("Executable", None if wants_program else program) == program)


def short_lived(pair: Pair, listener: socket.socket) -> list[Owned]:
    """Processes that end as soon as their connection does."""
    made = []
    for number in range(20):
        finish = in_child(f"brief {number}", lambda number=number: client(  # type: ignore[misc]
            pair, f"brief {number}", 1))
        far_end(listener, 1)
        made += finish()
    return made


def by_events() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        outgoing = listen(pair.sender, SENDER_V4, OUT)
        incoming = listen(pair.receiver, RECEIVER_V4, IN)
        unused = listen(pair.receiver, RECEIVER_V4, UNUSED)
        holder = listen(pair.sender, SENDER_V4, HELD)
        own = Path("/proc/self/comm").read_text(encoding="ascii").strip()
        before = [connect(pair.receiver, SENDER_V4, HELD) for _ in range(10)]
        with Collector(EXE, output, pair.receiver, "--owner", "process", "--verbose") as collector:
            if "owners by /proc" in collector.log():
                raise Skip(f"no owners by events: {collector.log()}")
            silent = "does not tell who accepts" in collector.log()
            print("the kernel tells who accepts" if not silent else
                  "the kernel does not tell who accepts: they are known by what they read or write")
            each = COUNT // 2 // WORKERS
            waits = [in_child("far end", lambda: far_end(outgoing, each * WORKERS)),
                     in_child("far client", lambda: far_client(pair, each * WORKERS))]
            for number in range(WORKERS):
                name = f"client {number}"
                waits.append(in_child(name, lambda name=name: client(  # type: ignore[misc]
                    pair, name, each)))
                name = f"server {number}"
                waits.append(in_child(name, lambda name=name: server(  # type: ignore[misc]
                    incoming, name, each)))
            used = [one for wait in waits for one in wait()]
            check(len(used) == each * WORKERS * 2, f"{len(used)} connections were made")
            brief = short_lived(pair, outgoing)
            # Nobody accepts it.
            far = [connect(pair.sender, RECEIVER_V4, UNUSED) for _ in range(5)]
            # Opened here, used by a child.
            given = [connect(pair.receiver, SENDER_V4, HELD) for _ in range(5)]
            handed = [of_mine(one, own, "connect") for one in given]
            in_child("child", lambda: [one.sendall(b"x") for one in given] and [])()
            # Those from before that nobody uses are held by this process, which is the first.
            held = [of_mine(one, own, "iter") for one in before[:5]]
            read = [of_mine(one, "reader", "io") for one in before[5:]]

            def use() -> list[Owned]:
                for one in before[5:]:
                    one.sendall(b"x")
                time.sleep(0.5)  # long enough for somebody to look at its program
                return [Owned(o.cookie, os.getpid(), o.comm, o.ways) for o in read]

            taken = in_child("reader", use)()
            time.sleep(0.3)
            listening = {cookie for cookie in cookies_of(pair.receiver, UNUSED)}
            collector.stop()
        for one in [*before, *given, *far]:
            one.close()
        for one in (outgoing, incoming, unused, holder):
            one.close()
        told = metadata_of(output)
        wrong = [(one, told.get(one.cookie)) for one in used
                 if not is_right(one, told.get(one.cookie, {}), False)]
        ways = collections.Counter(told[one.cookie].get("Owner") for one in used
                                   if one.cookie in told)
        programs = sum("Executable" in told.get(one.cookie, {}) for one in used)
        print(f"of {len(used)} connections that read or wrote {len(wrong)} are wrong: "
              f"{dict(ways)}; the program of {programs} was seen")
        check(len(wrong) * 100 <= len(used), f"{len(wrong)} wrong, the first: {wrong[:3]}")
        # What the kernel does not tell is found otherwise, and the log says that it is so.
        check(("accept" in ways) != silent, f"accept() is told, or is not: {ways}")
        # Their program is found where they live long enough for somebody to look.
        for what, some, program in (("short-lived", brief, False), ("handed on", handed, True),
                                    ("held", held, True), ("used later", taken, True)):
            for owned in some:
                check(is_right(owned, told.get(owned.cookie, {}), program),
                      f"{what}: {owned}: {told.get(owned.cookie)}")
        found = sum("Executable" in told[one.cookie] for one in brief)
        print(f"of {len(brief)} processes of one connection the program of {found} was seen")
        check(len(listening) == 5, f"{len(listening)} that nobody accepted")
        for cookie in listening:
            owned = Owned(cookie, os.getpid(), own, ("listener",))
            check(is_right(owned, told.get(cookie, {})), f"not accepted: {told.get(cookie)}")
        for cookie, about in told.items():
            check(str(about.get("Cgroup", "")).startswith("/"), f"{cookie:x}: {about}")


def cookies_of(where: Namespace, port: int) -> list[int]:
    """Connections of a local port, as ss tells them."""
    with where.inside():
        done = subprocess.run(["ss", "-tneH", "state", "established", "sport", "=", f":{port}"],
                              capture_output=True, text=True, check=True)
    return [int(word.removeprefix("sk:"), 16) for word in done.stdout.split()
            if word.startswith("sk:")]


def by_event_socket() -> None:
    """What is accepted has an owner once it reads or writes: its close says more than its open."""
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "events"
        own = Path("/proc/self/comm").read_text(encoding="ascii").strip()
        incoming = listen(pair.receiver, RECEIVER_V4, IN)
        outgoing = listen(pair.sender, SENDER_V4, OUT)
        with Collector(EXE, Path(scratch) / "out", pair.receiver, "--owner", "process", "--verbose",
                       "--eventsocket", str(path), "--events-owner") as collector:
            without_events = "owners by /proc" in collector.log()
            listener = Listener(path)
            made = connect(pair.receiver, SENDER_V4, OUT)
            far = connect(pair.sender, RECEIVER_V4, IN)
            taken, _ = incoming.accept()
            wanted = {cookie_of(made): ("connect", "connect"),
                      cookie_of(taken): ("listener", "io")}
            check(wait_until(lambda: len(listener.lines()) >= 2, 20), "opens are missing")
            taken.sendall(b"x")
            for one in (taken, far, made):
                one.close()
            outgoing.accept()[0].close()
            check(wait_until(lambda: len(listener.lines()) >= 4, 20), "closes are missing")
            collector.stop()
        incoming.close()
        outgoing.close()
        for event in listener.finish():
            if without_events:
                continue
            how = wanted[event.cookie][event.kind]
            check(is_right(Owned(event.cookie, os.getpid(), own, (how,)), event.owner),
                  f"{event} is not of {how}")


def lose_bpf() -> None:
    """For a child between fork and exec: no BPF program is to be had any more."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def without_bpf() -> None:
    """What /proc shows is told, where it shows it; and else the control group of the socket."""
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        own = Path("/proc/self/comm").read_text(encoding="ascii").strip()
        incoming = listen(pair.receiver, RECEIVER_V4, IN)
        outgoing = listen(pair.sender, SENDER_V4, OUT)
        before = connect(pair.receiver, SENDER_V4, OUT)
        with Collector(EXE, output, pair.receiver, "--owner", "process", confine=lose_bpf
                       ) as collector:
            check(collector.says("owners by /proc"), f"not said: {collector.log()}")
            made = connect(pair.receiver, SENDER_V4, OUT)
            far = connect(pair.sender, RECEIVER_V4, IN)
            taken, _ = incoming.accept()
            unused = connect(pair.sender, RECEIVER_V4, IN)
            # /proc is gone through once a second, and when nobody has a socket that is asked for.
            for _ in range(30):
                for one in (made, taken, before):
                    one.sendall(b"x")
                time.sleep(0.1)
            collector.stop()
        told = metadata_of(output)
        for one in (before, made, taken):
            check(is_right(of_mine(one, own, "proc"), told[cookie_of(one)]),
                  f"{told[cookie_of(one)]}")
        # No process has that socket yet.
        for cookie in cookies_of(pair.receiver, IN):
            if cookie != cookie_of(taken):
                about = told[cookie]
                check(about.get("Owner", "cgroup-id") == "cgroup-id" and "Pid" not in about,
                      f"{about}")
        for one in (before, made, far, taken, unused, incoming, outgoing):
            one.close()


def told_with(*flags: str) -> dict[str, object]:
    """What is told of one connection."""
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        listener = listen(pair.sender, SENDER_V4, OUT)
        with Collector(EXE, output, pair.receiver, *flags) as collector:
            one = connect(pair.receiver, SENDER_V4, OUT)
            cookie = cookie_of(one)
            one.sendall(b"x")
            time.sleep(0.2)
            collector.stop()
        one.close()
        listener.close()
        return metadata_of(output)[cookie]


def no_more_than_asked() -> None:
    keys = {key for key in told_with() if key in KEYS}
    check(not keys, f"told without --owner: {keys}")
    for flags in (["--owner", "cgroup"], ["--owner", "process", "--anonymize", "netblock"]):
        about = told_with(*flags)
        keys = {key for key in about if key in KEYS}
        check(keys == {"Cgroup", "Owner"}, f"{flags}: {about}")


def main() -> None:
    by_events()
    by_event_socket()
    without_bpf()
    no_more_than_asked()


if __name__ == "__main__":
    run_test(main)
