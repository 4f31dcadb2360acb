# SPDX-License-Identifier: Apache-2.0
"""Runs the collector as the systemd unit does, as far as that can be had without systemd: as a user
without rights in a user namespace of its own, nothing writable but its state directory and a
private /tmp, and killed by any system call or socket that the unit does not allow.

usage: live_sandbox.py COLLECTOR TRAFFIC UNIT DROP-IN
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archives
from archives import check
from collector import (Collector, Traffic, check_no_losses, check_runnable, compare_all,
                       give_to_nobody, has_metrics, sanitized, settle, wait_until)
from netns import Pair, Skip, run_test
from notify import Manager, status_of
from sandbox import Sandbox


def check_confined(child: Collector, sandbox: Sandbox) -> None:
    """The sandbox is one: a test of nothing would pass, too."""
    with open(f"/proc/{child.child.pid}/mountinfo", encoding="ascii") as table:
        rows = [line.split() for line in table]
    # Later mounts hide earlier ones in the same place.
    writable = {place for place, options in {row[4]: row[5] for row in rows}.items()
                if "rw" in options.split(",")}
    check(writable == sandbox.writable_places(), f"writable: {writable}")
    status = Path(f"/proc/{child.child.pid}/status").read_text(encoding="ascii")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    mask = sum(1 << capability for capability in sandbox.capabilities)
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        check(int(told[key], 16) == mask, f"{key} is {told[key]}")
    check(told["NoNewPrivs"] == "1" and told["Seccomp"] == "2", "no seccomp filter")
    if sandbox.private_users:
        check(os.readlink(f"/proc/{child.child.pid}/ns/user") != os.readlink("/proc/self/ns/user"),
              "no user namespace of its own")


def record(collect: str, traffic: str, sandbox: Sandbox, scratch: Path, *flags: str) -> None:
    """Everything a service does in its life."""
    output = sandbox.writable / "-".join(["out", *flags])
    exclude = scratch / "exclude"
    exclude.write_text("srcport 9100\n", encoding="ascii")
    exclude.chmod(0o644)
    notify = scratch / "-".join(["notify", *flags])
    with Pair() as pair, Manager(str(notify), pair.receiver) as manager:
        os.chmod(notify, 0o666)
        with Collector(collect, output, pair.receiver, "--exclude-file", str(exclude), "--verbose",
                       *flags, "--rotate", "2s", "--flush", "1s", ready=False,
                       confine=sandbox.confine(),
                       environment=manager.environment(watchdog=True)) as child:
            manager.until("READY", "1")
            check_confined(child, sandbox)
            with Traffic(traffic, "short", pair, scratch / "truth", "--class", "100us:100:100:2:1",
                         "--class", "5ms:5000:60:1:8", "--class", "50ms:50000:40:1:8") as load:
                made = load.finish()
            exclude.write_text("srcport 9100,9990\n", encoding="ascii")
            child.child.send_signal(signal.SIGHUP)
            manager.until("RELOADING", "1")
            manager.until("READY", "1")
            check(child.says("2 ports and 0 prefixes excluded (changed)"), child.log())
            manager.until("WATCHDOG", "1")
            status_of(manager.until("STATUS"))
            settle()
            ended = child.stop()
            manager.until("STOPPING", "1")
        compare_all(made, archives.read_directory(output))
        check_no_losses(ended)


def record_by_itself(collect: str, traffic: str, sandbox: Sandbox, scratch: Path) -> None:
    """The prefix made of what /proc says, the machine's addresses asked for, and a leftover."""
    output = sandbox.writable / "plain"
    flags = ("--anonymize", "netblock")
    with Pair() as pair:
        with Traffic(traffic, "hold", pair, scratch / "truth", "--connections", "5",
                     "--seconds", "600") as load:
            load.wait_open()
            with Collector(collect, output, pair.receiver, *flags, "--flush", "100ms",
                           own_prefix=False, confine=sandbox.confine()) as killed:
                parts = wait_until(lambda: len(archives.part_files(output)) == 5, 20)
                killed.kill()
            check(parts, f"{len(archives.part_files(output))} files:\n{killed.child.returncode}")
            with Collector(collect, output, pair.receiver, *flags, own_prefix=False,
                           confine=sandbox.confine()) as child:
                check(wait_until(lambda: len(archives.finished_files(output)) >= 5, 20),
                      "leftovers are not completed")
                time.sleep(0.5)
                ended = child.stop()
            load.stop()
        check(ended.summary.get("leftovers_completed") == "5", ended.told())
    with open("/proc/stat", encoding="ascii") as stat:
        booted = next(line.split()[1] for line in stat if line.startswith("btime "))
    names = {path.name.rsplit("_", 1)[0] for path in archives.finished_files(output)}
    check(len(names) == 1 and names.pop().endswith(f"_{booted}_unsafe"),
          f"not of the boot time {booted}: {archives.finished_files(output)}")


def serve(collect: str, sandbox: Sandbox) -> None:
    """Metrics and events, where the build has metrics."""
    if not has_metrics(collect):
        print("NOTE: this build has no metrics")
        return
    path = sandbox.writable / "events.sock"
    with Pair() as pair, Collector(collect, sandbox.writable / "served", pair.receiver,
                                   "--prometheus", "127.0.0.1:9990", "--eventsocket", str(path),
                                   "--include-local", confine=sandbox.confine()) as child:
        with socket.socket(socket.AF_UNIX) as client, \
                pair.receiver.socket(socket.AF_INET) as scraper:
            client.settimeout(20)
            client.connect(str(path))
            time.sleep(0.2)  # until it is accepted: who comes later hears of later ones only
            scraper.settimeout(20)
            check(wait_until(lambda: scraper.connect_ex(("127.0.0.1", 9990)) == 0, 20),
                  "nobody serves metrics")
            scraper.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: scraper.recv(65536), b""))
            check(b"\ntcpinfo_snapshot_total " in answer, f"metrics: {answer[:300]!r}")
            # The scrape itself is a connection.
            event = client.recv(65536)
            check(event.startswith(b'{"Event":0'), f"event: {event!r}")
        child.stop()


def check_bites(sandbox: Sandbox) -> None:
    """What the unit forbids does kill here."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        print(f"NOTE: no {python} to show that the filter forbids anything")
        return
    for code, status in (("pass", 0), ("import os; os.chroot('/')", -signal.SIGSYS),
                         ("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", 0),
                         ("import socket; socket.socket(socket.AF_PACKET)", -signal.SIGSYS),
                         (f"open({str(sandbox.writable / 'x')!r}, 'w')", 0),
                         ("open('/var/tmp/x', 'w')", 1)):
        done = subprocess.run([python, "-I", "-S", "-c", code], preexec_fn=sandbox.confine(),
                              stderr=subprocess.PIPE, text=True, check=False)
        check(done.returncode == status, f"{code} ends with {done.returncode}: {done.stderr}")


def may_own_users(collect: str, sandbox: Sandbox) -> bool:
    """Machines may forbid user namespaces to all but root; systemd makes them as root."""
    try:
        subprocess.run([collect, "--version"], preexec_fn=sandbox.confine(), check=True,
                       stdout=subprocess.DEVNULL)
        return True
    except (OSError, subprocess.SubprocessError) as reason:
        print(f"NOTE: without a user namespace: {reason}")
        return False


def can_sample_by_events(collect: str) -> bool:
    """Whether this kernel and this build can, with all privileges."""
    with tempfile.TemporaryDirectory() as output:
        return subprocess.run([collect, "--output", output, "--sampling=events", "--reps=1"],
                              capture_output=True, check=False).returncode == 0


def main() -> None:
    collect, traffic, unit, events = sys.argv[1:5]
    if sanitized():
        raise Skip("sanitizers make system calls of their own")
    # What is below /tmp is not to be seen in the sandbox.
    if tempfile.gettempdir().startswith("/tmp"):
        tempfile.tempdir = "/var/tmp"
    for path in (collect, traffic, unit):
        if Path(path).resolve().is_relative_to("/tmp"):
            raise Skip(f"{path} cannot be seen where /tmp is another")
    check_runnable(collect)
    with Pair():
        pass  # skips where there is no root
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        scratch.chmod(0o755)
        state = scratch / "state"
        state.mkdir(mode=0o750)
        give_to_nobody(state)
        sandbox = Sandbox(unit, state)
        sandbox.private_users = may_own_users(collect, sandbox)
        check_bites(sandbox)
        record(collect, traffic, sandbox, scratch)
        record_by_itself(collect, traffic, sandbox, scratch)
        serve(collect, sandbox)
        # The unit with the drop-in behind it, as systemd reads them.
        both = scratch / "with-events.service"
        both.write_text("".join(Path(part).read_text(encoding="utf-8")
                                for part in (unit, events)), encoding="utf-8")
        if can_sample_by_events(collect):
            by_events = Sandbox.of_unit(str(both), state)
            record(collect, traffic, by_events, scratch, "--sampling=events")
        else:
            print("NOTE: no sampling by events here")


run_test(main)
