# SPDX-License-Identifier: Apache-2.0
"""Runs tcpinfo-collect and the traffic generator for the live tests."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import pwd
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import netns
from archives import Connection, Malformed, Record, check, check_history, finished_files
from shared_log import SharedLog

SUMMARY = "tcpinfo-collect: summary: "
SUMMARY_KEYS = ("polls", "missed_ticks", "interval_ms_p50", "interval_ms_p99", "interval_ms_max",
                "connections", "records", "bytes", "files", "losses")
PREFIX = "live-test"

_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _LAST_CAP = 38, 24, 63


def full() -> bool:
    """The long forms of the tests, as the acceptance criteria word them."""
    return os.environ.get("TCPINFO_LIVE_FULL") == "1"


def sanitized() -> bool:
    """Set by meson for builds with sanitizers, whose memory use says nothing."""
    return os.environ.get("TCPINFO_SANITIZED") == "1"


def become_nobody() -> None:
    """For a child between fork and exec: user nobody, no capability, none to be had again."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_LAST_CAP + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # past the last one: EINVAL, no matter
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")


def check_runnable(exe: str) -> None:
    """Skips where nobody may not even run the program (a build below somebody's home)."""
    if os.geteuid() != 0:
        raise netns.Skip("to become nobody takes root")
    try:
        subprocess.run([exe, "--version"], preexec_fn=become_nobody, check=True,
                       stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        raise netns.Skip(f"nobody may not run {exe}: {error}") from None


def has_metrics(exe: str) -> bool:
    """Whether it was built with prometheus-cpp: a build without knows the flag, too."""
    refusal = subprocess.run([exe, "--prometheus=127.0.0.1:0", "--max-memory=1"],
                             capture_output=True, text=True, check=False).stderr
    return "built without" not in refusal


def as_nobody_if_possible(exe: str, directory: str) -> tuple[Path, bool]:
    """Where a collector may write, below a scratch directory, and whether it can be nobody's."""
    scratch = Path(directory)
    scratch.chmod(0o755)
    base = scratch / "collector"
    base.mkdir()
    try:
        check_runnable(exe)
    except netns.Skip as reason:
        print(f"NOTE: as root: {reason}")
        return base, False
    give_to_nobody(base)
    return base, True


def give_to_nobody(path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(path, nobody.pw_uid, nobody.pw_gid)


def wait_until(condition: Callable[[], object], patience: float) -> bool:
    """Whether it comes true within that many seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def processor_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """What all processors together have worked, for whomever."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _idle, _wait, *others = map(int, stat.readline().split()[1:9])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


@dataclass
class Ended:
    status: int
    errors: str
    summary: dict[str, str]

    def number(self, key: str) -> float:
        return float(self.summary[key])

    def idle_ticks(self) -> int:
        """Said only where there were any."""
        return int(self.summary.get("idle_ticks", "0"))

    def ticks(self) -> float:
        return self.number("polls") + self.idle_ticks() + self.number("missed_ticks")

    def told(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.summary.items())


def parse_summary(errors: str) -> dict[str, str]:
    lines = [line for line in errors.splitlines() if line.startswith(SUMMARY)]
    check(len(lines) == 1, f"{len(lines)} summary lines in:\n{errors}")
    pairs = dict(word.partition("=")[::2] for word in lines[0][len(SUMMARY):].split(" "))
    check(not set(SUMMARY_KEYS) - set(pairs), f"summary lacks keys: {lines[0]}")
    return pairs


def leftovers_completed(errors: str) -> int | None:
    match = re.search(r"completed (\d+) leftover file", errors)
    return int(match[1]) if match else None


class Collector:
    """A running tcpinfo-collect. As a context manager it is killed if nobody stopped it."""

    def __init__(self, exe: str, output: Path, where: netns.Namespace, *flags: str,
                 descriptors: int | None = None, nobody: bool = False, ready: bool = True,
                 environment: dict[str, str] | None = None, own_prefix: bool = True,
                 confine: Callable[[], None] | None = None, only_flags: bool = False) -> None:
        self._log = SharedLog()  # closed in __exit__
        prefix = tempfile.NamedTemporaryFile(mode="w", suffix=".prefix")
        prefix.write(PREFIX)
        prefix.flush()
        os.chmod(prefix.name, 0o644)
        self._prefix = prefix

        def prepare() -> None:
            where.enter_for_good()
            if confine is not None:
                confine()
            if descriptors is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            if nobody:
                become_nobody()

        naming = ["--uuid-prefix-file", prefix.name] if own_prefix else []
        self.child = subprocess.Popen(
            [exe, *flags] if only_flags else [exe, "--output", str(output), *naming, *flags],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, preexec_fn=prepare,
            env=None if environment is None else os.environ | environment)
        if ready:
            self._wait_ready()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.kill()
        self._log.close()
        self._prefix.close()

    def _wait_ready(self) -> None:
        """Ready means: it has joined the destroy groups of both families (bits 0 and 2), and a
        connection made from then on cannot be missed. Another collector on this machine may have
        joined in the same namespace (--netns all), so its sockets must be its own."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise Malformed(f"the collector ended with {self.child.returncode}:\n{self.log()}")
            try:
                with open(f"/proc/{self.child.pid}/net/netlink", encoding="ascii") as table:
                    rows = [line.split() for line in table.readlines()[1:]]
                own = {link for _, link in self.descriptors()}
            except OSError:
                rows, own = [], set()
            groups = 0
            for row in rows:
                if row[1] == "4" and f"socket:[{row[9]}]" in own:  # NETLINK_SOCK_DIAG
                    groups |= int(row[3], 16)
            if groups & 0x5 == 0x5:
                return
            time.sleep(0.01)
        raise Malformed(f"the collector did not join the destroy groups:\n{self.log()}")

    def log(self) -> str:
        return self._log.read()

    def says(self, text: str, patience: float = 20) -> bool:
        """Whether it says so, now or soon: a thread of its own writes the lines, after what they
        tell of has been seen elsewhere."""
        return wait_until(lambda: text in self.log(), patience)

    def messages(self) -> list[str]:
        """What it said but for the summary, and how it samples."""
        return [line for line in self.log().splitlines() if not line.startswith(SUMMARY)
                and not line.startswith("tcpinfo-collect: sampling by ")]

    def complaints(self) -> list[str]:
        """Without what a busy machine makes it say."""
        return [line for line in self.messages()
                if not re.search(" is not kept(:| in network namespace )", line)]

    def status(self, key: str) -> int:
        """A number of /proc/PID/status."""
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise Malformed(f"no {key}")

    def peak_memory_mb(self) -> float:
        return self.status("VmHWM") / 1024

    def memory_mb(self) -> float:
        return self.status("VmRSS") / 1024

    def descriptors(self) -> set[tuple[int, str]]:
        """Number and what it is, for a number may stand for one file now and another next."""
        found = set()
        for name in os.listdir(f"/proc/{self.child.pid}/fd"):
            try:
                found.add((int(name), os.readlink(f"/proc/{self.child.pid}/fd/{name}")))
            except FileNotFoundError:
                pass  # closed in between
        return found

    def processor_seconds(self) -> float:
        return processor_seconds(self.child.pid)

    def children(self) -> list[int]:
        """Processes it started and that are still there, finished ones included."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as stat:
                        if int(stat.read().rpartition(")")[2].split()[1]) == self.child.pid:
                            found.append(int(name))
                except (OSError, IndexError):
                    pass
        return found

    def stop(self, number: int = signal.SIGTERM, patience: float = 60) -> Ended:
        """Ends it by a signal, as an operator does, and expects a clean end."""
        self.child.send_signal(number)
        return self.wait(patience)

    def wait(self, patience: float = 60) -> Ended:
        try:
            status = self.child.wait(patience)
        except subprocess.TimeoutExpired:
            raise Malformed(f"the collector did not end within {patience} s:\n{self.log()}"
                            ) from None
        errors = self.log()
        check(status in (0, 1), f"the collector ended with {status}:\n{errors}")
        ended = Ended(status, errors, parse_summary(errors))
        # 1 says that something was lost, which the summary then has to tell.
        check(status == 0 or ended.summary["losses"] != "0",
              f"the collector ended with {status} and no losses:\n{errors}")
        return ended

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    def pause(self) -> None:
        self.child.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.child.send_signal(signal.SIGCONT)


@dataclass
class Truth:
    """One connection as the generator made it."""

    group: str
    family: str
    close: str
    active: bool
    receiver_cookie: int
    sender_cookie: int
    local: str
    local_port: int
    remote: str
    remote_port: int
    bytes: int
    expect_received: list[int]
    start_ns: int
    end_ns: int


def read_truth(path: Path) -> list[Truth]:
    result = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            row = json.loads(line)
            row["group"] = row.pop("class")
            for key in ("receiver_cookie", "sender_cookie"):
                row[key] = int(row[key], 16)
            result.append(Truth(**row))
    return result


# All but `receiver_rst`, of which no final counters can be had (see ABORTED_HERE).
EXACT_CLOSINGS = "sender_fin,receiver_fin,sender_rst,receiver_close"


class Traffic:
    """The generator, running in the background."""

    def __init__(self, exe: str, mode: str, pair: netns.Pair, truth: Path, *flags: str) -> None:
        self.truth_file = truth
        self.child = subprocess.Popen(
            [exe, mode, "--truth", str(truth), "--receiver-ns", pair.receiver.path,
             "--sender-ns", pair.sender.path, "--v4", netns.RECEIVER_V4, "--v6",
             netns.RECEIVER_V6, *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Traffic:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()

    def wait_open(self) -> None:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        check(line.startswith("open: "), f"the generator said {line!r}")
        print("traffic " + line.strip())

    def stop(self) -> None:
        self.child.terminate()

    def finish(self, patience: float = 120) -> list[Truth]:
        try:
            rest, _ = self.child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            raise Malformed(f"the generator did not end within {patience} s") from None
        for line in rest.splitlines():
            print("traffic " + line)
        check(self.child.returncode == 0, f"the generator ended with {self.child.returncode}")
        return read_truth(self.truth_file)


def cookies_of_files(files: list[Path]) -> set[int]:
    return {int(path.name.split(".")[0][-16:], 16) for path in files}


def check_verified(dump: str, output: Path) -> None:
    """The product's own judge has nothing to say against any file."""
    done = subprocess.run([dump, "verify", str(output)], capture_output=True, text=True,
                          check=False)
    told = done.stdout.strip().splitlines()
    check(done.returncode == 0, f"`tcpinfo-dump verify` ends with {done.returncode}:\n"
          + "\n".join(told[:20]) + done.stderr)


def check_finished(made: list[Truth], output: Path, patience: float) -> None:
    """Every connection made has a complete file before long, while the collector runs."""
    wanted = {one.receiver_cookie for one in made}
    done = wait_until(lambda: wanted <= cookies_of_files(finished_files(output)), patience)
    missing = wanted - cookies_of_files(finished_files(output))
    check(done, f"{len(missing)} of {len(wanted)} connections that ended have no complete file")


def settle(seconds: float = 0.5) -> None:
    """Destroy events are sent by a kernel worker a moment after the socket is gone, and later where
    thousands go at once."""
    time.sleep(seconds)


# A socket its own side resets goes through the kernel's disconnect before it is destroyed: the
# destroy event then has the remote port 0 and a tcp_info of zeros, only the remote address stays.
# No dump sees the final counters either, unless one came between the last byte and the reset. So
# of such a connection the existence and an honest history are asked for: never a total that
# falls back to zero, never more than was sent.
ABORTED_HERE = "receiver_rst"


def counters_right(one: Truth, last: Record) -> bool:
    received = last.total("bytes_received")
    if one.close == ABORTED_HERE:
        return received is None or received <= one.bytes
    return received in one.expect_received


def compare_addresses(one: Truth, record: Record) -> None:
    if one.close == ABORTED_HERE and record.from_event and record.remote_port == 0:
        one = dataclasses.replace(one, remote_port=0)
    for what, made, seen in (("local", one.local, record.local),
                             ("local port", one.local_port, record.local_port),
                             ("remote", one.remote, record.remote),
                             ("remote port", one.remote_port, record.remote_port)):
        check(made == seen, f"cookie {record.cookie:016X}: {what} {made}, recorded as {seen}")


def compare_all(made: list[Truth], recorded: dict[int, Connection], every_record: bool = True
                ) -> int:
    """Every connection made was recorded, to its last counter, and no other. Returns the number of
    records. `every_record` reads all of them; without it only the last of each connection."""
    known = {one.receiver_cookie: one for one in made}
    check(len(known) == len(made), "the generator saw a cookie twice")
    missed = [one for cookie, one in known.items() if cookie not in recorded]
    invented = [one.uuid for cookie, one in recorded.items() if cookie not in known]
    wrong = []
    broken: list[str] = []
    count = 0
    for cookie, connection in recorded.items():
        one = known.get(cookie)
        if one is None:
            continue
        check(connection.uuid == f"{PREFIX}_{cookie:016X}", f"UUID is {connection.uuid}")
        if every_record:
            try:
                records = check_history(connection)
            except Malformed as reason:
                broken.append(f"{one.close} {one.group}: {reason}")
                records = connection.records()
            count += len(records)
            last = records[-1]
        else:
            count += sum(len(archive.lines) for archive in connection.archives)
            last = connection.last()
        compare_addresses(one, last)
        if not counters_right(one, last):
            wrong.append((one, last.total("bytes_received"), last.from_event))
    print(f"made {len(made)}, recorded {len(recorded)}, missed {len(missed)}, "
          f"not made by us {len(invented)}, wrong final counters {len(wrong)}, "
          f"broken histories {len(broken)}, records {count}")
    check(not missed, f"missed, the first: {missed[:3]}")
    check(not invented, f"never made: {invented[:3]}")
    check(not broken, f"broken histories, the first: {broken[:3]}")
    check(not wrong, f"wrong final counters, the first: {wrong[:3]}")
    return count


def check_no_losses(ended: Ended) -> None:
    print("summary: " + ended.told())
    check(ended.summary["losses"] == "0", f"losses reported:\n{ended.errors}")
    check(ended.status == 0, f"exit status {ended.status}")


def check_losses_by_load_only(ended: Ended) -> None:
    """For tests that ask for more than a small or busy machine can do: a snapshot that found the
    writers' ring full is made up for by a later one (and told); nothing else may be lost."""
    print("summary: " + ended.told())
    dropped = int(ended.summary.get("lost_ring", "0"))
    if dropped:
        print(f"NOTE: {dropped} snapshots were dropped because the writers could not keep up")
    check(int(ended.summary["losses"]) == dropped, f"losses reported:\n{ended.errors}")
