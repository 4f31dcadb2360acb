# SPDX-License-Identifier: Apache-2.0
"""For tests of --publish: a connection to record, blocks of segments, a client of NATS."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks import check

HANGS = 60
SEGMENTS = ("--layout", "segments", "--sampling", "dump", "--include-local", "--rotate", "1s",
            "--flush", "100ms")


@contextlib.contextmanager
def traffic() -> Iterator[None]:
    """A connection on loopback that goes on changing."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as one, listener.accept()[0] as other:
            def talk() -> None:
                while not ended.wait(0.01):
                    one.sendall(b"x" * 100)
                    other.recv(65536)
            thread = threading.Thread(target=talk)
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()


def certificate(scratch: Path, name: str, alternatives: str) -> tuple[Path, Path]:
    """Of a server with these names, signed by itself, and its key."""
    made, key = scratch / f"{name}.pem", scratch / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={alternatives}", "-keyout", key, "-out", made],
                   check=True, capture_output=True, timeout=HANGS)
    return made, key


def segments(root: Path) -> dict[str, bytes]:
    """Complete ones, by their names below the folder."""
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.glob("**/*.tcpseg.zst"))}


def blocks(segment: bytes) -> list[bytes]:
    """Its zstd frames (RFC 8878, section 3.1), skippable ones apart."""
    found, at = [], 0
    while at < len(segment):
        if segment[at] & 0xf0 == 0x50 and segment[at + 1:at + 4] == b"\x2a\x4d\x18":
            at += 8 + int.from_bytes(segment[at + 4:at + 8], "little")
            continue
        assert segment[at:at + 4] == b"\x28\xb5\x2f\xfd", at
        head = segment[at + 4]
        single = head & 0x20 != 0
        end = at + 5 + (0, 1, 2, 4)[head & 3] + (0, 2, 4, 8)[head >> 6]
        end += 0 if single else 1
        end += 1 if single and head >> 6 == 0 else 0
        last = False
        while not last:
            block = int.from_bytes(segment[end:end + 3], "little")
            last = block & 1 != 0
            end += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        end += 4 if head & 4 else 0
        found.append(segment[at:end])
        at = end
    return found


class Nats:
    """Asks a server of NATS, one question at a time."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((address, port), timeout=30)
        self.input = self.socket.makefile("rb")
        self.input.readline()  # INFO
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB answers 1\r\n')

    def ask(self, subject: str, question: Any) -> Any:
        text = json.dumps(question).encode()
        self.socket.sendall(b"PUB %s answers %d\r\n%s\r\n" % (subject.encode(), len(text), text))
        while True:
            line = self.input.readline().split()
            if line[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif line[0] == b"MSG":
                answer = json.loads(self.input.read(int(line[-1])))
                self.input.readline()
                return answer
            elif line[0] == b"-ERR":
                raise RuntimeError(line)

    def close(self) -> None:
        self.input.close()
        self.socket.close()

    def messages(self, stream: str) -> list[tuple[dict[str, str], bytes]]:
        """All that a stream holds: headers and content."""
        state = self.ask(f"$JS.API.STREAM.INFO.{stream}", {})["state"]
        found = []
        for number in range(state["first_seq"], state["last_seq"] + 1):
            message = self.ask(f"$JS.API.STREAM.MSG.GET.{stream}", {"seq": number})["message"]
            head = base64.b64decode(message.get("hdrs", "")).decode().splitlines()
            found.append((dict(line.split(": ", 1) for line in head if ": " in line),
                          base64.b64decode(message["data"])))
        return found


def rows(done: subprocess.CompletedProcess[bytes]) -> list[bytes]:
    check(done.returncode == 0 and not done.stderr, f"tcpinfo-csv: {done.returncode}: "
                                                    f"{done.stderr.decode()}")
    return sorted(done.stdout.splitlines())


def runs(output: Path) -> set[str]:
    """HOST.START-RUN of each that has written a block."""
    name = re.compile(r"(.+)\.\d+\.\d+\.tcpseg\.zst(\.part)?")
    return {found[1] for path in output.glob("*/*/*/*.tcpseg.zst*")
            if (found := name.fullmatch(path.name)) and path.stat().st_size > 0}


def await_run(output: Path, before: set[str]) -> None:
    end = time.monotonic() + HANGS
    while time.monotonic() < end:
        try:
            if runs(output) - before:
                return
        except FileNotFoundError:  # renamed meanwhile
            pass
        time.sleep(0.02)
    check(False, "nothing is recorded")


class Kafka:
    """kafka_cluster.cc: brokers that fail when told to, and what came to them."""

    def __init__(self, program: str, topic: str, brokers: int = 3, partitions: int = 4) -> None:
        self.brokers, self.partitions, self.topic = brokers, partitions, topic
        # Partition, key, id and value.
        self.came: list[tuple[int, str, str, bytes]] = []
        self.answers: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen([program, str(brokers), str(partitions), topic], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.servers = self.process.stdout.readline().strip()
        self.url = f"kafka://{self.servers}/{topic}"
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 1:
                self.answers.put(words[0])
            else:
                self.came.append((int(words[0]), words[2], words[3], bytes.fromhex(words[4])))

    def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.answers.get(timeout=HANGS)
        check(answer == "done", f"{command}: {answer}")

    def await_blocks(self, wanted: int) -> None:
        """Until so many different ones came."""
        end = time.monotonic() + HANGS
        while time.monotonic() < end and len({name for _, _, name, _ in self.came}) < wanted:
            time.sleep(0.02)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(HANGS)
        self.thread.join()


def check_order(places: dict[str, list[tuple[int, int]]]) -> None:
    """Of each key, segments and blocks in the order in which they came first."""
    for key, found in places.items():
        check(found == sorted(found), f"{key}: out of order: {found}")


def place_of(name: str) -> tuple[str, tuple[int, int]]:
    """The key, and segment and block, of the id of a block."""
    key, segment, block = name.rsplit("/", 2)
    return key, (int(segment), int(block.partition("-")[0]))
