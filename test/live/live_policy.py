# SPDX-License-Identifier: Apache-2.0
"""What is left out by policy, of traffic that is known: which connections, which records, and that
all of it is counted and said. --thin, which begins after a minute, in the long form only.

usage: live_policy.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import archives
from archives import check
from collector import (Collector, Ended, check_no_losses, full, has_metrics, settle, wait_until)
from events import CLOSE, OPEN, Listener
from netns import RECEIVER_V4, SENDER_V4, Namespace, Pair, run_test
from scrape import http_get, parse

EXE = sys.argv[1]
SAMPLE = 4
CONNECTIONS = 120
FINALS_OUT, OTHER_OUT, FINALS_IN = 8000, 8001, 8002
LONG = 0.3  # seconds: seen by many polls
WHOLE = 60  # seconds of a connection's life in which --thin leaves nothing out


def chosen(cookie: int, n: int) -> bool:
    """The rule once more: the first number of SplitMix64 with the cookie as its seed."""
    mask = (1 << 64) - 1
    x = (cookie + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return (x ^ (x >> 31)) % n == 0


@dataclass
class Held:
    """A connection of the collector's namespace. The far end closes it first, which leaves no
    TIME_WAIT here."""

    near: socket.socket
    far: socket.socket

    @property
    def cookie(self) -> int:
        return cookie_of(self.near)

    def send(self, count: int = 100) -> None:
        self.near.sendall(b"x" * count)
        self.far.recv(count, socket.MSG_WAITALL)

    def close(self) -> None:
        self.far.close()
        self.near.recv(1)
        self.near.close()


def cookie_of(one: socket.socket) -> int:
    so_cookie = 57
    return int.from_bytes(one.getsockopt(socket.SOL_SOCKET, so_cookie, 8), sys.byteorder)


def listen(where: Namespace, address: str, port: int) -> socket.socket:
    listener = where.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(256)
    return listener


def connect(pair: Pair, listener: socket.socket, outgoing: bool = True) -> Held:
    client = (pair.receiver if outgoing else pair.sender).socket(socket.AF_INET)
    client.connect(listener.getsockname())
    server, _ = listener.accept()
    return Held(client, server) if outgoing else Held(server, client)


def counted(ended: Ended, key: str) -> int:
    """A key of the summary that is said only where there is something to say."""
    return int(ended.summary.get(key, "0"))


def check_metrics(where: Namespace, collector: Collector,
                  wanted: dict[str, dict[str, int]]) -> None:
    found = re.search(r"metrics on 127\.0\.0\.1:(\d+)", collector.log())
    check(found, f"no metrics:\n{collector.log()}")
    assert found
    port = int(found[1])

    def there() -> bool:
        scrape = parse(http_get(where, port, "/metrics"))
        nonlocal told
        told = {name: {label: scrape[name][label] for label in labels}
                for name, labels in wanted.items()}
        return told == wanted

    told: dict[str, dict[str, float]] = {}
    check(wait_until(there, 10), f"metrics: {told}, not {wanted}")


def one_in_four() -> None:
    """Over a restart, in the middle of half of the connections."""
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output, path = Path(scratch) / "out", Path(scratch) / "events"
        listener = listen(pair.sender, SENDER_V4, FINALS_OUT)
        metrics = ["--prometheus", "127.0.0.1:0", "--verbose"] if has_metrics(EXE) else []
        with Collector(EXE, output, pair.receiver, "--sample", str(SAMPLE), "--eventsocket",
                       str(path), *metrics) as collector:
            follower = Listener(path)
            check(collector.says(f"recording less, as the flags say: sample=1/{SAMPLE}\n"),
                  f"no word of the policy:\n{collector.log()}")
            made = [connect(pair, listener) for _ in range(CONNECTIONS)]
            cookies = [one.cookie for one in made]
            brief, held = made[::2], made[1::2]
            time.sleep(LONG)
            for one in made:
                one.send()
            for one in brief:
                one.close()
            settle()
            left_out = sum(not chosen(cookie, SAMPLE) for cookie in cookies)
            if metrics:
                check_metrics(pair.receiver, collector, {
                    "tcpinfo_left_out_connections_total":
                        {'policy="sample"': left_out, 'policy="finals_only"': 0},
                    "tcpinfo_flow_events_total":
                        {'event="open"': CONNECTIONS, 'event="close"': len(brief)},
                    "tcpinfo_connections_total": {"": CONNECTIONS - left_out}})
            first = collector.stop()
        told = follower.finish()
        later = [one.cookie for one in held]
        with Collector(EXE, output, pair.receiver, "--sample", str(SAMPLE)) as collector:
            time.sleep(LONG)
            for one in held:
                one.send()
                one.close()
            settle()
            second = collector.stop()
        check_no_losses(first)
        check_no_losses(second)

        expected = {cookie for cookie in cookies if chosen(cookie, SAMPLE)}
        recorded = archives.read_directory(output)
        print(f"of {CONNECTIONS} connections {len(expected)} are chosen, {len(recorded)} recorded")
        check(set(recorded) == expected, f"missed {expected - set(recorded)}, "
              f"and should not be {set(recorded) - expected}")
        check(0 < len(expected) < CONNECTIONS, "all of them, or none")
        for cookie, connection in recorded.items():
            archives.check_history(connection)
            check(connection.last().from_event, f"{connection.uuid}: no final record")
            check(len(connection.archives) == (2 if cookie in later else 1),
                  f"{connection.uuid}: {len(connection.archives)} files")
            check({one.policy for one in connection.archives} == {f"sample=1/{SAMPLE}"},
                  f"{connection.uuid}: policies {[one.policy for one in connection.archives]}")
        for ended, all_of_it in ((first, cookies), (second, later)):
            mine = sum(chosen(cookie, SAMPLE) for cookie in all_of_it)
            check(ended.number("connections") == mine, f"{ended.told()}: not {mine} connections")
            check(counted(ended, "sample_connections") == len(all_of_it) - mine,
                  f"{ended.told()}: not {len(all_of_it) - mine} left out")
        # One record at least of each, and the ends.
        check(counted(first, "sample_records") >= left_out, first.told())
        records = sum(len(one.records()) for one in recorded.values())
        check(first.number("records") + second.number("records") == records, f"{records} records")
        # The ends of all are told.
        check(sorted(one.cookie for one in told if one.kind == OPEN) == sorted(cookies), "opens")
        check(sorted(one.cookie for one in told if one.kind == CLOSE)
              == sorted(set(cookies) - set(later)), "closes")
        listener.close()


def finals_only() -> None:
    """Beside a collector that leaves out nothing."""
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        whole, less = Path(scratch) / "whole", Path(scratch) / "less"
        listeners = [listen(pair.sender, SENDER_V4, FINALS_OUT),
                     listen(pair.sender, SENDER_V4, OTHER_OUT),
                     listen(pair.receiver, RECEIVER_V4, FINALS_IN)]
        with Collector(EXE, whole, pair.receiver) as everything, \
                Collector(EXE, less, pair.receiver, "--finals-only",
                          f"{FINALS_OUT},{FINALS_IN}") as collector:
            begun_ns = time.time_ns()
            by_listener: list[set[int]] = [set(), set(), set()]
            held = []
            for i, listener in enumerate(listeners):
                for n in range(30):
                    one = connect(pair, listener, outgoing=i < 2)
                    by_listener[i].add(one.cookie)
                    one.send()
                    if n % 2:
                        one.close()
                    else:
                        held.append(one)
            for _ in range(10):
                time.sleep(LONG / 10)
                for one in held:
                    one.send()
            for one in held:
                one.close()
            settle()
            all_of_it = everything.stop()
            ended = collector.stop()
        check_no_losses(all_of_it)
        check_no_losses(ended)
        recorded, kept = archives.read_directory(whole), archives.read_directory(less)
        short = by_listener[0] | by_listener[2]
        check(set(recorded) == set(kept) == short | by_listener[1], "not the same connections")
        for cookie, connection in kept.items():
            records = archives.check_history(connection)
            last, same = connection.last(), recorded[cookie].last()
            check(last.from_event and last.idm == same.idm and last.info == same.info,
                  f"{connection.uuid}: another final record")
            archive = connection.archives[0]
            check(archive.policy == ("finals-only" if cookie in short else None),
                  f"{connection.uuid}: policy {archive.policy}")
            check(recorded[cookie].archives[0].policy is None, "a policy where there is none")
            if cookie not in short:
                continue
            check(len(connection.archives) == len(records) == 1,
                  f"{connection.uuid}: {len(records)} records")
            check(begun_ns - archives.STEP_NS <= archive.start <= last.time,
                  f"{connection.uuid}: began at {archive.start}")
        # Those that were seen before their end began before it, too.
        early = sum(kept[cookie].archives[0].start < kept[cookie].last().time for cookie in short)
        check(early >= len(held) * 2 // 3, f"{early} have the time of their first sight")
        print(f"{len(short)} finals of {len(kept)} connections; records {len(short)} of "
              f"{sum(len(recorded[cookie].records()) for cookie in short)}")
        check(counted(ended, "finals_only_connections") == len(short), ended.told())
        check(ended.number("connections") == len(kept), ended.told())
        check(ended.number("records") == sum(len(one.records()) for one in kept.values()),
              ended.told())
        check(counted(ended, "finals_only_records") >= len(held) * 2 // 3, ended.told())
        for listener in listeners:
            listener.close()


def thin() -> None:
    """One that changes all the time, for more than a minute."""
    with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out"
        listener = listen(pair.sender, SENDER_V4, OTHER_OUT)
        with Collector(EXE, output, pair.receiver, "--thin", "1s") as collector:
            one = connect(pair, listener)
            cookie = one.cookie
            until = time.monotonic() + WHOLE + 10
            while time.monotonic() < until:
                one.send()
                time.sleep(0.02)
            one.close()
            settle()
            ended = collector.stop()
        check_no_losses(ended)
        connection = archives.read_directory(output)[cookie]
        records = archives.check_history(connection)
        check({archive.policy for archive in connection.archives} == {"thin=1s"}, "policies")
        whole_ns = records[0].time + WHOLE * 1_000_000_000
        whole = [record for record in records if record.time < whole_ns]
        thinned = [record for record in records if record.time >= whole_ns and record.poll]
        check(len(whole) > 10 * WHOLE and not any(record.thinned for record in whole),
              f"{len(whole)} records of the first minute")
        # Of ten seconds; closing changes the state.
        check(8 <= len(thinned) <= 14, f"{len(thinned)} records behind it")
        for before, record in zip(thinned, thinned[1:]):
            check(record.time - before.time > 900_000_000 or record.state != before.state,
                  f"{connection.uuid}: {record.time - before.time} ns between two")
        left_out = sum(record.thinned for record in records)
        print(f"{len(whole)} records and {len(thinned)}, {left_out} left out")
        check(left_out == counted(ended, "thin_records") > 100, ended.told())
        listener.close()


def main() -> None:
    one_in_four()
    finals_only()
    if full():
        thin()


run_test(main)
