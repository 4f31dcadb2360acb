# SPDX-License-Identifier: Apache-2.0
"""A cluster of nats-servers with JetStream, as Debian 12 has them: their routes are on loopback of
the network namespace that they are started in, their clients may come from elsewhere."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
# pylint: disable=wrong-import-position
from netns import Namespace  # noqa: E402
from publishing import Nats  # noqa: E402

HANGS = 300
CLIENTS, ROUTES = 4222, 6222


def server_program() -> str | None:
    return shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin")


@dataclass
class Message:
    number: int
    headers: dict[str, str]
    content: bytes
    time: str  # when the stream took it, RFC 3339 with nine digits and Z


def sortable(moment: str) -> str:
    """The server leaves zeros at the end of a fraction out."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    return f"{whole}.{fraction.ljust(9, '0')}Z"


class NatsCluster:
    """Servers a, b and c, which listen for clients at `address`, within `place`."""

    NAMES = ("a", "b", "c")

    def __init__(self, place: Namespace, address: str, folder: Path) -> None:
        program = server_program()
        assert program is not None
        self.place, self.address, self.folder, self.program = place, address, folder, program
        self.ports = {name: CLIENTS + at for at, name in enumerate(self.NAMES)}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        routes = ", ".join(f"nats://127.0.0.1:{ROUTES + at}" for at in range(len(self.NAMES)))
        for at, name in enumerate(self.NAMES):
            (folder / f"{name}.conf").write_text(f"""
server_name: {name}
listen: "{address}:{self.ports[name]}"
max_payload: 8MB
jetstream {{ store_dir: "{folder}/{name}", max_mem: 64MB, max_file: 4GB }}
cluster {{ name: fleet, listen: "127.0.0.1:{ROUTES + at}", routes: [{routes}],
          no_advertise: true }}
""", encoding="utf-8")

    @property
    def servers(self) -> str:
        """As a URL of --publish names them."""
        return ",".join(f"{self.address}:{port}" for port in self.ports.values())

    def __enter__(self) -> NatsCluster:
        for name in self.NAMES:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.kill(name)

    def start(self, name: str) -> None:
        with open(self.folder / f"{name}.log", "ab") as out:
            self.running[name] = subprocess.Popen(
                [self.program, "-c", str(self.folder / f"{name}.conf")], stdout=out, stderr=out,
                preexec_fn=self.place.enter_for_good)

    def kill(self, name: str) -> None:
        """As a power cut of the program would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    @contextlib.contextmanager
    def client(self, name: str) -> Iterator[Nats]:
        with self.place.inside():
            asked = Nats(self.ports[name], self.address)
        try:
            yield asked
        finally:
            asked.close()

    def ask(self, subject: str, question: Any,
            good: Callable[[Any], bool] = lambda answer: "error" not in answer) -> Any:
        """Of whichever server answers well; a cluster without a leader does not, for a while."""
        end = time.monotonic() + HANGS
        last: Any = None
        while time.monotonic() < end:
            for name in list(self.running):
                try:
                    with self.client(name) as client:
                        client.socket.settimeout(5)
                        last = client.ask(subject, question)
                    if good(last):
                        return last
                except (OSError, IndexError) as fault:
                    last = fault
            time.sleep(0.2)
        raise RuntimeError(f"{subject}: {last}")

    def create(self, stream: str, subject: str, **more: Any) -> None:
        self.ask(f"$JS.API.STREAM.CREATE.{stream}",
                 {"name": stream, "subjects": [subject], "storage": "file",
                  "num_replicas": len(self.NAMES), **more})

    def state(self, stream: str) -> dict[str, Any]:
        """Once each server has all that the stream holds."""
        def is_whole(answer: Any) -> bool:
            cluster = answer.get("cluster", {})
            others = cluster.get("replicas", [])
            return bool(cluster.get("leader")) and len(others) == len(self.NAMES) - 1 and all(
                other.get("current") and not other.get("lag") for other in others)
        return self.ask(f"$JS.API.STREAM.INFO.{stream}", {}, is_whole)["state"]

    def messages(self, stream: str) -> Iterator[Message]:
        """All that the stream holds, in its order."""
        state = self.state(stream)
        asked = f"$JS.API.STREAM.MSG.GET.{stream}"
        with self.client(self.NAMES[0]) as client:
            for number in range(state["first_seq"], state["last_seq"] + 1):
                answer = client.ask(asked, {"seq": number})
                if "message" not in answer:
                    raise RuntimeError(f"{number} of {state}: {json.dumps(answer)}")
                message = answer["message"]
                head = base64.b64decode(message.get("hdrs", "")).decode().splitlines()
                yield Message(number, dict(line.split(": ", 1) for line in head if ": " in line),
                              base64.b64decode(message["data"]), sortable(message["time"]))
