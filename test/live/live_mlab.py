# SPDX-License-Identifier: Apache-2.0
"""The production command line of M-Lab's collector, as nobody without any capability, in a
namespace with traffic: archives, metrics and events as that collector would give, with the same
names.

usage: live_mlab.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import archives
from archives import check
from collector import (EXACT_CLOSINGS, PREFIX, Collector, Traffic, as_nobody_if_possible,
                       check_no_losses, compare_all, settle)
from events import Listener, compare_events
from netns import RECEIVER_V4, Namespace, Pair, Skip, cookie_of, run_test
from scrape import MLAB_METRICS, Scrape, http_get, parse

COLLECTOR, TRAFFIC = sys.argv[1:3]
PORT = 9991
# Word for word what the deployment passes, but for the places of files.
EXCLUDED_PORTS = "9100,9090,9091,9989,9990,9991,9992,9993,9994,9995,9996,9997,9998"
EXCLUDED_ADDRESSES = "172.25.0.1,35.202.153.90,35.188.150.110,35.185.54.7,35.243.193.167"


def one_connection(pair: Pair, port: int) -> int:
    """To a port of the collector's side; returns the cookie there."""
    with pair.receiver.socket(2) as listener:
        listener.bind((RECEIVER_V4, port))
        listener.listen(1)
        with pair.sender.socket(2) as client:
            client.connect((RECEIVER_V4, port))
            accepted, _ = listener.accept()
            with accepted:
                cookie = cookie_of(accepted)
                client.sendall(b"x" * 100)
                accepted.recv(100)
    return cookie


def scrape(where: Namespace) -> Scrape:
    return parse(http_get(where, PORT, "/metrics"))


def main() -> None:
    with Pair() as pair, tempfile.TemporaryDirectory() as directory:
        base, nobody = as_nobody_if_possible(COLLECTOR, directory)
        if not nobody:
            raise Skip("the build cannot be run by nobody")
        prefix = base / "prefix"
        prefix.write_text(PREFIX, encoding="ascii")
        output, socket = base / "tcpinfo", base / "tcpevents.sock"
        with Collector(COLLECTOR, output, pair.receiver,
                       f"-prometheusx.listen-address=127.0.0.1:{PORT}", f"-output={output}",
                       f"-uuid-prefix-file={prefix}", f"-tcpinfo.eventsocket={socket}",
                       f"-exclude-srcport={EXCLUDED_PORTS}",
                       f"-exclude-dstip={EXCLUDED_ADDRESSES}", "-anonymize.ip=none",
                       nobody=True, only_flags=True) as collector:
            listener = Listener(socket)
            with Traffic(TRAFFIC, "short", pair, Path(directory) / "truth", "--closings",
                         EXACT_CLOSINGS, "--class", "100us:100:300:1:1", "--class",
                         "20ms:20000:100:1:8") as traffic:
                made = traffic.finish()
            unwanted = one_connection(pair, 9100)
            settle()
            numbers = scrape(pair.receiver)
            ended = collector.stop()
        check_no_losses(ended)
        recorded = archives.read_directory(output)
        check(unwanted not in recorded, "an excluded port was recorded")
        compare_all(made, recorded)
        compare_events(made, listener.finish())
        for name in MLAB_METRICS:
            check(name in numbers or name + "_count" in numbers, f"{name} is missing")
        check(numbers["tcpinfo_flow_events_total"] ==
              {'event="open"': len(made), 'event="close"': len(made)},
              f"events counted: {numbers['tcpinfo_flow_events_total']}")
        check(numbers["tcpinfo_new_file_total"][""] == len(made), "files counted")
        print(f"{len(MLAB_METRICS)} metrics of M-Lab's, all there")


run_test(main)
