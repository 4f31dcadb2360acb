# SPDX-License-Identifier: Apache-2.0
"""A cluster of two ClickHouse servers and a ZooKeeper, as Debian 12 has them, on loopback ports.

Each table is replicated: both servers have all rows, and a Distributed table asks either.
"""
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from xml.sax.saxutils import escape

ZOOKEEPER = "/usr/share/java/zookeeper.jar"
START_SECONDS = 60


def missing() -> str | None:
    """What the cluster needs and is not here."""
    for program in ("clickhouse-server", "clickhouse-client", "java"):
        if shutil.which(program) is None:
            return f"no {program}"
    return None if Path(ZOOKEEPER).exists() else f"no {ZOOKEEPER}"


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster(contextlib.ExitStack):
    """Starts all in `folder` when it is entered, and ends all when it is left."""

    NAMES = ("a", "b")

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder
        ports = free_ports(1 + 3 * len(self.NAMES))
        self.zookeeper_port = ports[0]
        self.ports = {name: ports[1 + 3 * at:4 + 3 * at] for at, name in enumerate(self.NAMES)}
        self.servers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Cluster:
        # An ExitStack that is not entered whole is left all the same.
        with contextlib.ExitStack() as unwind:
            unwind.callback(self.close)
            self._start_zookeeper()
            for name in self.NAMES:
                self.start(name)
            unwind.pop_all()
        return self

    def _begin(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{name}.out", "ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder)
        self.callback(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()

    def _start_zookeeper(self) -> None:
        (self.folder / "zookeeper").mkdir()
        (self.folder / "zoo.cfg").write_text(
            f"tickTime=500\ndataDir={self.folder}/zookeeper\nclientPort={self.zookeeper_port}\n"
            "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n", encoding="utf-8")
        self._begin("zookeeper", ["java", "-Xmx128m", "-cp", ZOOKEEPER,
                                  "org.apache.zookeeper.server.quorum.QuorumPeerMain", "zoo.cfg"])
        self._wait_for(self.zookeeper_port, "zookeeper", b"srvr")

    def _wait_for(self, port: int, name: str, question: bytes = b"") -> None:
        """Until it takes connections and, where there is a question, answers that."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError), \
                    socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(question)
                if not question or b"Mode:" in connection.recv(4096):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{name} did not start in {START_SECONDS} s")

    def _config(self, name: str) -> str:
        tcp, http, between = self.ports[name]
        home = escape(str(self.folder / name))
        replicas = "".join(f"<replica><host>127.0.0.1</host><port>{ports[0]}</port></replica>"
                           for ports in self.ports.values())
        return f"""<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{home}/log</log><errorlog>{home}/errors</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>{tcp}</tcp_port><http_port>{http}</http_port>
  <interserver_http_port>{between}</interserver_http_port>
  <interserver_http_host>127.0.0.1</interserver_http_host>
  <path>{home}/data/</path><tmp_path>{home}/tmp/</tmp_path>
  <mark_cache_size>67108864</mark_cache_size>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <timezone>UTC</timezone>
  <macros><replica>{name}</replica></macros>
  <zookeeper>
    <node><host>127.0.0.1</host><port>{self.zookeeper_port}</port></node>
    <session_timeout_ms>5000</session_timeout_ms>
  </zookeeper>
  <remote_servers><fleet><shard><internal_replication>true</internal_replication>{replicas}</shard>
  </fleet></remote_servers>
</yandex>
"""

    def start(self, name: str) -> None:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        (home / "config.xml").write_text(self._config(name), encoding="utf-8")
        (home / "users.xml").write_text("""<?xml version="1.0"?>
<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage>
    <connect_timeout_with_failover_ms>1000</connect_timeout_with_failover_ms></default></profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>
""", encoding="utf-8")
        self.servers[name] = self._begin(
            name, ["clickhouse-server", f"--config-file={home}/config.xml"])
        self._wait_for(self.ports[name][0], f"clickhouse-server {name}")

    def kill(self, name: str) -> None:
        """As a power cut would."""
        self._end(self.servers[name])

    def client(self, name: str) -> str:
        """The command that asks this server."""
        return f"clickhouse-client --host 127.0.0.1 --port {self.ports[name][0]}"

    def ask(self, name: str, sql: str, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.client(name).split(), "-n", "-q", sql], text=True,
                              capture_output=True, check=False, env=dict(os.environ, TZ="UTC"),
                              **more)

    def must(self, name: str, sql: str) -> str:
        done = self.ask(name, sql)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {sql[:200]}: {done.stderr.strip()[:500]}")
        return done.stdout


HERE = "tcpinfo_connections_here"


def create_replicated(cluster: Cluster, table: str) -> None:
    """The table of tcpinfo-csv on each server, replicated, and one over both that is asked."""
    table = table.replace("CREATE TABLE tcpinfo_connections (", f"CREATE TABLE {HERE} (")
    table = table.replace("ENGINE = MergeTree",
                          "ENGINE = ReplicatedMergeTree('/tcpinfo_connections', '{replica}')")
    for name in cluster.NAMES:
        cluster.must(name, table)
        cluster.must(name, f"CREATE TABLE tcpinfo_connections AS {HERE} "
                           f"ENGINE = Distributed(fleet, default, {HERE})")
