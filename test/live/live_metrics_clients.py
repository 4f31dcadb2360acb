# SPDX-License-Identifier: Apache-2.0
"""Scrapes are answered whatever other clients of /metrics do: idle, stop in the middle of a
request, never read, or come in numbers that exceed all places.

usage: live_metrics_clients.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import time
from pathlib import Path

from archives import check
from collector import Collector, check_no_losses, has_metrics, wait_until
from netns import Namespace, Pair, Skip, run_test
from scrape import parse

COLLECTOR = sys.argv[1]
EACH = 100  # of each kind of bad client
PLACES = 256
GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def call(where: Namespace, port: int, said: bytes) -> socket.socket:
    one = where.socket(socket.AF_INET)
    # So little that no answer fits into it.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    one.settimeout(10)
    one.connect(("127.0.0.1", port))
    one.sendall(said)
    return one


def exchange(where: Namespace, port: int, said: bytes) -> tuple[list[str], bytes]:
    """Head and body; waits for the server to close, which it says that it does."""
    with call(where, port, said) as one:
        answer = b""
        while part := one.recv(1 << 16):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    check("Connection: close" in lines, f"closed without a word: {lines}")
    return lines, body


def scrape(where: Namespace, port: int) -> dict[str, dict[str, float]]:
    lines, body = exchange(where, port, GET)
    check(lines[0] == "HTTP/1.1 200 OK", f"{lines}")
    check(f"Content-Length: {len(body)}" in lines, f"{len(body)} bytes: {lines}")
    return parse(body.decode())


def check_head(where: Namespace, port: int) -> None:
    lines, body = exchange(where, port, GET.replace(b"GET", b"HEAD"))
    check(lines[0] == "HTTP/1.1 200 OK" and not body, f"HEAD: {lines}, {len(body)} bytes")
    check(any(re.fullmatch(r"Content-Length: [1-9]\d+", line) for line in lines), f"HEAD: {lines}")
    for said, status in ((GET.replace(b"GET", b"PUT"), "405"), (b"GET / HTTP/1.1\r\n\r\n", "404")):
        lines, _ = exchange(where, port, said)
        check(lines[0].startswith(f"HTTP/1.1 {status} "), f"{said!r}: {lines}")


def main() -> None:
    if not has_metrics(COLLECTOR):
        raise Skip("tcpinfo-collect was built without prometheus-cpp")
    with Pair() as pair, tempfile.TemporaryDirectory() as temporary:
        where = pair.receiver
        with Collector(COLLECTOR, Path(temporary) / "out", where, "--verbose", "--prometheus",
                       "127.0.0.1:0") as collector:
            check(wait_until(lambda: "metrics on" in collector.log(), 10), "no metrics")
            port = int(re.findall(r"metrics on 127\.0\.0\.1:(\d+)", collector.log())[0])
            check_head(where, port)
            before = len(collector.descriptors())
            threads = collector.status("Threads")
            bad = [call(where, port, said) for _ in range(EACH)
                   for said in (b"", GET[:-5], GET)]
            # More than places, so that some were sent away; all scrapes are answered all the same.
            check(len(bad) > PLACES, "there is a place for every client")
            times = []
            for _ in range(20):
                begun = time.monotonic()
                found = scrape(where, port)
                times.append(time.monotonic() - begun)
            print(f"20 scrapes beside {len(bad)} clients, the longest {1000 * max(times):.1f} ms")
            check_head(where, port)
            check(len(collector.descriptors()) <= before + PLACES,
                  f"{len(collector.descriptors())} descriptors, {before} before")
            check(collector.status("Threads") == threads, "threads for clients")
            clients = found["tcpinfo_metrics_clients_total"]
            check(clients['outcome="cut_off"'] >= len(bad) + 20 - PLACES - EACH, f"{clients}")
            check(clients['outcome="answered"'] >= 19, f"{clients}")
            for one in bad:
                one.close()
            check(wait_until(lambda: len(collector.descriptors()) <= before, 10),
                  f"{len(collector.descriptors())} descriptors, {before} before: clients that left")
            # Callers all the time, each for a moment.
            for _ in range(500):
                call(where, port, b"").close()
            check(scrape(where, port)["tcpinfo_polls_total"][""] > 0, "no polls")
            ended = collector.stop()
        check_no_losses(ended)


run_test(main)
