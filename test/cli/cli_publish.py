# SPDX-License-Identifier: Apache-2.0
"""tcpinfo-collect --publish: what it refuses; that segments come to a folder and to a server that
is away, fails, or gets the collector killed before it answers.

usage: cli_publish.py COLLECTOR TCPINFO_DUMP
"""

from __future__ import annotations

import contextlib
import http.server
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from checks import check, finish
from publishing import SEGMENTS, certificate, segments, traffic

COLLECTOR, DUMP = sys.argv[1:3]
HANGS = 60
skips = 0


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COLLECTOR, *flags], capture_output=True, text=True, timeout=HANGS,
                          check=False, stdin=subprocess.DEVNULL)


def send_rest(output: Path, url: str, got: Callable[[], dict[str, bytes]]) -> None:
    """At the end of a run there are 5 s to send what is left, which a busy machine may need more
    than once."""
    for _ in range(10):
        if got() == segments(output):
            return
        run("--output", str(output), *SEGMENTS, "--reps", "1", "--publish", url)


def test_refusals(scratch: Path) -> None:
    secret = "s3cr3t"
    output = scratch / "refused"
    loose = scratch / "loose"
    loose.write_text(f"Authorization: {secret}\n")
    loose.chmod(0o644)
    tight = scratch / "tight"
    tight.write_text(f"{secret} without a colon\n")
    tight.chmod(0o600)
    for said, *flags in (
            ("does not belong in it", "--publish", f"https://user:{secret}@localhost/a"),
            ("does not belong in it", "--publish", f"nats://{secret}@localhost/a"),
            ("take https", "--publish", "http://localhost/a"),
            ("none of file:", "--publish", f"ftp://localhost/{secret}"),
            ("URL 2: it names no folder", "--publish", "file:/tmp/a", "--publish", "file:b"),
            ("neither ca nor credentials", "--publish", f"https://localhost/?token={secret}"),
            ("--output itself", "--publish", f"file:{output}/"),
            ("there twice", "--publish", "file:/tmp/a", "--publish", "file:///tmp/a/"),
            ("everybody may read", "--publish", f"https://localhost/a?credentials={loose}"),
            ("is no header", "--publish", f"https://localhost/a?credentials={tight}"),
            ("No such file", "--publish", f"https://localhost/a?credentials={scratch}/none"),
            ("cannot be read", "--publish", f"https://localhost/a?ca={scratch}/none")):
        done = run("--output", str(output), "--layout", "segments", *flags)
        if "without libcurl" in done.stderr:
            continue
        check(done.returncode == 2, f"{flags}: exit status {done.returncode}: {done.stderr}")
        check(said in done.stderr, f"{flags}: {done.stderr}")
        check(secret not in done.stderr, f"{flags}: the secret is told: {done.stderr}")
    done = run("--output", str(output), "--publish", "file:/tmp/a")
    check(done.returncode == 2 and "--layout segments" in done.stderr, done.stderr)
    check(not output.exists(), "something was made before it was refused")


def test_folder(scratch: Path) -> None:
    output, target = scratch / "out", scratch / "target"
    with traffic():
        done = run("--output", str(output), *SEGMENTS, "--duration", "2500ms", "--publish",
                   f"file:{target}")
    check(done.returncode == 0, done.stderr)
    send_rest(output, f"file:{target}", lambda: segments(target))
    ours = segments(output)
    check(len(ours) >= 2, f"segments: {sorted(ours)}")
    check(segments(target) == ours, f"{sorted(segments(target))}, not {sorted(ours)}")
    check(not list(target.glob("**/*.part")), "something is left at the target")
    cursors = list(output.glob(".tcpinfo-publish.*"))
    check(len(cursors) == 1, f"cursors: {cursors}")
    verify = subprocess.run([DUMP, "verify", str(target)], capture_output=True, text=True,
                            timeout=HANGS, check=False)
    check(verify.returncode == 0, verify.stdout + verify.stderr)
    # Of the next run nothing is sent again.
    shutil.rmtree(target)
    done = run("--output", str(output), *SEGMENTS, "--reps", "1", "--publish", f"file:{target}")
    check(done.returncode == 0, done.stderr)
    check(not set(segments(target)) & set(ours), "acknowledged segments came again")


def test_metrics(scratch: Path) -> None:
    """What docs/alerts.yml watches of publishing is told."""
    rules = (Path(__file__).resolve().parent.parent.parent / "docs" / "alerts.yml").read_text()
    wanted = {f'{name}{{target="' for name in re.findall(r"\btcpinfo_publish_\w+", rules)}
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with subprocess.Popen([COLLECTOR, "--output", str(scratch / "told"), *SEGMENTS, "--prometheus",
                           f"127.0.0.1:{port}", "--publish", f"file:{scratch / 'told-to'}"],
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as collector:
        text = ""
        until = time.monotonic() + HANGS
        while time.monotonic() < until and not all(name in text for name in wanted):
            with contextlib.suppress(OSError), urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/metrics", timeout=HANGS) as answer:
                text = answer.read().decode()
            time.sleep(0.1)
        collector.terminate()
        check(collector.wait(HANGS) == 0, "the collector did not end well")
    check(bool(wanted) and all(name in text for name in wanted), f"{wanted} are not all told")


class Server:
    """Takes PUT over TLS. `refuse` requests are answered 503; with `hold`, none is answered."""

    def __init__(self, scratch: Path) -> None:
        self.certificate, key = certificate(scratch, "localhost", "DNS:localhost")
        self.puts: list[tuple[str, bytes, dict[str, str]]] = []
        self.refuse = 0
        self.hold = threading.Event()
        self.came = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if server.refuse > 0:
                    server.refuse -= 1
                    self.answer(503)
                    return
                server.puts.append((self.path, body, dict(self.headers)))
                server.came.set()
                if server.hold.is_set():
                    # Until the collector is killed.
                    self.connection.recv(1)
                    self.close_connection = True
                    return
                self.answer(201)

            def answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        # By its number: a name may have an address of IPv6, too.
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.http.daemon_threads = True
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, parameters: str) -> str:
        return f"https://localhost:{self.http.server_port}/bucket/a?{parameters}"

    def got(self) -> dict[str, bytes]:
        """By name; the same name has the same content whenever it comes."""
        found: dict[str, bytes] = {}
        for path, body, headers in self.puts:
            name = path.removeprefix("/bucket/a/")
            check(found.setdefault(name, body) == body, f"{name} came with two contents")
            # HOST/START-RUN/WRITER/NUMBER of HOST.START-RUN.WRITER.NUMBER.tcpseg.zst
            host, *rest = headers["Tcpinfo-Id"].split("/")
            check(Path(name).name == f"{host}.{rest[0]}.{rest[1]}.{int(rest[2]):05}.tcpseg.zst",
                  f"{name} has the id {headers['Tcpinfo-Id']}")
        return found


def test_server(scratch: Path) -> None:
    server = Server(scratch)
    secret = scratch / "headers"
    secret.write_text("# for the test\nAuthorization: Bearer 1234\n")
    secret.chmod(0o640)
    output = scratch / "out"
    trusted = server.url(f"ca={server.certificate}&credentials={secret}")
    # Of a certificate that nobody knows.
    with traffic():
        done = run("--output", str(output), *SEGMENTS, "--duration", "1200ms", "--publish",
                   server.url("ca=system"))
    check(done.returncode == 0, done.stderr)
    check("cannot send to https://" in done.stderr and not server.puts, done.stderr)
    check("credentials=" not in done.stderr, done.stderr)

    # One that is away and comes back, and a collector that is killed before it was answered.
    server.refuse = 1
    server.hold.set()
    with traffic(), subprocess.Popen([COLLECTOR, "--output", str(output), *SEGMENTS, "--publish",
                                      trusted], stderr=subprocess.PIPE, text=True) as collector:
        try:
            check(server.came.wait(HANGS), "nothing came")
            time.sleep(0.3)
        finally:
            collector.send_signal(signal.SIGKILL)
            said = collector.communicate(timeout=HANGS)[1]
    check("the server answers 503" in said, said)
    check("1234" not in said, said)
    server.hold.clear()
    held = set(server.got())
    # What the next run finds it sends, the leftovers of the one before among them.
    with traffic():
        done = run("--output", str(output), *SEGMENTS, "--duration", "2500ms", "--publish", trusted)
    check(done.returncode == 0, done.stderr)
    send_rest(output, trusted, server.got)
    check(server.got() == segments(output), f"{sorted(server.got())} came, and not "
                                            f"{sorted(segments(output))}")
    names = [path for path, _, _ in server.puts]
    check(held and len(names) > len(set(names)), "what was not acknowledged did not come again")
    check(all(headers.get("Authorization") == "Bearer 1234" for _, _, headers in server.puts),
          "a request had no credentials")
    server.http.shutdown()


def main() -> None:
    global skips
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        test_refusals(scratch)
        test_folder(scratch)
        test_metrics(scratch)
    without = run("--layout", "segments", "--publish", "https://localhost/a", "--max-memory", "1")
    if "without libcurl" in without.stderr or shutil.which("openssl") is None:
        print("skipped: publishing to https: no libcurl, or no openssl")
        skips += 1
    else:
        with tempfile.TemporaryDirectory() as directory:
            test_server(Path(directory))
    finish(f", {skips} skipped" if skips else "")


if __name__ == "__main__":
    main()
