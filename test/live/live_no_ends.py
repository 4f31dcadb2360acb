# SPDX-License-Identifier: Apache-2.0
"""A kernel, or a sandbox, that tells of no ends: it refuses the multicast groups, or grants them
and is silent. Connections are recorded by dumps, and end without final counters, which is said
once and is no loss. The kernel is made so with seccomp.

usage: live_no_ends.py COLLECTOR TRAFFIC
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import platform
import struct
import sys
import tempfile
from pathlib import Path

import archives
from archives import check
from collector import Collector, Traffic, check_no_losses, wait_until
from netns import Pair, Skip, run_test

COLLECTOR, TRAFFIC = sys.argv[1:3]
# machine: its number in <linux/audit.h>, and that of setsockopt(2).
MACHINES = {"x86_64": (0xC000003E, 54), "aarch64": (0xC00000B7, 208)}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
ERRNO, ALLOW = 0x00050000, 0x7FFF0000
LOAD, UNLESS_EQUAL, ANSWER = 0x20, 0x15, 0x06
FLAGS = ("--include-local", "--verbose")
UNHEARD = "tcpinfo-collect: connections end without final counters: "
REFUSED = UNHEARD + "the kernel refuses to tell of ends: Operation not permitted"
SILENT = UNHEARD + "the kernel grants to tell of ends, and is silent"


def memberships_answer(error: int) -> None:
    """From here on this process cannot join a multicast group: 0 is success without any effect."""
    audit, setsockopt = MACHINES[platform.machine()]
    program = [(LOAD, 0, 0, 4), (UNLESS_EQUAL, 0, 7, audit), (LOAD, 0, 0, 0),
               (UNLESS_EQUAL, 0, 5, setsockopt), (LOAD, 0, 0, 16 + 8),
               (UNLESS_EQUAL, 0, 3, SOL_NETLINK), (LOAD, 0, 0, 16 + 16),
               (UNLESS_EQUAL, 0, 1, ADD_MEMBERSHIP), (ANSWER, 0, 0, ERRNO | error),
               (ANSWER, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", what, then, otherwise, value)
                    for what, then, otherwise, value in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    pointer = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, pointer):
        raise OSError(ctypes.get_errno(), "seccomp")


def test_unheard(pair: Pair, scratch: Path, error: int, line: str, *flags: str) -> None:
    output = scratch / f"out-{error}-{len(flags)}"
    with Collector(COLLECTOR, output, pair.receiver, *FLAGS, *flags, ready=False,
                   confine=lambda: memberships_answer(error)) as collector:
        # What is silent is known after 5 s. Recording does not wait for it.
        first = "recording to " if line == SILENT else line
        check(wait_until(lambda: first in collector.log(), 20),
              f"not said: {first}\n{collector.log()}")
        with Traffic(TRAFFIC, "hold", pair, scratch / "truth", "--connections", "50", "--active",
                     "10", "--gap-ms", "20", "--seconds", "1") as traffic:
            made = traffic.finish()
        check(wait_until(lambda: line in collector.log().splitlines(), 30),
              f"not said: {line}\n{collector.log()}")
        # None is left; no event has told of it.
        check(wait_until(lambda: len(list(output.rglob("*.zst"))) >= len(made), 30),
              f"{len(list(output.rglob('*.zst')))} files are complete, {len(made)} were made")
        ended = collector.stop()
        said = collector.messages()
    check_no_losses(ended)
    check(sum(UNHEARD in one for one in said) == 1, f"said {said}")
    recorded = archives.read_directory(output)
    mine = {truth.receiver_cookie for truth in made}
    check(mine <= set(recorded), f"{len(mine - set(recorded))} of {len(mine)} are missing")
    for cookie in mine:
        lines = recorded[cookie].archives[-1].lines
        check(lines, f"no record of {cookie:X}")
    print(f"{line}: {len(mine)} recorded, no losses")


def main() -> None:
    if platform.machine() not in MACHINES:
        raise Skip(f"no filter of system calls for {platform.machine()}")
    with Pair() as pair, tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack():
        scratch = Path(temporary)
        for error, line in ((errno.EPERM, REFUSED), (0, SILENT)):
            for sampling in ((), ("--sampling", "dump")):
                test_unheard(pair, scratch, error, line, *sampling)
        with Collector(COLLECTOR, scratch / "heard", pair.receiver, *FLAGS) as collector:
            ended = collector.stop()
            check(UNHEARD not in collector.log(), collector.log())
        check_no_losses(ended)


run_test(main)
