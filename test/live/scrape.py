# SPDX-License-Identifier: Apache-2.0
"""Scrapes a collector's metrics, by hand; and which names are those of M-Lab's collector."""

from __future__ import annotations

import re
import socket

from archives import check
from netns import Namespace

SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)$")
# With the name of their label.
MLAB_METRICS = {
    "tcpinfo_syscall_time_histogram": "af", "tcpinfo_polling_interval_histogram": "",
    "tcpinfo_connection_count_histogram": "af", "tcpinfo_cache_count_histogram": "",
    "tcpinfo_error_total": "type", "tcpinfo_new_file_total": "", "tcpinfo_send_rate_histogram": "",
    "tcpinfo_receive_rate_histogram": "", "tcpinfo_snapshot_total": "",
    "large_netlink_total": "type", "netlink_skipped_total": "type",
    "tcpinfo_flow_events_total": "event"}

Scrape = dict[str, dict[str, float]]  # name, labels as text, value


def http_answer(where: Namespace, port: int, path: str, accept: str = "") -> tuple[int, str]:
    """Status and body. By hand: the socket has to be made inside the namespace."""
    status, _, body = http_whole_answer(where, port, path, accept)
    return status, body


def http_whole_answer(where: Namespace, port: int, path: str,
                      accept: str = "") -> tuple[int, str, str]:
    """Status, content type and body."""
    fields = f"Accept: {accept}\r\n" if accept else ""
    with where.socket(socket.AF_INET) as conn:
        conn.settimeout(10)
        conn.connect(("127.0.0.1", port))
        conn.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n{fields}\r\n".encode())
        answer = b""
        while part := conn.recv(1 << 16):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
    check(status, f"{path}: {head!r}")
    assert status
    content = re.search(rb"(?mi)^content-type: (.*?)\r?$", head)
    return int(status[1]), content[1].decode() if content else "", body.decode()


def http_get(where: Namespace, port: int, path: str) -> str:
    status, body = http_answer(where, port, path)
    check(status == 200, f"{path}: status {status}: {body}")
    return body


def parse(text: str) -> Scrape:
    found: Scrape = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        check(match, f"no sample: {line}")
        assert match
        series = found.setdefault(match[1], {})
        check((match[2] or "") not in series, f"twice: {line}")
        series[match[2] or ""] = float(match[3])
    return found
