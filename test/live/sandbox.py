# SPDX-License-Identifier: Apache-2.0
"""Confines a process as systemd would for our unit, without systemd: what the unit says of system
calls and address families is read from it."""

from __future__ import annotations

import ctypes
import os
import platform
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import collector
from netns import Skip

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, SECCOMP_MODE_FILTER = 4, 22, 24, 2
PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 38, 47, 2
CAPABILITIES = {"CAP_SYS_NICE": 23, "CAP_PERFMON": 38, "CAP_BPF": 39}
SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW = 0x80000000, 0x7FFF0000
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
# machine: its number in <linux/audit.h>, and the header with the numbers of its system calls.
MACHINES = {"x86_64": (0xC000003E, "asm/unistd_64.h"),
            "aarch64": (0xC00000B7, "asm-generic/unistd.h")}

_libc = ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _done(_libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags),
                      options.encode()), f"mount {target}")


def _set_read_only(target: str, read_only: bool, flags: int = 0) -> None:
    attributes = (ctypes.c_uint64 * 4)(*(
        (MOUNT_ATTR_RDONLY, 0) if read_only else (0, MOUNT_ATTR_RDONLY)), 0, 0)
    _done(_libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, target.encode(), flags,
                        ctypes.byref(attributes), ctypes.sizeof(attributes)),
          f"mount_setattr {target}")


def settings(unit: str, key: str) -> list[str]:
    """The values of a key, a line each."""
    return re.findall(rf"^{key}=(.*)$", Path(unit).read_text(encoding="utf-8"), re.M)


def _groups() -> dict[str, list[str]]:
    """systemd's sets of system calls."""
    if shutil.which("systemd-analyze") is None:
        raise Skip("there is no systemd-analyze, which knows the sets of system calls")
    told = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], capture_output=True,
                          text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    name = ""
    for line in told.splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif line.startswith(" ") and not line.strip().startswith("#") and name:
            found[name].append(line.strip())
    return found


def allowed_calls(unit: str) -> set[str]:
    groups = _groups()

    def expand(word: str) -> set[str]:
        if not word.startswith("@"):
            return {word}
        return set().union(*(expand(member) for member in groups[word]))

    calls = expand("@default")
    for line in settings(unit, "SystemCallFilter"):
        named = set().union(*(expand(word) for word in line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def _numbers() -> tuple[int, dict[str, int]]:
    machine = platform.machine()
    if machine not in MACHINES:
        raise Skip(f"the numbers of system calls on {machine} are not known here")
    audit, header = MACHINES[machine]
    for folder in (f"/usr/include/{machine}-linux-gnu", "/usr/include"):
        path = Path(folder) / header
        if path.exists():
            text = path.read_text(encoding="ascii")
            return audit, {name: int(number) for name, number in
                           re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.M)}
    raise Skip(f"there is no {header}, which has the numbers of system calls")


def seccomp_program(unit: str) -> bytes:
    """A filter that kills where the unit's would refuse: no such call is made at all."""
    audit, numbers = _numbers()
    families = {FAMILIES[name] for line in settings(unit, "RestrictAddressFamilies")
                for name in line.split()}
    calls = {numbers[name] for name in allowed_calls(unit) if name in numbers}
    calls.remove(numbers["socket"])

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return (code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little"))

    load, equal, give = 0x20, 0x15, 0x06  # a word of seccomp_data; compare; end
    allow, kill = step(give, SECCOMP_RET_ALLOW), step(give, SECCOMP_RET_KILL_PROCESS)
    program = [step(load, 4), step(equal, audit, 1, 0), kill, step(load, 0)]
    for number in sorted(calls):
        program += [step(equal, number, 0, 1), allow]
    program += [step(equal, numbers["socket"], 1, 0), kill, step(load, 16)]
    for family in sorted(families):
        program += [step(equal, family, 0, 1), allow]
    return b"".join([*program, kill])


@dataclass
class Sandbox:
    unit: str
    writable: Path  # the state directory
    private_users: bool = True
    capabilities: list[int] = field(default_factory=list)  # as AmbientCapabilities says

    @classmethod
    def of_unit(cls, unit: str, writable: Path) -> Sandbox:
        """What the unit, with its drop-ins behind it, says of users and capabilities."""
        named = settings(unit, "AmbientCapabilities")[-1].split()
        private = settings(unit, "PrivateUsers")[-1] == "yes"
        return cls(unit, writable, private, [CAPABILITIES[name] for name in named])

    def confine(self) -> Callable[[], None]:
        """For a child between fork and exec: all that may take memory and time is done here."""
        filtered = seccomp_program(self.unit)
        held = ctypes.create_string_buffer(filtered, len(filtered))

        class Program(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

        program = Program(len(filtered) // 8, ctypes.addressof(held))

        def now() -> None:
            try:
                self._mounts()
                if self.capabilities:
                    self._become_nobody_with_capabilities()
                else:
                    collector.become_nobody()
                if self.private_users:
                    self._own_users()
                _done(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
                      f"seccomp {len(held)}")
            except OSError as error:
                # The parent only hears that something went wrong.
                os.write(2, f"cannot confine: {error}\n".encode())
                raise

        return now

    def writable_places(self) -> set[str]:
        return {"/proc", "/tmp", str(self.writable)}

    def _mounts(self) -> None:
        """ProtectSystem=strict, PrivateTmp, ProtectProc=invisible, StateDirectory."""
        _done(_libc.unshare(CLONE_NEWNS), "unshare")
        _mount("none", "/", "none", MS_REC | MS_PRIVATE)
        _mount(str(self.writable), str(self.writable), "none", MS_BIND)
        _mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")
        _set_read_only("/", True, AT_RECURSIVE)
        # /proc stays as it is for systemd, too.
        for target in self.writable_places():
            _set_read_only(target, False)

    def _become_nobody_with_capabilities(self) -> None:
        for capability in range(64):
            if capability not in self.capabilities:
                _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        _done(_libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "PR_SET_KEEPCAPS")
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
        mask = sum(1 << capability for capability in self.capabilities)
        low, high = mask & 0xFFFFFFFF, mask >> 32
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
        _done(_libc.capset(header, sets), "capset")
        for capability in self.capabilities:
            _done(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "ambient")
        _done(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")

    @staticmethod
    def _own_users() -> None:
        """PrivateUsers: no right outside, not even by name."""
        user, group = os.getuid(), os.getgid()
        # Who changed its user may not write to its own files in /proc until it says so.
        _done(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "PR_SET_DUMPABLE")
        _done(_libc.unshare(CLONE_NEWUSER), "unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"),
                           ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as out:
                out.write(text)
        # In a new user namespace everything could be had again.
        for capability in range(64):
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
