#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Something for ./dev run to record, both ends on this machine: one paced bulk transfer, a few
request/response connections that last, and short ones. It ends by itself.

usage: traffic.py SECONDS
"""
import socket
import sys
import threading
import time

end = time.monotonic() + float(sys.argv[1])
BULK_LIMIT = 64 << 20
REQUEST, RESPONSE = 200, 10_000
counted = {"bulk": 0, "requests": 0, "short": 0}
lock = threading.Lock()


def receive_exactly(conn, size):
    left = size
    while left:
        data = conn.recv(min(left, 65536))
        if not data:
            return False
        left -= len(data)
    return True


def serve(conn):
    with conn:
        kind = conn.recv(1)
        if kind == b"r":
            while receive_exactly(conn, REQUEST):
                conn.sendall(bytes(RESPONSE))
        else:
            while conn.recv(65536):
                pass


def listen(family, address):
    server = socket.socket(family)
    server.bind((address, 0))
    server.listen(64)

    def accept():
        while True:
            conn, _ = server.accept()
            threading.Thread(target=serve, args=(conn,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return family, (address, server.getsockname()[1])


def connect(target):
    conn = socket.socket(target[0])
    conn.connect(target[1])
    return conn


def bulk(target):
    with connect(target) as conn:
        conn.sendall(b"b")
        sent = 1
        while time.monotonic() < end and sent < BULK_LIMIT:
            conn.sendall(bytes(1 << 17))
            sent += 1 << 17
            time.sleep(0.02)
        counted["bulk"] = sent


def requests(target):
    with connect(target) as conn:
        conn.sendall(b"r")
        while time.monotonic() < end:
            conn.sendall(bytes(REQUEST))
            if not receive_exactly(conn, RESPONSE):
                return
            with lock:
                counted["requests"] += 1
            time.sleep(0.1)


def short(target):
    for n in range(8):
        if time.monotonic() > end:
            return
        with connect(target) as conn:
            conn.sendall(b"s" + bytes(999 + 1000 * n))
        counted["short"] += 1
        time.sleep(0.05)


targets = [listen(socket.AF_INET, "127.0.0.1")]
try:
    targets.append(listen(socket.AF_INET6, "::1"))
except OSError:
    pass  # no IPv6 on this machine
jobs = [threading.Thread(target=bulk, args=(targets[0],))]
jobs += [threading.Thread(target=requests, args=(targets[n % len(targets)],)) for n in range(3)]
jobs += [threading.Thread(target=short, args=(targets[-1],))]
for job in jobs:
    job.start()
for job in jobs:
    job.join()
print(
    f"made here, both ends on this machine: a bulk transfer of {counted['bulk']} bytes, "
    f"3 connections with {counted['requests']} requests ({REQUEST} bytes, answered by {RESPONSE}), "
    f"{counted['short']} short connections of 1000 to 8000 bytes"
)
