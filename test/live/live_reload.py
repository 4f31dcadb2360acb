# SPDX-License-Identifier: Apache-2.0
"""SIGHUP under traffic: UUID prefix and exclusions change for what comes after, no connection is
lost or recorded twice by it, and a file with a fault changes nothing.

usage: live_reload.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import archives
from archives import Connection, check
from collector import (EXACT_CLOSINGS, Collector, Ended, Traffic, Truth, check_no_losses,
                       check_verified, compare_addresses, counters_right, settle, wait_until)
from netns import RECEIVER_V4, RECEIVER_V6, Pair, cookie_of, run_test

HELD, ACTIVE = 60, 20
PATIENCE = 20


class Reloading:
    """A collector whose files are changed."""

    def __init__(self, pair: Pair, scratch: Path, *flags: str) -> None:
        self.output = scratch / "out"
        self.prefix = scratch / "prefix"
        self.unwanted = scratch / "unwanted"
        self.prefix.write_text("first", encoding="ascii")
        self.unwanted.write_text("# nothing yet\n", encoding="ascii")
        self.collector = Collector(sys.argv[1], self.output, pair.receiver, "--uuid-prefix-file",
                                   str(self.prefix), "--exclude-file", str(self.unwanted),
                                   "--flush", "300ms", *flags)

    def __enter__(self) -> Reloading:
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.__exit__()

    def said(self) -> list[str]:
        return self.collector.complaints()

    def lasting_descriptors(self) -> set[tuple[int, str]]:
        """Without those of files that are open for a moment only."""
        lasting = self.collector.descriptors()
        for _ in range(50):
            time.sleep(0.002)
            lasting &= self.collector.descriptors()
        return lasting

    def hang_up(self) -> None:
        self.collector.child.send_signal(signal.SIGHUP)

    def reload(self) -> tuple[int, int, str]:
        """Returns when it was asked for, when it was done for certain, and the line it said."""
        before = self.said()
        asked_ns = time.time_ns()
        self.hang_up()
        said = wait_until(lambda: len(self.said()) > len(before), PATIENCE)
        done_ns = time.time_ns()
        # Were there a second line, it would come at once.
        time.sleep(0.2)
        lines = self.said()[len(before):]
        check(said and len(lines) == 1, f"after SIGHUP it said {lines}")
        print(lines[0])
        return asked_ns, done_ns, lines[0]

    def finish(self) -> tuple[dict[int, Connection], Ended]:
        ended = self.collector.stop()
        check_no_losses(ended)
        check_verified(sys.argv[3], self.output)
        recorded = archives.read_directory(self.output)
        for connection in recorded.values():
            archives.check_history(connection)
        return recorded, ended


def compare(made: list[Truth], recorded: dict[int, Connection]) -> None:
    """As compare_all(), whatever the prefix is: each once, to its last counter, and no others.
    That a cookie has one UUID and sequences without a gap is checked in reading."""
    known = {one.receiver_cookie: one for one in made}
    missed = [one for cookie, one in known.items() if cookie not in recorded]
    others = [one.uuid for cookie, one in recorded.items() if cookie not in known]
    check(not missed, f"{len(missed)} of {len(made)} missed, the first: {missed[:3]}")
    check(not others, f"{len(others)} never made, the first: {others[:3]}")
    for cookie, one in known.items():
        last = recorded[cookie].last()
        compare_addresses(one, last)
        check(last.from_event, f"{recorded[cookie].uuid}: no final record")
        check(counters_right(one, last), f"{recorded[cookie].uuid}: final counters")
    print(f"{len(made)} made, {len(recorded)} recorded, none missed, none twice")


@contextlib.contextmanager
def lasting(pair: Pair, scratch: Path) -> Iterator[Traffic]:
    with Traffic(sys.argv[2], "hold", pair, scratch / "truth-hold", "--connections", str(HELD),
                 "--active", str(ACTIVE), "--gap-ms", "10", "--seconds", "600",
                 "--close-ms", "300") as held:
        held.wait_open()
        yield held


@contextlib.contextmanager
def short(pair: Pair, scratch: Path) -> Iterator[Traffic]:
    with Traffic(sys.argv[2], "short", pair, scratch / "truth-short", "--closings", EXACT_CLOSINGS,
                 "--class", "1ms:1000:1000000:1:2", "--class", "60ms:60000:1000000:1:4") as brief:
        yield brief


def finish_all(*running: Traffic) -> list[Truth]:
    for one in running:
        one.stop()
    made = [truth for one in running for truth in one.finish()]
    settle()
    return made


def prefix_of(connection: Connection) -> str:
    return connection.uuid.rpartition("_")[0]


def test_prefix(pair: Pair, scratch: Path) -> None:
    with Reloading(pair, scratch, "--rotate", "1s") as one, lasting(pair, scratch) as held, \
            short(pair, scratch) as brief:
        time.sleep(1.5)
        one.prefix.write_text("second\n", encoding="ascii")
        asked_ns, done_ns, line = one.reload()
        check("UUID prefix second (for connections opened from now on)" in line, f"said {line}")
        time.sleep(1.5)
        made = finish_all(held, brief)
        recorded, ended = one.finish()
    check(ended.summary.get("reloads") == "1", f"summary: {ended.told()}")
    compare(made, recorded)
    count = {"first": 0, "second": 0}
    # A connection is opened, as the collector sees it, with its first look or its end.
    seen_after_ns = 100_000_000
    for truth in made:
        connection = recorded[truth.receiver_cookie]
        prefix = prefix_of(connection)
        check(prefix in count, f"UUID {connection.uuid}")
        count[prefix] += 1
        if truth.start_ns > done_ns:
            check(prefix == "second", f"{connection.uuid}: began after the change")
        elif truth.end_ns < asked_ns - seen_after_ns:
            check(prefix == "first", f"{connection.uuid}: ended before the change")
        elif truth.start_ns < asked_ns - seen_after_ns:
            check(prefix == "first", f"{connection.uuid}: was open at the change: {truth}, "
                  f"asked {asked_ns}")
    over_both = [recorded[truth.receiver_cookie] for truth in made
                 if truth.start_ns < asked_ns and truth.end_ns > done_ns and truth.active
                 and truth.end_ns - truth.start_ns > 2 * 10**9]
    check(len(over_both) == ACTIVE and all(len(conn.archives) >= 3 for conn in over_both),
          "connections that last made no file after the change")
    print(f"prefixes: {count}")
    check(min(count.values()) > 50, f"prefixes: {count}")


class Talking:
    """Connections to a port of the collector's side that send all the time."""

    def __init__(self, pair: Pair, port: int, number: int) -> None:
        self.pair, self.port = pair, port
        self.listeners = []
        for family, address in ((socket.AF_INET, RECEIVER_V4), (socket.AF_INET6, RECEIVER_V6)):
            one = pair.receiver.socket(family)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
            one.listen(64)
            self.listeners.append(one)
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.cookies: list[int] = []
        self.bytes: dict[int, int] = {}
        self.lock = threading.Lock()
        self.ending = threading.Event()
        for index in range(number):
            self.open(index)
        self.thread = threading.Thread(target=self._talk)
        self.thread.start()

    def open(self, index: int) -> int:
        server = self.listeners[index % 2]
        client = self.pair.sender.socket(server.family)
        client.connect(server.getsockname()[:2])
        accepted, _ = server.accept()
        cookie = cookie_of(accepted)
        with self.lock:
            self.pairs.append((client, accepted))
            self.cookies.append(cookie)
            self.bytes[cookie] = 0
        return cookie

    def _talk(self) -> None:
        while not self.ending.is_set():
            with self.lock:
                for (client, accepted), cookie in zip(self.pairs, self.cookies):
                    client.sendall(b"x" * 10)
                    accepted.recv(10, socket.MSG_WAITALL)
                    self.bytes[cookie] += 10
            time.sleep(0.02)

    def close_one(self) -> int:
        with self.lock:
            client, accepted = self.pairs.pop()
            cookie = self.cookies.pop()
        client.close()
        accepted.recv(1)
        accepted.close()
        return cookie

    def quiet(self) -> None:
        self.ending.set()
        self.thread.join()

    def close(self) -> None:
        self.quiet()
        while self.pairs:
            self.close_one()
        for one in self.listeners:
            one.close()


def files_of(output: Path, cookie: int) -> list[str]:
    """How its files' names go on behind the UUID."""
    return sorted(path.name.split(".", 1)[1] for path in output.glob(f"*/*/*/*_{cookie:016X}.*"))


def complete(sequences: int) -> list[str]:
    return [f"{number:05}.jsonl.zst" for number in range(sequences)]


def test_exclusions(pair: Pair, scratch: Path) -> None:
    with contextlib.ExitStack() as stack:
        unwanted, wanted = Talking(pair, 9100, 12), Talking(pair, 9101, 6)
        stack.callback(unwanted.close)
        stack.callback(wanted.close)
        one = stack.enter_context(Reloading(pair, scratch))
        time.sleep(1)
        check(wait_until(lambda: all(files_of(one.output, cookie) for cookie in unwanted.cookies),
                         PATIENCE), "not recorded before the change")
        brief = [unwanted.close_one()]  # before: recorded to its end
        settle()

        one.unwanted.write_text("dstip 192.0.2.0/24 # others\nsrcport 9100\n", encoding="ascii")
        asked_ns, done_ns, line = one.reload()
        check("1 ports and 1 prefixes excluded (changed)" in line, f"said {line}")
        check("(as before), 1 ports" in line, f"said {line}")
        at_once = wait_until(lambda: all(files_of(one.output, cookie) == complete(1)
                                         for cookie in unwanted.cookies), PATIENCE)
        took = (time.time_ns() - done_ns) / 1e9
        check(at_once, f"excluded, but: {files_of(one.output, unwanted.cookies[0])}")
        print(f"files of what is excluded are complete after {took:.2f} s")
        digests = archives.digests(one.output)
        ended_outside = unwanted.close_one()
        lived_outside = unwanted.open(0)
        unwanted.close_one()
        begun_outside = [unwanted.open(0), unwanted.open(1)]
        time.sleep(1)
        for cookie in (lived_outside, *begun_outside):
            check(not files_of(one.output, cookie), "recorded, though excluded")
        changed = [path for path, digest in digests.items()
                   if archives.digests(one.output).get(path) != digest]
        check(not changed, f"complete files changed: {changed[:3]}")
        check(all(files_of(one.output, cookie) == ["00000.jsonl.zst.part"]
                  for cookie in wanted.cookies), "what is not excluded does not go on in its file")

        one.unwanted.write_text("srcport 9\n", encoding="ascii")
        one.prefix.write_text("second", encoding="ascii")
        back_ns, _, line = one.reload()
        check("UUID prefix second (for connections opened from now on), 1 ports and 0 prefixes "
              "excluded (changed)" in line, f"said {line}")
        # As is: nothing has changed, and nothing begins anew.
        _, _, line = one.reload()
        check("(as before), 1 ports and 0 prefixes excluded (as before)" in line, f"said {line}")
        time.sleep(1)
        open_then = [cookie for cookie in unwanted.cookies if cookie not in begun_outside]
        for talking in (unwanted, wanted):
            talking.quiet()
        sent = {**unwanted.bytes, **wanted.bytes}
        went_on = list(wanted.cookies)
        for talking in (unwanted, wanted):
            talking.close()
        settle()
        recorded, ended = one.finish()
    check(ended.summary.get("reloads") == "2", f"summary: {ended.told()}")
    expected = {*open_then, *begun_outside, *went_on, *brief, ended_outside}
    check(set(recorded) == expected, f"recorded and should not be "
          f"{sorted(set(recorded) - expected)}, missed {sorted(expected - set(recorded))}")
    for cookie, connection in recorded.items():
        prefix = "second" if cookie in begun_outside else "first"
        check(prefix_of(connection) == prefix, f"{connection.uuid}: not {prefix}")
    for cookie in open_then:
        connection = recorded[cookie]
        check(len(connection.archives) == 2, f"{connection.uuid}: {len(connection.archives)} files")
        before, after = (archive.records() for archive in connection.archives)
        slack_ns = 200_000_000  # timestamps are those of the look
        check(before[-1].time <= done_ns + slack_ns and not before[-1].from_event,
              f"{connection.uuid}: recorded though excluded")
        check(asked_ns - before[-1].time < 2 * 10**9, f"{connection.uuid}: ends too early")
        check(after[0].time >= back_ns - slack_ns, f"{connection.uuid}: begins too early")
        check(len(after) > 3, f"{connection.uuid}: {len(after)} records after")
    for cookie in (*open_then, *begun_outside, *went_on, *brief):
        connection = recorded[cookie]
        check(connection.last().from_event, f"{connection.uuid}: no final record")
        received = connection.last().total("bytes_received")
        check(received == sent[cookie] + 1,  # the FIN counts as one
              f"{connection.uuid}: {received} received at the end, {sent[cookie]} sent")
    for cookie in (*begun_outside, *went_on, *brief, ended_outside):
        check(len(recorded[cookie].archives) == 1, f"{recorded[cookie].uuid}: more than one file")
    check(not recorded[ended_outside].last().from_event, "recorded to its end, though excluded")
    print(f"{len(open_then)} connections ended in the archive and went on in the next sequence")


def test_flipping(pair: Pair, scratch: Path) -> None:
    """Excluded and not, faster than files are completed."""
    with contextlib.ExitStack() as stack:
        talking = Talking(pair, 9100, 12)
        stack.callback(talking.close)
        one = stack.enter_context(Reloading(pair, scratch))
        for number in range(40):
            time.sleep(0.05 if number % 4 else 0.003)
            one.unwanted.write_text("" if number % 2 else "srcport 9100\n", encoding="ascii")
            one.hang_up()
        last = "0 ports and 0 prefixes"
        check(wait_until(lambda: last in "".join(one.said()[-1:]), PATIENCE),
              f"said {one.said()[-3:]}")
        time.sleep(0.3)
        talking.quiet()
        sent = dict(talking.bytes)
        talking.close()
        settle()
        recorded, ended = one.finish()
    # Reading has found the sequences to be without a gap, and the records in order.
    check(set(recorded) == set(sent), f"{len(recorded)} recorded")
    for cookie, connection in recorded.items():
        check(connection.last().from_event
              and connection.last().total("bytes_received") == sent[cookie] + 1,
              f"{connection.uuid}: final record")
    count = sorted(len(connection.archives) for connection in recorded.values())
    print(f"{ended.summary['reloads']} changes, {count[0]}..{count[-1]} files of a connection")
    check(5 < count[0] and count[-1] <= 21, f"files: {count}")


def test_faults(pair: Pair, scratch: Path) -> None:
    with Reloading(pair, scratch) as one, lasting(pair, scratch) as held, \
            short(pair, scratch) as brief:
        good = "dstip 192.0.2.0/24\n"
        one.unwanted.write_text(good, encoding="ascii")
        one.reload()
        port_wrong = "is no port from 1 to 65535 (or a range of them, as 8000-9000)"
        for content, wrong in (("\nsrcport 1-65536\n", f":2: '1-65536' {port_wrong}"),
                               ("dstip 0.0.0.0/0\nsrcport 0", f":2: '0' {port_wrong}"),
                               ("dstip 0.0.0.0/0\n\n# so\nnothing\n",
                                ":4: 'nothing' is neither srcport nor dstip")):
            one.unwanted.write_text(content, encoding="ascii")
            # Another prefix beside a fault is not taken, either.
            one.prefix.write_text("third", encoding="ascii")
            _, _, line = one.reload()
            check(line == f"tcpinfo-collect: not reloaded: {one.unwanted}{wrong} "
                  "(everything stays as it was)", f"said {line}")
        one.unwanted.unlink()
        _, _, line = one.reload()
        check(f"not reloaded: {one.unwanted}: No such file or directory" in line, f"said {line}")
        one.unwanted.mkdir()
        _, _, line = one.reload()
        check(f"not reloaded: {one.unwanted}: Is a directory" in line, f"said {line}")
        one.unwanted.rmdir()
        # And the other way round: exclusions that would drop all, beside a prefix with a fault.
        one.unwanted.write_text("dstip 0.0.0.0/0,::/0\n", encoding="ascii")
        for content in ("", "a/b", "two\nlines\n", "x" * 2000):
            one.prefix.write_text(content, encoding="ascii")
            _, _, line = one.reload()
            check(re.match(rf"tcpinfo-collect: not reloaded: {re.escape(str(one.prefix))}: .+ "
                           r"\(everything stays as it was\)$", line), f"said {line}")
        one.prefix.unlink()
        _, _, line = one.reload()
        check(f"not reloaded: {one.prefix}: No such file or directory" in line, f"said {line}")
        one.prefix.write_text("first\n", encoding="ascii")
        one.unwanted.write_text(good, encoding="ascii")
        _, _, line = one.reload()
        check("reloaded: UUID prefix first (as before), 0 ports and 1 prefixes excluded "
              "(as before)" in line, f"said {line}")
        made = finish_all(held, brief)
        recorded, ended = one.finish()
    check(ended.summary.get("reloads") == "1", f"summary: {ended.told()}")
    compare(made, recorded)
    check({prefix_of(connection) for connection in recorded.values()} == {"first"}, "prefixes")


def test_many(pair: Pair, scratch: Path) -> None:
    """Faster than anybody types: 50 in a second, each with other files, and 500 at once."""
    with Reloading(pair, scratch) as one, lasting(pair, scratch) as held, \
            short(pair, scratch) as brief:
        time.sleep(0.5)
        descriptors = one.lasting_descriptors()
        begin = time.monotonic()
        for number in range(50):
            one.prefix.write_text(f"number-{number}", encoding="ascii")
            one.unwanted.write_text(f"srcport {number + 1}\n", encoding="ascii")
            one.hang_up()
            time.sleep(0.015)
        print(f"50 in {time.monotonic() - begin:.2f} s")
        for _ in range(500):
            one.hang_up()
        last = "UUID prefix number-49 "
        check(wait_until(lambda: last in "".join(one.said()[-1:]), PATIENCE),
              f"said {one.said()[-3:]}")
        time.sleep(1)
        check(one.collector.child.poll() is None, "it has ended")
        more = one.lasting_descriptors() - descriptors
        made = finish_all(held, brief)
        lines = one.said()
        recorded, ended = one.finish()
    # A file is read while it is written anew: then it is empty, and the prefix refused.
    strange = [line for line in lines if not re.match(
        r"tcpinfo-collect: (reloaded: UUID prefix (first|number-\d+) \(.*\), [01] ports and 0 "
        rf"prefixes excluded \(.*\)|not reloaded: {re.escape(str(one.prefix))}: .*)$", line)]
    check(not strange, f"it said {strange[:3]}")
    check(len(lines) <= 550, f"{len(lines)} lines")
    check(len(more) <= 4, f"{len(more)} more descriptors: {sorted(more)}")
    compare(made, recorded)
    prefixes = {prefix_of(connection) for connection in recorded.values()}
    print(f"{len(lines)} lines, {ended.summary.get('reloads')} reloads, {len(prefixes)} prefixes")
    check(len(prefixes) >= 5, f"prefixes {prefixes}")
    check(all(re.fullmatch(r"first|number-\d+", prefix) for prefix in prefixes), f"{prefixes}")
    held_cookies = {truth.receiver_cookie for truth in made
                    if truth.end_ns - truth.start_ns > 2 * 10**9}
    check(len(held_cookies) == HELD, f"{len(held_cookies)} lasted")
    wrong = [recorded[cookie].uuid for cookie in held_cookies
             if prefix_of(recorded[cookie]) != "first"]
    check(not wrong, f"open ones lost their prefix: {wrong[:3]}")


def main() -> None:
    for test in (test_prefix, test_exclusions, test_flipping, test_faults, test_many):
        print(f"== {test.__name__}")
        with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
            test(pair, Path(scratch))


run_test(main)
