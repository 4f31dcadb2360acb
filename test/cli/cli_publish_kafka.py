# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-collect --publish kafka://: every block comes, in order, through kills of the collector
and brokers that fail, move and are away; what is too large is passed over; credentials and TLS.

usage: cli_publish_kafka.py COLLECTOR TCPINFO_CSV CLUSTER
"""

from __future__ import annotations

import concurrent.futures
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from checks import check, finish
from publishing import (HANGS, SEGMENTS, Kafka, await_run, blocks, certificate, check_order,
                        place_of, rows, runs, segments, traffic)

COLLECTOR, CSV, CLUSTER = sys.argv[1:4]
# Errors that Kafka calls retriable: not the leader, timed out, too few replicas, and none of these,
# but the connection closed.
RETRIABLE = (6, 7, 19, -195)
# Of the topic's max.message.bytes, and of its segment.bytes.
TOO_LARGE = (10, 18)


def run(*flags: str, seconds: float = 0) -> subprocess.CompletedProcess[str]:
    more = ["--duration", f"{int(seconds * 1000)}ms"] if seconds else []
    return subprocess.run([COLLECTOR, *flags, *more], capture_output=True, text=True,
                          timeout=HANGS, check=False, stdin=subprocess.DEVNULL)


def send_rest(done: subprocess.CompletedProcess[str],
              *flags: str) -> subprocess.CompletedProcess[str]:
    """A busy machine may need more than the five seconds after the end."""
    for _ in range(10):
        if done.returncode != 0 or "not all is sent" not in done.stderr:
            break
        done = run(*flags, "--reps", "1")
    return done


def check_came(cluster: Kafka, output: Path) -> dict[str, bytes]:
    """That all blocks of the segments came, each key in one partition and in its order."""
    ours = [block for segment in segments(output).values() for block in blocks(segment)]
    cluster.await_blocks(len(ours))
    by_id: dict[str, bytes] = {}
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    partitions: dict[str, set[int]] = defaultdict(set)
    for partition, key, name, content in list(cluster.came):
        check(by_id.setdefault(name, content) == content, f"{name} has two contents")
        of, place = place_of(name)
        check(of == key, f"{name} has the key {key}")
        partitions[key].add(partition)
        if place not in places[key]:
            places[key].append(place)
    check(sorted(by_id.values()) == sorted(ours),
          f"{len(by_id)} blocks came, of {len(ours)} that there are")
    check_order(places)
    check(all(len(found) == 1 for found in partitions.values()), f"{partitions}")
    return by_id


def test_failures(scratch: Path) -> None:
    cluster = Kafka(CLUSTER, "tcp.blocks")
    output = scratch / "out"
    flags = ["--output", str(output), *SEGMENTS, "--publish", cluster.url]
    try:
        with traffic():
            for turn in range(2):
                before = runs(output)
                with subprocess.Popen([COLLECTOR, *flags], stderr=subprocess.DEVNULL) as collector:
                    try:
                        await_run(output, before)
                        for error in RETRIABLE:
                            cluster.tell(f"fail {error} 1")
                        broker = 1 + turn
                        for partition in range(cluster.partitions):
                            cluster.tell(f"leader {partition} {broker}")
                        time.sleep(0.4)
                        # What is appended is not acknowledged.
                        cluster.tell(f"rtt {broker} 300")
                        time.sleep(0.4)
                        cluster.tell(f"down {broker}")
                        for partition in range(cluster.partitions):
                            cluster.tell(f"leader {partition} {1 + broker % cluster.brokers}")
                        time.sleep(0.3)
                        cluster.tell(f"up {broker}")
                        cluster.tell(f"rtt {broker} 0")
                    finally:
                        collector.send_signal(signal.SIGKILL)
            done = run(*flags, seconds=1.5)
        done = send_rest(done, *flags)
        check(done.returncode == 0, done.stderr)
        by_id = check_came(cluster, output)
        check(len(by_id) > 20, f"{len(by_id)} blocks")
        check(len({name.split("/")[1] for name in by_id}) >= 3, "not of three runs")
        want = rows(subprocess.run([CSV, str(output)], capture_output=True, timeout=HANGS,
                                   check=False))
        if shutil.which("kcat") is None:
            print("no kcat: what it reads is not tried")
            return
        # As docs/fleet.md has it. What came twice is there twice.
        with subprocess.Popen(["kcat", "-C", "-b", cluster.servers, "-t", cluster.topic, "-e", "-q",
                               "-D", ""], stdout=subprocess.PIPE) as kcat:
            read = rows(subprocess.run([CSV], stdin=kcat.stdout, capture_output=True,
                                       timeout=HANGS, check=False))
        check(set(read) == set(want), f"kcat: {len(read)} rows, of {len(want)}")
    finally:
        cluster.close()


def writer_of(name: str) -> str:
    """HOST.START-RUN.WRITER of HOST.START-RUN.WRITER.NUMBER.tcpseg.zst."""
    return name.rsplit(".", 3)[0]


def run_of(name: str) -> str:
    return writer_of(name).rpartition(".")[0]


def test_connections(scratch: Path) -> None:
    """Rows in place of blocks: those of tcpinfo-csv, by connection, at least once."""
    cluster = Kafka(CLUSTER, "rows")
    output = scratch / "rows"
    flags = ["--output", str(output), *SEGMENTS, "--publish", cluster.url, "--publish-what",
             "connections"]
    try:
        with traffic():
            with subprocess.Popen([COLLECTOR, *flags], stderr=subprocess.DEVNULL) as collector:
                try:
                    await_run(output, set())
                    time.sleep(1.5)
                finally:
                    collector.send_signal(signal.SIGKILL)
            done = run(*flags, seconds=1.5)
        done = send_rest(done, *flags)
        check(done.returncode == 0, done.stderr)
        files = sorted(output.glob("**/*.tcpseg.zst"))
        wanted = {path.name: table.splitlines() for path in files if (table := subprocess.run(
            [CSV, "--connections", "--format", "jsonl", str(path)], stdout=subprocess.PIPE,
            timeout=HANGS, check=True).stdout)}
        # What a killed writer had begun has no summaries.
        killed = [name for name in wanted if run_of(name) == run_of(min(wanted))]
        cut = {max(name for name in killed if writer_of(name) == writer)
               for writer in {writer_of(name) for name in killed}}
        must = {row for name, found in wanted.items() if name not in cut for row in found}
        may = {row for found in wanted.values() for row in found}
        check(len(wanted) > len(cut) + 1 and len(must) > 2, f"{len(must)} rows, {sorted(wanted)}")
        end = time.monotonic() + HANGS
        while time.monotonic() < end and not must <= {row for _, _, _, row in cluster.came}:
            time.sleep(0.02)
        came = {name: (key, content) for _, key, name, content in cluster.came}
        rows_came = {content for _, content in came.values()}
        check(must <= rows_came, f"{len(must - rows_came)} of {len(must)} rows did not come")
        check(rows_came <= may, f"{rows_came - may}")
        for name, (key, content) in came.items():
            check(json.loads(content)["uuid"] == key and name.startswith(key + "/"), name)
    finally:
        cluster.close()
    for said, *more in (("takes whole segments", "--publish", f"file:{scratch}/t", "--publish-what",
                         "connections"),
                        ("neither blocks nor", "--publish", cluster.url, "--publish-what", "rows"),
                        ("without --publish", "--publish-what", "blocks")):
        done = run("--output", str(output), *SEGMENTS, *more)
        check(done.returncode == 2 and said in done.stderr, f"{more}: {done.stderr}")


def test_too_large(scratch: Path) -> None:
    """A request that is refused for its size goes in parts; a block that is, is passed over."""
    cluster = Kafka(CLUSTER, "small", brokers=1)
    output = scratch / "large"
    flags = ["--output", str(output), *SEGMENTS]
    try:
        with traffic():
            check(run(*flags, seconds=1).returncode == 0, "recording")
        for error in TOO_LARGE:
            cluster.tell(f"fail {error} 1")
        done = run(*flags, "--reps", "1", "--publish", cluster.url)
        check(done.returncode == 0, done.stderr)
        check(done.stderr.count("does not take block") == 1, done.stderr)
        ours = [block for segment in segments(output).values() for block in blocks(segment)]
        cluster.await_blocks(len(ours) - 1)
        # One behind the refused may have been on its way: it is sent again, with its id.
        came = {(name, content) for _, _, name, content in cluster.came}
        check(len(came) == len(ours) - 1 and {content for _, content in came} < set(ours),
              f"{len(came)} of {len(ours)} blocks came")
    finally:
        cluster.close()


def test_credentials(scratch: Path) -> None:
    """What a file of credentials may hold. No word of it is told."""
    path = scratch / "credentials"
    path.touch(0o600)
    path.chmod(0o600)
    user = "sasl.mechanism=SCRAM-SHA-512\nsasl.username=u\nsasl.password=s3cr3t\n"
    for text, said in (("s3cr3t\n", "line 1 is none of"),
                       (user + "enable.ssl.certificate.verification=false\n", "line 4 is none of"),
                       (user + "sasl.password=s3cr3t2\n", "is there twice"),
                       ("sasl.username=s3cr3t\nsasl.password=s3cr3t\n", "mechanism is missing"),
                       ("sasl.mechanism=s3cr3t\nsasl.username=u\nsasl.password=p\n",
                        "none of PLAIN"),
                       ("ssl.key.location=/s3cr3t\n", "one is missing"),
                       ("ssl.key.location=/none\nssl.certificate.location=/none\n",
                        "cannot be read"),
                       ("", "neither a user nor a certificate")):
        path.write_text(text)
        done = run("--output", str(scratch / "none"), "--layout", "segments", "--publish",
                   f"kafka://localhost/a?ca=system&credentials={path}")
        check(done.returncode == 2 and said in done.stderr, f"{text!r}: {done.stderr}")
        check("s3cr3t" not in done.stderr, done.stderr)
    check(not (scratch / "none").exists(), "something was made before it was refused")


def test_tls(scratch: Path) -> None:
    """A broker whose certificate nobody knows, or is of another name, hears nothing."""
    files = {name: certificate(scratch, name, f"DNS:{name}")
             for name in ("localhost", "elsewhere.example")}
    with traffic():
        check(run("--output", str(scratch / "tls"), *SEGMENTS, seconds=0.5).returncode == 0, "")
    user = scratch / "user"
    user.write_text("sasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=s3cr3t\n")
    user.chmod(0o600)

    def one_broker(case: tuple[str, str, str, bool]) -> None:
        shown, trusted, more, hears = case
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files[shown])
        heard: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve() -> None:
                while True:
                    try:
                        one = listener.accept()[0]
                    except OSError:
                        return
                    try:
                        one.settimeout(HANGS)
                        with context.wrap_socket(one, server_side=True) as safe:
                            heard.append(safe.recv(4096))
                    except OSError:
                        pass
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            output = scratch / f"tls-{shown}-{trusted}-{len(more)}"
            shutil.copytree(scratch / "tls", output)
            done = run("--output", str(output), *SEGMENTS, "--publish",
                       f"kafka://localhost:{listener.getsockname()[1]}/a"
                       f"?ca={files[trusted][0]}{more}", seconds=0.3)
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(HANGS)
        check(done.returncode == 0 and "cannot send to kafka://" in done.stderr, done.stderr)
        check("s3cr3t" not in done.stderr and "credentials=" not in done.stderr, done.stderr)
        # It asks for the versions of the broker first.
        check(any(heard) == hears, f"{shown}, {trusted} trusted: {heard}")
        check(hears or "certificate" in done.stderr, done.stderr)

    cases = (("localhost", "localhost", "", True),
             ("localhost", "localhost", f"&credentials={user}", True),
             ("localhost", "elsewhere.example", "", False),
             ("elsewhere.example", "elsewhere.example", "", False))
    # Each waits for the end of what it gives itself for the rest.
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as all_at_once:
        list(all_at_once.map(one_broker, cases))


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        test_failures(scratch)
        test_connections(scratch)
        test_too_large(scratch)
        test_credentials(scratch)
        if shutil.which("openssl") is None:
            print("no openssl: TLS is not tried")
        else:
            test_tls(scratch)
    finish()


if __name__ == "__main__":
    main()
