#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the servers of a JetStream cluster, and collectors of a fleet that publishes to it.

usage: jetstream_kills.py COLLECTOR TCPINFO_CSV [SECONDS [HOSTS]]

Each of HOSTS (20) is a network namespace with a collector and some 20 connections a second. For
SECONDS (600) one of three servers is killed every 20 s and started again; then all three are away
for SECONDS / 10. Collectors are killed all the while, and go on where their cursors are.

In the end the stream has every block that is in the segments of the hosts, and no other; no id has
two contents; rows of what came are the rows of the segments; what a cursor called acknowledged when
its collector was killed was in the stream by then; and what a writer wrote came in its order.
"""
from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
import nats_cluster  # noqa: E402
from hosts import BROKERS, Hosts, Traffic  # noqa: E402
from nats_cluster import NatsCluster  # noqa: E402
from netns import Namespace, run_test  # noqa: E402
from netns import Skip  # noqa: E402
from publishing import blocks, segments  # noqa: E402

STREAM, SUBJECT = "BLOCKS", "tcp.blocks"
RATE = 20
SERVER_KILLS_S, SERVER_AWAY_S = 20.0, 7.0
HANGS = 300
SEGMENTS = ("--layout", "segments", "--sampling", "dump", "--interval", "100ms", "--rotate", "20s",
            "--flush", "1s", "--exclude-dstip", BROKERS)
# Short, so that some of what is sent twice comes twice: ids must tell it.
WINDOW_NS = 500_000_000

Place = tuple[str, int, int]  # key, segment and block


def moment() -> str:
    now = time.time_ns()
    whole = datetime.fromtimestamp(now // 10**9, timezone.utc)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{now % 10**9:09}Z"


@dataclass
class Cursor:
    """Up to where each stream of a host was acknowledged, and when that was looked at."""

    when: str
    positions: dict[str, tuple[int, int]]  # by key: segment and block

    def covers(self, place: Place) -> bool:
        return place[1:] < self.positions.get(place[0], (0, 0))


def read_cursor(output: Path) -> Cursor:
    found = list(output.glob(".tcpinfo-publish.????????????????"))
    lines = found[0].read_text().splitlines()[2:-1] if found else []
    positions = {}
    for line in lines:
        # Segments that the disk did not give would follow.
        stem, writer, segment, _, block = line.split(" ")[:5]
        # The name of a file has a point where ids have a slash.
        host, run = stem.rsplit(".", 1)
        positions[f"{host}/{run}/{writer}"] = (int(segment), int(block))
    return Cursor(moment(), positions)


@dataclass
class Host:
    name: str
    place: Namespace
    output: Path
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    cursors: list[Cursor] = field(default_factory=list)

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        with open(self.output.parent / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen([*self.command, *more], stderr=log,
                                            env=dict(os.environ, POD_NAME=self.name),
                                            preexec_fn=self.place.enter_for_good)
        return self.process

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.cursors.append(read_cursor(self.output))

    def is_sent(self) -> bool:
        """Whether the cursor is behind all that is here."""
        cursor = read_cursor(self.output)
        name = re.compile(r"(.+)\.(\d+T\d+Z-\d+)\.(\d+)\.(\d+)\.tcpseg\.zst(\.part)?")
        for path in self.output.glob("*/*/*/*.tcpseg.zst*"):
            found = name.fullmatch(path.name)
            if found is None or found[5] is not None:
                return False
            if cursor.positions.get("/".join(found.group(1, 2, 3)), (0, 0))[0] <= int(found[4]):
                return False
        return True


@contextlib.contextmanager
def collectors(hosts: list[Host]) -> Iterator[None]:
    try:
        for host in hosts:
            host.start()
        yield
    finally:
        for host in hosts:
            if host.process is not None and host.process.poll() is None:
                host.process.kill()
                host.process.wait()


def kill_all_over(cluster: NatsCluster, hosts: list[Host], seconds: float,
                  dice: random.Random) -> Counter[str]:
    """Kills servers, one after the other, and collectors, until it is enough."""
    counts: Counter[str] = Counter()
    begin = time.monotonic()
    next_server, down, back = SERVER_KILLS_S / 2, "", 0.0
    next_collector = 1.0
    while (now := time.monotonic() - begin) < seconds:
        for host in hosts:
            if host.process is not None and host.process.poll() is not None:
                raise RuntimeError(f"{host.name}: the collector ended: {host.process.returncode}")
        if not down and now >= next_server:
            down, next_server = dice.choice(cluster.NAMES), next_server + SERVER_KILLS_S
            cluster.kill(down)
            counts["server"] += 1
            back = now + SERVER_AWAY_S
        elif down and now >= back:
            cluster.start(down)
            down = ""
        if now >= next_collector:
            next_collector = now + dice.uniform(1, 8)
            kill_one(dice.choice(hosts), counts)
        time.sleep(0.05)
    if down:
        cluster.start(down)
    return counts


def kill_one(host: Host, counts: Counter[str]) -> None:
    host.kill()
    host.start()
    counts["collector"] += 1


def without_servers(cluster: NatsCluster, hosts: list[Host], seconds: float, dice: random.Random,
                    counts: Counter[str]) -> None:
    for name in cluster.NAMES:
        cluster.kill(name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kill_one(dice.choice(hosts), counts)
        time.sleep(min(5.0, max(0.1, end - time.monotonic())))
    for name in cluster.NAMES:
        cluster.start(name)


def end_all(hosts: list[Host]) -> list[str]:
    """Ends the collectors, and lets them run again where something is left to send."""
    faults = []
    for host in hosts:
        assert host.process is not None
        host.process.terminate()
    for host in hosts:
        assert host.process is not None
        if host.process.wait(HANGS) != 0:
            faults.append(f"{host.name}: the collector ended with {host.process.returncode}")
    end = time.monotonic() + HANGS
    while (left := [host for host in hosts if not host.is_sent()]) and time.monotonic() < end:
        running = [host.start("--duration", "1s") for host in left]
        faults += [f"a collector ended with {one.returncode}" for one in running
                   if one.wait(HANGS) != 0]
    return faults + [f"{host.name}: not all is sent" for host in left]


def place_of(identity: str) -> Place:
    key, segment, block = identity.rsplit("/", 2)
    return key, int(segment), int(block.partition("-")[0])


class Arrived:
    """What the stream holds, by ids."""

    def __init__(self, cluster: NatsCluster) -> None:
        self.contents: dict[str, bytes] = {}  # in the order in which they came first
        self.times: dict[Place, str] = {}
        self.again = 0
        self.faults: list[str] = []
        for message in cluster.messages(STREAM):
            identity = message.headers["Nats-Msg-Id"]
            if identity in self.contents:
                self.again += 1
                if self.contents[identity] != message.content:
                    self.faults.append(f"{identity} has two contents")
                continue
            self.contents[identity] = message.content
            if message.headers["Tcpinfo-Key"] != identity.rsplit("/", 2)[0]:
                self.faults.append(f"{identity} has the key {message.headers['Tcpinfo-Key']}")
            self.times.setdefault(place_of(identity), message.time)

    def out_of_order(self) -> list[str]:
        latest: dict[str, tuple[int, int]] = defaultdict(lambda: (0, -1))
        found = []
        for key, *at in map(place_of, self.contents):
            if tuple(at) < latest[key]:
                found.append(f"{key}: block {at} came behind {latest[key]}")
            latest[key] = max(latest[key], (at[0], at[1]))
        return found

    def of(self, host: str) -> list[bytes]:
        return [content for identity, content in self.contents.items()
                if identity.startswith(host + "/")]


def rows(command: list[str], given: bytes = b"") -> list[bytes]:
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode != 0 or done.stderr:
        raise RuntimeError(f"{command}: {done.returncode}: {done.stderr.decode()[:500]}")
    return sorted(done.stdout.splitlines())


def judge(hosts: list[Host], arrived: Arrived, tool: str) -> tuple[list[str], Counter[str]]:
    faults = arrived.faults + arrived.out_of_order()[:10]
    counts: Counter[str] = Counter()
    for host in hosts:
        ours = Counter(block for segment in segments(host.output).values()
                       for block in blocks(segment))
        came = Counter(arrived.of(host.name))
        counts["blocks"] += ours.total()
        for what, other in (("did not come", ours - came), ("are of no segment", came - ours)):
            if other:
                faults.append(f"{host.name}: {other.total()} blocks {what}")
        here = rows([tool, str(host.output)])
        counts["records"] += len(here) - 1
        keys = read_cursor(host.output).positions
        counts["runs"] += len({key.rpartition("/")[0] for key in keys})
        if rows([tool], b"".join(arrived.of(host.name))) != here:
            faults.append(f"{host.name}: rows of what came differ from those of the segments")
        for cursor in host.cursors:
            for place, when in arrived.times.items():
                if cursor.covers(place) and when > cursor.when:
                    faults.append(f"{host.name}: {place} came at {when}, and was called "
                                  f"acknowledged at {cursor.when}")
    return faults, counts


def test() -> None:
    collector, tool = (str(Path(path).resolve()) for path in sys.argv[1:3])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 600.0
    number = int(sys.argv[4]) if len(sys.argv) > 4 else 20
    refusal = subprocess.run([collector, "--layout", "segments", "--publish", "nats://localhost/a",
                              "--max-memory", "1"], capture_output=True, text=True, check=False)
    if "without libnats" in refusal.stderr or nats_cluster.server_program() is None:
        raise Skip("no libnats in this build, or no nats-server")
    seed = int(os.environ.get("TCPINFO_SEED", random.randrange(1 << 32)))
    print(f"TCPINFO_SEED={seed}")
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch, Hosts(number) as namespaces:
        folder = Path(scratch)
        with NatsCluster(namespaces.middle, BROKERS, folder) as cluster:
            cluster.create(STREAM, SUBJECT, duplicate_window=WINDOW_NS)
            fleet = []
            for name, place in namespaces.all.items():
                output = folder / name
                output.mkdir()
                fleet.append(Host(name, place, output, [
                    collector, "--output", str(output), *SEGMENTS, "--publish",
                    f"nats://{cluster.servers}/{SUBJECT}"]))
            with collectors(fleet):
                with Traffic(namespaces, RATE) as traffic:
                    counts = kill_all_over(cluster, fleet, seconds, dice)
                    without_servers(cluster, fleet, seconds / 10, dice, counts)
                faults = end_all(fleet)
            arrived = Arrived(cluster)
        more, seen = judge(fleet, arrived, tool)
        faults += more
        print(f"{number} hosts, {traffic.opened} connections, {counts['server']} kills of a server "
              f"and one of all, {counts['collector']} of collectors: {seen['runs']} runs, "
              f"{seen['blocks']} blocks with {seen['records']} records; {len(arrived.contents)} "
              f"ids came, {arrived.again} messages a second time")
        print(*faults, sep="\n")
        if faults or not seen["records"]:
            sys.exit(f"{len(faults)} faults")


run_test(test)
