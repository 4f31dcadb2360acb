# SPDX-License-Identifier: Apache-2.0
"""What tcpinfo-dump says of a recording is what ss said of the same sockets, and what was done.

usage: live_dump.py COLLECTOR TRAFFIC TCPINFO-DUMP [TCPINFO-CSV]
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import archives
import netns
from archives import CLOSE, FIN_WAIT2, Connection, check
from collector import (ABORTED_HERE, PREFIX, Collector, Traffic, Truth, check_no_losses,
                       compare_all, settle)
from netns import Namespace, Pair, Skip, cookie_of, run_test

DUMP = sys.argv[3]
CSV = sys.argv[4] if len(sys.argv) > 4 else None

# Name, lifetime in µs, count, threads, connections open at a time in each thread.
CLASSES = ("100us:100:300:2:1", "5ms:5000:300:1:16", "50ms:50000:150:1:16")
HELD, ACTIVE = 40, 12
ATTEMPTS = 10

FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING = 4, 8, 9, 11
AFTER_THEIR_FIN = {CLOSE_WAIT, LAST_ACK, CLOSING}
AFTER_OUR_FIN = {FIN_WAIT1, FIN_WAIT2}

# What moves though nothing happens, and what ss has from elsewhere than the kernel's message.
AGES = re.compile(r"(lastsnd|lastrcv|lastack|timer|last_ack_sent_ms|expires_ms):")
NOT_OF_THE_MESSAGE = re.compile(r"(cgroup|users):")


def run(command: list[str], where: Namespace | None = None, status: int = 0) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100,
                          preexec_fn=where.enter_for_good if where else None)
    check(done.returncode == status and not done.stderr,
          f"{command[:3]} ended with {done.returncode}: {done.stderr}{done.stdout[:2000]}")
    return done.stdout


# --- Connections the generator does not make --------------------------------------------------


@dataclass
class Own:
    """A connection of which this end did more than receive."""

    here: socket.socket
    there: socket.socket
    known: Truth
    sent: int

    def close(self) -> None:
        first, second = self.there, self.here
        if self.known.close == "receiver_fin":
            first, second = second, first
        for one in (first, second):
            one.shutdown(socket.SHUT_WR)
            time.sleep(0.05)  # so that a poll sees what state that makes
        self.known.end_ns = time.time_ns()
        first.close()
        second.close()


def read_all(sock: socket.socket, count: int) -> None:
    while count > 0:
        got = len(sock.recv(min(count, 65536)))
        check(got, "the other end closed")
        count -= got


def connect(pair: Pair, v6: bool, from_here: bool, how: str, received: int, sent: int) -> Own:
    family = socket.AF_INET6 if v6 else socket.AF_INET
    listens, dials = (pair.sender, pair.receiver) if from_here else (pair.receiver, pair.sender)
    address = {(False, False): netns.RECEIVER_V4, (True, False): netns.RECEIVER_V6,
               (False, True): netns.SENDER_V4, (True, True): netns.SENDER_V6}[v6, from_here]
    start = time.time_ns()
    with listens.socket(family) as door:
        door.bind((address, 0))
        door.listen()
        dialled = dials.socket(family)
        dialled.settimeout(20)
        dialled.connect(door.getsockname()[:2])
        accepted = door.accept()[0]
        accepted.settimeout(20)
    here, there = (dialled, accepted) if from_here else (accepted, dialled)
    there.sendall(bytes(received))
    read_all(here, received)
    here.sendall(bytes(sent))
    read_all(there, sent)
    local, remote = here.getsockname(), here.getpeername()
    return Own(here, there, Truth(
        "own", "v6" if v6 else "v4", how, False, cookie_of(here), cookie_of(there), local[0],
        local[1], remote[0], remote[1], received, [received + 1], start, 0), sent)


def make_own(pair: Pair) -> list[Own]:
    made = [connect(pair, v6, from_here, how, received, sent)
            for v6, from_here, how, received, sent in (
                (False, False, "sender_fin", 1000, 30_001), (True, False, "sender_fin", 7, 500),
                (True, False, "receiver_fin", 20_003, 1), (False, True, "sender_fin", 1, 40_000),
                (True, True, "receiver_fin", 0, 12_345))]
    made[0].here.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x28)
    made[1].there.shutdown(socket.SHUT_WR)  # CLOSE-WAIT here
    made[2].here.shutdown(socket.SHUT_WR)   # FIN-WAIT-2 here
    made[3].here.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    return made


# --- Word by word -----------------------------------------------------------------------------


def blocks(text: str) -> dict[str, list[str]]:
    """The words of each socket's last block but ages, by cookie."""
    found: dict[str, list[str]] = {}
    for block in re.findall(r"^\S.* sk:.*(?:\n\t.*)*", text, re.MULTILINE):
        words = [word for word in block.split()
                 if not AGES.match(word) and not NOT_OF_THE_MESSAGE.match(word)]
        found[next(word for word in words if word.startswith("sk:"))] = words
    return found


def first_missing(wanted: list[str], said: list[str]) -> str | None:
    """The first word of `wanted` that `said` does not have in its place in the order."""
    rest = iter(said)
    return next((word for word in wanted if word not in rest), None)


def compare_texts(pair: Pair, output: Path, held: set[int]) -> None:
    """Nothing moves now: ss, the kernel through `live` and the recording have to agree. What the
    machine still had to do (a delayed acknowledgement) shows as a difference between two looks
    before and after; then it is looked again."""
    keys = {f"sk:{cookie:x}" for cookie in held}
    for attempt in range(ATTEMPTS):
        before = blocks(run([DUMP, "live"], pair.receiver))
        ss = blocks(run(["ss", "-tinmoeOH"], pair.receiver))
        live = blocks(run([DUMP, "live"], pair.receiver))
        if before == live and live.keys() == ss.keys():
            break
        time.sleep(0.3)
    check(before == live, f"never quiet: {[k for k in live if before.get(k) != live[k]][:3]}")
    check(ss.keys() == keys, f"ss shows {len(ss)} sockets, {len(keys)} are held")
    check(live.keys() == keys, f"live shows {len(live)} sockets, {len(keys)} are held")
    for key in sorted(keys):
        word = first_missing(ss[key], live[key])
        check(word is None, f"ss says {word}:\n{ss[key]}\nlive:\n{live[key]}")
    deadline = time.monotonic() + 10  # the collector's --flush is short; a machine may be busy
    while True:
        recorded = blocks(run([DUMP, str(output)]))
        wrong = [key for key in sorted(keys) if recorded.get(key) != live[key]]
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    check(not wrong, f"{len(wrong)} sockets, the first recorded:\n"
          f"{[recorded.get(key) for key in wrong[:1]]}\nlive:\n{[live[key] for key in wrong[:1]]}")
    words = {word for said in ss.values() for word in said}
    for name in ("FIN-WAIT-2", "CLOSE-WAIT", "reno"):
        check(name in words, f"ss did not show {name}")
    print(f"{len(keys)} sockets, {sum(map(len, ss.values()))} words of ss, "
          f"{sum(map(len, live.values()))} of live and of the recording; attempt {attempt + 1}")


# --- One line a connection --------------------------------------------------------------------


def end_text(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def expected_closings(one: Truth, states: set[int], resent: bool) -> set[str]:
    """What `ls` may say, by what a poll saw. Where none saw it, it may leave open who was first,
    but never name the wrong one; and that it was a FIN, only where segments were sent twice, which
    cannot be told apart then."""
    if one.close == ABORTED_HERE:
        return {"aborted"}
    if one.close == "sender_rst":
        return {"rst"}
    unseen = {"fin", "unknown"} if resent else {"fin"}
    if one.close == "sender_fin":
        return {"fin_remote"} | (set() if states & AFTER_THEIR_FIN else unseen)
    return {"fin_local"} | (set() if states & AFTER_OUR_FIN else unseen)


def compare_row(one: Truth, sent: int, row: dict[str, object], connection: Connection) -> None:
    records = connection.records()
    looks = [record for record in records if record.state != CLOSE]
    states = {record.state for record in looks}
    last = records[-1]
    lost_port = one.close == ABORTED_HERE and not looks and last.remote_port == 0
    where = f"{one.group} {one.close} of {one.bytes} bytes, states {sorted(states)}: {row}"

    check(row["local"] == end_text(one.local, one.local_port), f"local: {where}")
    check(row["remote"] == end_text(one.remote, 0 if lost_port else one.remote_port),
          f"remote: {where}")
    check(row["snapshots"] == len(records), f"{len(records)} records: {where}")
    check(row["gaps"] == 0, f"gaps: {where}")
    resent = any(record.total("total_retrans") for record in records if record.info is not None)
    closings = expected_closings(one, states, resent)
    check(row.get("closed") in closings, f"closed, not one of {closings}: {where}")

    seen = [record.total("bytes_received") or 0 for record in looks if record.info is not None]
    if one.close == ABORTED_HERE:
        received = row.get("received_bytes", 0)
        check(received == max(seen, default=0), f"received, polls saw {seen[-1:]}: {where}")
        return
    # Where no poll came between the last data and the FIN, nothing tells them apart. (Nor does the
    # state, if the socket closed while its message was being filled: the counters come last.)
    unclear = (one.close != "sender_rst" and one.bytes not in {0, *seen}
               and not states & AFTER_THEIR_FIN)
    check(row["received_bytes"] in ({one.bytes, one.bytes + 1} if unclear else {one.bytes}),
          f"received, polls saw {seen[-1:]}: {where}")
    check(row["sent_bytes"] == sent, f"sent, not {sent}: {where}")


def list_rows(output: Path) -> dict[int, dict[str, object]]:
    rows = [json.loads(line) for line in run([DUMP, "ls", "--json", str(output)]).splitlines()]
    by_cookie = {int(str(row["uuid"]).removeprefix(PREFIX + "_"), 16): row for row in rows}
    check(len(by_cookie) == len(rows), "ls has two lines of one connection")
    return by_cookie


def main() -> None:
    if shutil.which("ss") is None:
        raise Skip("there is no `ss` command")
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        classes = [word for one in CLASSES for word in ("--class", one)]
        # By dumps: marks of sampling by events count as memory of a socket's options, and a first
        # one could come between the two that are compared.
        with Collector(sys.argv[1], output, pair.receiver, "--flush", "100ms", "--sampling",
                       "dump") as collector:
            with Traffic(sys.argv[2], "hold", pair, Path(scratch) / "held", "--connections",
                         str(HELD), "--active", str(ACTIVE), "--seconds", "100") as hold:
                hold.wait_open()
                with Traffic(sys.argv[2], "short", pair, Path(scratch) / "short",
                             *classes) as short:
                    made = short.finish()
                settle()
                own = make_own(pair)
                # Stopped wherever it was: some of what was sent is not read yet.
                hold.child.send_signal(signal.SIGSTOP)
                time.sleep(1)
                told = run([DUMP, "live", "--json"], pair.receiver).splitlines()
                shown = {json.loads(line)["cookie"] for line in told}
                check(len(shown) == HELD + len(own), f"{len(shown)} connections are held")
                compare_texts(pair, output, shown)
                rows = list_rows(output)
                still_open = {cookie for cookie, row in rows.items() if "closed" not in row}
                check(still_open == shown, f"ls: {len(still_open)} of {len(shown)} are open")
                hold.child.send_signal(signal.SIGCONT)
                hold.stop()
                made += hold.finish()
            for one in own:
                one.close()
            made += [one.known for one in own]
            settle()
            ended = collector.stop()

        recorded = archives.read_directory(output)
        records = compare_all(made, recorded)
        check_no_losses(ended)

        told = run([DUMP, "verify", str(output)]).splitlines()
        print("verify: " + told[-1])
        check(len(told) == 1, f"verify finds: {told[:3]}")

        rows = list_rows(output)
        check(rows.keys() == {one.receiver_cookie for one in made},
              f"ls has {len(rows)} connections, {len(made)} were made")
        sent = {one.known.receiver_cookie: one.sent for one in own}
        for one in made:
            cookie = one.receiver_cookie
            compare_row(one, sent.get(cookie, 0), rows[cookie], recorded[cookie])
        tally: dict[str, int] = {}
        for one in made:
            key = f"{one.close}={rows[one.receiver_cookie].get('closed')}"
            tally[key] = tally.get(key, 0) + 1
        print("closed: " + " ".join(f"{key}:{count}" for key, count in sorted(tally.items())))

        if CSV is not None:
            table = list(csv.reader(run([CSV, str(output)]).splitlines()))
            check(len(table) == 1 + records, f"{len(table) - 1} rows, {records} records")
            check({len(row) for row in table} == {len(table[0])}, "rows of different lengths")


run_test(main)
