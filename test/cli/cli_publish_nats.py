# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-collect --publish nats://: every block comes, through kills of the collector and of the
server, once for each id, in order; the tools read what came; names in certificates are looked at.

usage: cli_publish_nats.py COLLECTOR TCPINFO_CSV
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from checks import check, finish
from publishing import (HANGS, SEGMENTS, Nats, await_run, blocks, certificate, rows, runs, segments,
                        traffic)

COLLECTOR, CSV = sys.argv[1:3]
STREAM, SUBJECT = "BLOCKS", "tcp.blocks"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Server:
    def __init__(self, program: str, folder: Path) -> None:
        self.command = [program, "--jetstream", "--store_dir", str(folder), "--addr", "127.0.0.1",
                        "--port", str(free_port())]
        self.port = int(self.command[-1])
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + HANGS
        while time.monotonic() < end:
            try:
                client = Nats(self.port)
                answer = client.ask("$JS.API.INFO", {})
                client.close()
                if "error" not in answer:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("nats-server does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def test_stream(server: Server, scratch: Path) -> None:
    output = scratch / "out"
    client = Nats(server.port)
    made = client.ask(f"$JS.API.STREAM.CREATE.{STREAM}",
                      {"name": STREAM, "subjects": [SUBJECT], "storage": "file"})
    check("error" not in made, json.dumps(made))
    client.close()
    flags = ["--output", str(output), *SEGMENTS, "--publish",
             f"nats://127.0.0.1:{server.port}/{SUBJECT}"]
    with traffic():
        for seconds, server_too in ((0.7, False), (1.9, True), (1.3, False)):
            before = runs(output)
            with subprocess.Popen([COLLECTOR, *flags], stderr=subprocess.DEVNULL) as collector:
                try:
                    await_run(output, before)
                    time.sleep(seconds)
                    if server_too:
                        server.kill()
                        time.sleep(0.5)
                        server.start()
                finally:
                    collector.send_signal(signal.SIGKILL)
        done = subprocess.run([COLLECTOR, *flags, "--duration", "2s"], capture_output=True,
                              text=True, timeout=HANGS, check=False)
    check(done.returncode == 0, done.stderr)
    client = Nats(server.port)
    came = client.messages(STREAM)
    client.close()
    by_id: dict[str, bytes] = {}
    by_key: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for headers, content in came:
        name = headers["Nats-Msg-Id"]
        check(by_id.setdefault(name, content) == content, f"{name} has two contents")
        key, segment, block = name.rsplit("/", 2)
        check(headers["Tcpinfo-Key"] == key, f"{headers}")
        place = int(segment), int(block.partition("-")[0])
        if place not in by_key[key]:
            by_key[key].append(place)
    ours = [block for segment in segments(output).values() for block in blocks(segment)]
    check(len(ours) > 20, f"{len(ours)} blocks")
    check(sorted(by_id.values()) == sorted(ours),
          f"{len(by_id)} blocks came, of {len(ours)} that there are")
    # A run may have more writers than one.
    of_runs = {key.rpartition("/")[0] for key in by_key}
    check(len(of_runs) == 4, f"{len(of_runs)} runs: {sorted(by_key)}")
    for key, places in by_key.items():
        check(places == sorted(places), f"{key}: out of order: {places}")
    # As somebody reads it who begins in the middle, with other machines' blocks in between.
    texts = [content for _, content in reversed(list(zip(by_id, by_id.values())))]
    read = subprocess.run([CSV], input=b"".join(texts), capture_output=True, timeout=HANGS,
                          check=False)
    want = subprocess.run([CSV, str(output)], capture_output=True, timeout=HANGS, check=False)
    check(rows(read) == rows(want), "the blocks have other rows than the segments")
    half = subprocess.run([CSV], input=b"".join(texts[len(texts) // 2:]), capture_output=True,
                          timeout=HANGS, check=False)
    check(0 < len(rows(half)) < len(rows(want)), "half of the blocks")


def test_no_stream(server: Server, scratch: Path) -> None:
    """A subject that no stream takes: said, and nothing is taken for acknowledged."""
    output = scratch / "nowhere"
    flags = ["--output", str(output), *SEGMENTS, "--duration", "600ms", "--publish",
             f"nats://127.0.0.1:{server.port}/nobody"]
    with traffic():
        done = subprocess.run([COLLECTOR, *flags], capture_output=True, text=True, timeout=HANGS,
                              check=False)
    check(done.returncode == 0, done.stderr)
    check("cannot send to nats://" in done.stderr, done.stderr)
    cursors = list(output.glob(".tcpinfo-publish.*"))
    check(not cursors or "Z-" not in cursors[0].read_text(), "something was acknowledged")


def test_tls(program: str, scratch: Path) -> None:
    """A server whose certificate is not trusted, or of another name, hears nothing."""
    good = certificate(scratch, "good", "DNS:localhost,IP:127.0.0.1")
    other = certificate(scratch, "other", "DNS:other.example")
    for (shown, key), (unknown, _) in ((good, other), (other, good)):
        port = free_port()
        with subprocess.Popen([program, "--addr", "127.0.0.1", "--port", str(port), "--tls",
                               "--tlscert", shown, "--tlskey", key],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                await_server(port)
                # Behind a greeting that passed nobody answers: there is no JetStream.
                said = "No responders" if shown == good[0] else "mismatch"
                for host in ("localhost", "127.0.0.1"):
                    try_tls(scratch, f"{host}:{port}", shown, said)
                try_tls(scratch, f"localhost:{port}", unknown, "self-signed certificate")
            finally:
                server.kill()


def await_server(port: int) -> None:
    end = time.monotonic() + HANGS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nats-server does not start")


def try_tls(scratch: Path, server: str, trusted: Path, said: str) -> None:
    output = tempfile.mkdtemp(dir=scratch)
    with traffic():
        done = subprocess.run([COLLECTOR, "--output", output, *SEGMENTS, "--duration", "600ms",
                               "--publish", f"nats://{server}/a?ca={trusted}"],
                              capture_output=True, text=True, timeout=HANGS, check=False)
    check(done.returncode == 0 and said in done.stderr, f"{server}, {trusted.name} trusted: {done}")


def main() -> None:
    refusal = subprocess.run([COLLECTOR, "--layout", "segments", "--publish", "nats://localhost/a",
                              "--max-memory", "1"], capture_output=True, text=True, check=False)
    program = shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin")
    if "without libnats" in refusal.stderr or program is None:
        print("skipped: no libnats in this build, or no nats-server")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        server = Server(program, scratch / "server")
        try:
            test_stream(server, scratch)
            test_no_stream(server, scratch)
        finally:
            server.kill()
        if shutil.which("openssl") is None:
            print("no openssl: TLS is not tried")
        else:
            test_tls(program, scratch)
    finish()


if __name__ == "__main__":
    main()
