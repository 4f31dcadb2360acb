# SPDX-License-Identifier: Apache-2.0
"""Sampling by events beside sampling by dumps, both watching the same connections: what the dumps
see change, the events must have told of, no later than one tick after.

usage: live_sampling.py COLLECTOR
With TCPINFO_LIVE_FULL=1 it takes a minute instead of 6 s.
"""

from __future__ import annotations

import bisect
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import archives
from archives import AGES, GROWING, STEP_NS, check
from collector import (Collector, as_nobody_if_possible, check_no_losses, full, sanitized, settle,
                       wait_until)
from netns import RECEIVER_V4, RECEIVER_V6, Namespace, Pair, Skip, cookie_of, run_test
from scrape import http_get, parse

COLLECTOR = sys.argv[1]
TICK_NS = 10_000_000
# Beside one tick after: two programs that share two processors with the load are late at times.
SLACK_NS = 8_000_000
RECONCILE_NS = 2_000_000_000
PORT = 9991
PROGRAMS = ("on_state", "keep_answer")  # of those that the collector loads


class Workload:
    """Bulk, requests and answers, closed on one side, keepalive, zero window; over a link that
    drops what comes too fast."""

    def __init__(self, pair: Pair, seconds: float) -> None:
        self.pair, self.end = pair, time.monotonic() + seconds
        self.sockets: list[socket.socket] = []
        self.jobs: list[threading.Thread] = []

    def connect(self, address: str) -> tuple[socket.socket, socket.socket]:
        """The receiver's end, which is recorded, and the sender's."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.pair.receiver.socket(family) as listener:
            listener.bind((address, 0))
            listener.listen()
            far = self.pair.sender.socket(family)
            far.connect(listener.getsockname()[:2])
            near, _ = listener.accept()
        self.sockets += [near, far]
        return near, far

    def start(self, job, *arguments: object) -> None:
        thread = threading.Thread(target=self.guard, args=(job, *arguments))
        thread.start()
        self.jobs.append(thread)

    @staticmethod
    def guard(job, *arguments: object) -> None:
        try:
            job(*arguments)
        except OSError:
            pass  # closed at the end

    def bulk(self, sender: socket.socket, receiver: socket.socket) -> None:
        def read() -> None:
            while receiver.recv(1 << 16):
                pass

        self.start(read)
        while time.monotonic() < self.end:
            sender.sendall(bytes(1 << 15))
            time.sleep(0.02)
        sender.shutdown(socket.SHUT_WR)

    def requests(self, client: socket.socket, server: socket.socket, pause: float) -> None:
        def answer() -> None:
            while server.recv(1 << 16):
                server.sendall(bytes(3000))

        self.start(answer)
        while time.monotonic() < self.end:
            client.sendall(bytes(200))
            left = 3000
            while left:
                got = client.recv(left)
                if not got:
                    return  # closed at the end
                left -= len(got)
            time.sleep(pause)
        client.shutdown(socket.SHUT_WR)

    def half_closed(self, client: socket.socket, server: socket.socket) -> None:
        """Acknowledgements come late; the server, in CLOSE_WAIT, has nothing to send by then."""
        def read() -> None:
            while client.recv(1 << 16):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)

        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        self.start(read)
        client.shutdown(socket.SHUT_WR)
        while time.monotonic() < self.end:
            server.sendall(bytes(100))
            time.sleep(0.15)

    @staticmethod
    def keepalive(one: socket.socket) -> None:
        for level, option, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                                     (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
                                     (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)):
            one.setsockopt(level, option, value)

    @staticmethod
    def fill(one: socket.socket) -> None:
        """The peer never reads."""
        one.setblocking(False)
        for _ in range(40):
            try:
                one.send(bytes(1 << 16))
            except BlockingIOError:
                time.sleep(0.02)

    def run(self) -> None:
        near, far = self.connect(RECEIVER_V4)
        self.start(self.bulk, near, far)
        near, far = self.connect(RECEIVER_V6)
        self.start(self.bulk, far, near)
        for n in range(8):
            near, far = self.connect(RECEIVER_V6 if n % 2 else RECEIVER_V4)
            ends = (near, far) if n % 3 else (far, near)
            self.start(self.requests, *ends, 0.02 + 0.03 * n)
        for address in (RECEIVER_V4, RECEIVER_V6):
            near, far = self.connect(address)
            self.start(self.half_closed, far, near)
        for _ in range(4):
            self.keepalive(self.connect(RECEIVER_V4)[0])
        for _ in range(2):
            self.fill(self.connect(RECEIVER_V4)[0])
        time.sleep(max(0.0, self.end - time.monotonic()))

    def close(self) -> None:
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for job in self.jobs:
            job.join()
        for one in self.sockets:
            one.close()


def lossy(where: Namespace) -> None:
    """A token bucket that is small: what comes too fast is dropped."""
    done = subprocess.run(["tc", "-n", where.name, "qdisc", "add", "dev", "veth0", "root", "tbf",
                           "rate", "40mbit", "burst", "20k", "limit", "20k"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"NOTE: no losses: {done.stderr.strip()}")


def need_events(pair: Pair, scratch: Path) -> None:
    with Collector(COLLECTOR, scratch / "probe", pair.receiver, "--sampling", "events",
                   ready=False) as probe:
        if not wait_until(lambda: probe.child.poll() is not None, 1.5):
            probe.stop()
            return
        reason = probe.log().strip()
    raise Skip(f"sampling by events is not to be had here: {reason}")


def attached() -> set[str]:
    """The numbers of programs such as the collector's that the kernel holds."""
    tool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    said = "".join(subprocess.run([tool, "prog", "show", "name", name], capture_output=True,
                                  text=True, check=False).stdout for name in PROGRAMS)
    return set(re.findall(r"^(\d+): ", said, re.MULTILINE))


def essence(record: archives.Record) -> object:
    return record.essence(AGES + GROWING)


def has_counted(record: archives.Record, seen: archives.Record) -> bool:
    """Whether a record has all that had been counted when the other was made. Stall times grow on
    without events."""
    stall_times = {at for begin, end in GROWING for at in range(begin, end)}
    return all((record.total(name) or 0) >= (seen.total(name) or 0)
               for name, offset, _ in archives.TOTALS if offset not in stall_times)


def coverage(dumped: dict[int, archives.Connection], told: dict[int, archives.Connection]) -> None:
    """Each record of the dumps is a change between two of its polls."""
    changes = in_time = in_the_end = 0
    late: list[str] = []
    for cookie, connection in dumped.items():
        check(cookie in told, f"{connection.uuid} was not recorded by events")
        records = told[cookie].records()
        times = [one.time for one in records]
        for before, after in zip(connection.records(), connection.records()[1:]):
            if after.from_event or essence(before) == essence(after):
                continue  # stall times are read once a second, each program at its own time
            changes += 1
            # It happened after `before` was seen and was there when `after` was.
            first = bisect.bisect_left(times, before.time - TICK_NS)
            last = bisect.bisect_right(times, after.time + 2 * TICK_NS + SLACK_NS)
            if first < last and has_counted(records[last - 1], after):
                in_time += 1
                in_the_end += 1
                continue
            late.append(f"{connection.uuid} poll {after.poll}: "
                        f"{sorted(differences(before, after))}")
            last = bisect.bisect_right(times, after.time + RECONCILE_NS + 100 * TICK_NS)
            if first < last and has_counted(records[last - 1], after):
                in_the_end += 1
    share = in_time / max(1, changes)
    print(f"{changes} changes that dumps saw: {100 * share:.2f} % told by events in time, "
          f"{100 * in_the_end / max(1, changes):.2f} % in the end")
    for line in late[:8]:
        print("  late: " + line)
    check(changes > 300, f"{changes} changes: too little to judge")
    check(sanitized() or share >= 0.99, f"only {100 * share:.2f} % in time")
    check(in_the_end == changes, f"{changes - in_the_end} changes were never recorded")


def differences(before: archives.Record, after: archives.Record) -> set[str]:
    """Which parts are others."""
    found = set()
    if before.idm != after.idm:
        found |= {f"header byte {at}" for at in range(len(after.idm))
                  if before.idm[at] != after.idm[at]}
    for number, (one, other) in enumerate(zip(before.attributes, after.attributes)):
        if one == other:
            continue
        if number != archives.INFO or one is None or other is None:
            found.add(f"attribute {number}")
            continue
        ignored = {at for begin, end in AGES + GROWING for at in range(begin, end)}
        found |= {f"info {at // 4 * 4}" for at in range(min(len(one), len(other)))
                  if one[at] != other[at] and at not in ignored}
    return found


def test_coverage(pair: Pair, scratch: Path) -> None:
    seconds = 60.0 if full() else 6.0
    lossy(pair.sender)
    with Collector(COLLECTOR, scratch / "dump", pair.receiver, "--sampling", "dump") as dumps, \
            Collector(COLLECTOR, scratch / "events", pair.receiver, "--sampling", "events",
                      "--reconcile", "2s", "--prometheus", f"127.0.0.1:{PORT}") as events:
        work = Workload(pair, seconds)
        work.run()
        time.sleep(RECONCILE_NS / 1e9 + 1)
        now = parse(http_get(pair.receiver, PORT, "/metrics"))
        work.close()
        settle(1)
        ended = [dumps.stop(), events.stop()]
    for one in ended:
        check_no_losses(one)
    count = {name: now[f"tcpinfo_{name}_total"][""] for name in (
        "polls", "idle_ticks", "marks", "queries", "walked_polls", "reconciliations",
        "unannounced_changes")}
    print(", ".join(f"{name} {value:.0f}" for name, value in count.items()))
    check(now["tcpinfo_sampling"]['by="events"'] == 1, "it does not sample by events")
    check(count["walked_polls"] < count["polls"] / 4, "it walks")
    check(count["reconciliations"] >= 2, "it does not reconcile")
    coverage(archives.read_directory(scratch / "dump"),
             archives.read_directory(scratch / "events"))


def test_rest(pair: Pair, scratch: Path) -> None:
    """Where nothing moves there are no polls; what moves after that is seen at the next tick."""
    work = Workload(pair, 0)
    near, far = work.connect(RECEIVER_V4)
    sent = []
    with Collector(COLLECTOR, scratch / "rest", pair.receiver, "--sampling", "events") as collector:
        for _ in range(5):
            time.sleep(0.6)
            before = time.time_ns()
            far.send(b"x")
            near.recv(1)
            sent.append((before, time.time_ns()))
        time.sleep(0.6)
        ended = collector.stop()
    work.close()
    check_no_losses(ended)
    print(f"{ended.idle_ticks()} of {ended.ticks():.0f} ticks were idle")
    check(sanitized() or ended.idle_ticks() > 0.6 * ended.ticks(), ended.told())
    connection, = archives.read_directory(scratch / "rest").values()
    delays = []
    for number, (before, after) in enumerate(sent, 1):
        seen = next(one.time for one in connection.records()
                    if (one.total("bytes_received") or 0) >= number)
        check(seen > before - STEP_NS, "it is known before it happens")
        delays.append((seen - after) / 1e6)
    print("seen after ms: " + " ".join(f"{one:.1f}" for one in delays))
    # Two ticks at most; once it may be pushed aside.
    check(sanitized() or sorted(delays)[-2] < 2 * TICK_NS / 1e6, f"late: {delays}")


def test_detached(pair: Pair, scratch: Path) -> None:
    """Nothing stays in the kernel, however it ends."""
    if shutil.which("bpftool") is None and not os.path.exists("/usr/sbin/bpftool"):
        print("NOTE: no bpftool: whether programs stay attached is not judged")
        return
    for how in ("stop", "kill"):
        # Those of an earlier one may be about to go.
        before = attached()
        with Collector(COLLECTOR, scratch / how, pair.receiver, "--sampling", "events"
                       ) as collector:
            made = attached() - before
            check(len(made) == len(PROGRAMS), f"{len(made)} programs are attached")
            (collector.stop if how == "stop" else collector.kill)()
        check(wait_until(lambda: not attached() & made, 5), f"a program stays after {how}")
    print("nothing stays attached")


def may_hurry() -> bool:
    """As the collector: CAP_SYS_NICE, and nothing that forbids real time."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    if not int(effective.split()[1], 16) >> 23 & 1:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        return False
    return True


def silent_connects(pair: Pair) -> dict[int, int]:
    """To an address that nobody has: the segments go out. By cookie, when they began."""
    nobody = RECEIVER_V4.rpartition(".")[0] + ".77"
    pair.receiver.ip("neighbor", "replace", nobody, "lladdr", "02:00:00:00:00:77", "dev", "veth0")
    made = {}
    held = []
    for _ in range(20):
        one = pair.receiver.socket(socket.AF_INET)
        one.setblocking(False)
        begun_ns = time.time_ns()
        one.connect_ex((nobody, 9))
        made[cookie_of(one)] = begun_ns
        held.append(one)
        time.sleep(0.023)
    for one in held:
        one.close()
    return made


def test_urgent(pair: Pair, scratch: Path) -> None:
    """A sampler whose polls are brief is not kept waiting."""
    if not may_hurry():
        print("NOTE: whether it is urgent is not judged here: it takes CAP_SYS_NICE, and real time")
        return
    unwanted = scratch / "unwanted"
    unwanted.write_text("")
    with Collector(COLLECTOR, scratch / "urgent", pair.receiver, "--sampling", "events",
                   "--exclude-file", str(unwanted)) as collector:
        pid = collector.child.pid
        work = Workload(pair, 20)
        near, far = work.connect(RECEIVER_V4)
        work.start(work.requests, far, near, 0.005)
        urgent = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        check(wait_until(lambda: os.sched_getscheduler(pid) == urgent, 20),
              f"its scheduling policy is {os.sched_getscheduler(pid)}")
        others = {int(task.name): os.sched_getscheduler(int(task.name))
                  for task in Path(f"/proc/{pid}/task").iterdir() if int(task.name) != pid}
        check(set(others.values()) == {os.SCHED_OTHER}, f"so are others: {others}")
        # Connections that are being made are asked for by their first segment, not looked for.
        made = silent_connects(pair)
        check(os.sched_getscheduler(pid) == urgent, "it looks for those that are being made")
        # New exclusions make it look at all connections.
        unwanted.write_text("srcport 9\n")
        collector.child.send_signal(signal.SIGHUP)
        check(wait_until(lambda: os.sched_getscheduler(pid) == os.SCHED_OTHER, 5),
              "it looks at all connections in real time")
        work.end = 0
        work.close()
        check_no_losses(collector.stop())
    recorded = archives.read_directory(scratch / "urgent")
    delays = []
    for cookie, begun_ns in made.items():
        check(cookie in recorded, "a connection to nobody was not recorded")
        first = recorded[cookie].records()[0]
        check(first.state == archives.SYN_SENT, f"its first state is {first.state}")
        delays.append((first.time - begun_ns) / 1e6)
    print(f"a sampler with brief polls is urgent; {len(delays)} connections to nobody seen after "
          f"{min(delays):.1f} to {max(delays):.1f} ms")
    check(sanitized() or sorted(delays)[len(delays) // 2] < 2 * TICK_NS / 1e6, f"late: {delays}")


def test_unprivileged(pair: Pair, scratch: Path) -> None:
    """Without the privileges it dumps, and says so."""
    base, nobody = as_nobody_if_possible(COLLECTOR, str(scratch / "nobody"))
    if not nobody:
        return
    with Collector(COLLECTOR, base / "auto", pair.receiver, nobody=True) as collector:
        check(collector.says("sampling by dumps, not by events: "), collector.log())
        check_no_losses(collector.stop())
    with Collector(COLLECTOR, base / "events", pair.receiver, "--sampling", "events", nobody=True,
                   ready=False) as collector:
        check(collector.child.wait(20) == 1, "it starts all the same")
        check("cannot sample by events: " in collector.log(), collector.log())
        check(not (base / "events").exists(), "an output directory is left")


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        scratch.chmod(0o755)
        (scratch / "nobody").mkdir()
        need_events(pair, scratch)
        test_unprivileged(pair, scratch)
        test_detached(pair, scratch)
        test_urgent(pair, scratch)
        test_rest(pair, scratch)
        test_coverage(pair, scratch)


run_test(main)
