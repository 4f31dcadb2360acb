#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs live tests on Debian's kernels, in qemu without KVM.

usage: check_kernels.py BUILD FOLDER KERNEL [TEST…]

BUILD is a build folder with its programs built; KERNEL one of KERNELS below; the tests are all of
TESTS where none is named. In FOLDER/KERNEL are then the kernel, the logs, results.json (a line a
test, in the form meson writes) and, of all tests, row.json, of which table.py makes the table of
docs/operations.md. Needs no root. Exit status: 0 when nothing
failed, 77 where the kernel cannot be had, 1 otherwise.

The tests are those of the build, with the same arguments. The guest has no disk: all is in the
archive that it starts from. A test may skip only where it is known that the kernel lacks what it
tests: else it would be the guest that lacks something.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cpio import Archive
from debian_kernels import Kernel, Unavailable, fetch
from kernel_modules import Modules
from machine import Said, boot
from userland import Missing, Userland

@dataclass(frozen=True)
class Known:
    """What is known of a kernel before it is tried."""

    suite: str    # the release of Debian that has it
    events: bool  # it can be sampled by events, which takes Linux 5.12


KERNELS = {"5.10": Known("bullseye", events=False), "6.1": Known("bookworm", events=True),
           "6.12": Known("trixie", events=True), "newest": Known("sid", events=True)}
EVENTS_TEST = "live sampling"
# The build's, in the order in which they run: from what the others stand on.
TESTS = ("live inetdiag", "live closing", "live short_connections", "live change_rule",
         "live exclusions", "live dump", EVENTS_TEST)
# Programs that the kernel holds where all of events mode works: what comes, what is sent, answers
# kept.
WANTED_PROGRAMS = {"on_state", "on_segment", "on_transmission", "keep_answer"}
BY_EVENTS, NOT_BY_EVENTS = "sampling by events: ", "sampling by dumps, not by events: "
MODULES = ["inet_diag", "tcp_diag", "veth", "sch_tbf", "sch_netem", "tcp_bbr", "tcp_dctcp",
           "tcp_vegas"]
PROGRAMS = ["sh", "ip", "ss", "tc", "zstd", "bpftool"]
HERE = Path(__file__).resolve().parent
GUEST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY_MB = 1536
# All tests of a kernel take some 160 s of a processor: two to three minutes of a machine that is
# idle, and hours of one where others come first.
MOST_PROCESSOR_SECONDS = 1200
MOST_SECONDS = 3 * 3600
SKIPPED = 77


def say(text: str) -> None:
    print(text, flush=True)


def chosen_tests(build: Path, python: str, names: tuple[str, ...]) -> list[dict]:
    """What meson would run, as meson would run it."""
    told = subprocess.run(["meson", "introspect", "--tests", str(build)], capture_output=True,
                          text=True, check=True)
    known = {test["name"]: test for test in json.loads(told.stdout)}
    chosen = []
    for name in names:
        if name not in known:
            raise Missing(f"{build} has no test {name!r}")
        command = [os.path.normpath(build / word) if (build / word).exists() else word
                   for word in known[name]["cmd"]]
        if os.path.basename(command[0]).startswith("python3"):
            command[0] = python
        chosen.append({"name": name, "command": command, "environment": known[name]["env"],
                       "seconds": 4 * known[name]["timeout"]})
    return chosen


def write_guest(path: Path, build: Path, kernel: Kernel, names: tuple[str, ...]
                ) -> tuple[list[dict], list[str]]:
    """The archive that the guest starts from; the tests in it, and modules the kernel lacks."""
    with Archive(path) as archive:
        userland = Userland(archive)
        archive.folder("/dev")
        archive.character_device("/dev/console", 5, 1)
        archive.folder("/root")
        userland.accounts()
        python = userland.python()
        for name in PROGRAMS:
            userland.program(name)
        tests = chosen_tests(build, python, names)
        userland.tree(HERE.parent / "live", (".py",))
        userland.add(HERE / "guest" / "facts.py")
        for test in tests:
            for word in test["command"]:
                if word.startswith(str(build) + "/") and os.access(word, os.X_OK):
                    userland.program(word)
        modules, absent = Modules(kernel.modules).closure(MODULES)
        for name, content in modules.items():
            archive.file(f"/modules/{name}.ko", content)
        collector = build / "tools" / "tcpinfo-collect"
        work = {
            "environment": {"PATH": f"{os.path.dirname(python)}:{GUEST_PATH}", "HOME": "/root",
                            "LC_ALL": "C.UTF-8"},
            "modules": [f"/modules/{name}.ko" for name in modules],
            "facts": [python, "-B", str(HERE / "guest" / "facts.py"), str(collector)],
            "tests": tests,
        }
        archive.file("/work.json", json.dumps(work).encode())
        program = (HERE / "guest" / "init.py").read_bytes()
        archive.file("/init", f"#!{python} -B\n".encode() + program, 0o755)
    return tests, absent


def judge_facts(facts: dict, known: Known) -> dict:
    """How the collector samples here, all of it or what is expected to be missing."""
    said, programs = facts.get("said", []), set(facts.get("programs", []))
    expected = BY_EVENTS if known.events else NOT_BY_EVENTS
    good = (len(said) == 1 and said[0].startswith(expected)
            and (programs >= WANTED_PROGRAMS if known.events else not programs))
    return {"name": "how it samples", "result": "OK" if good else "FAIL",
            "stdout": json.dumps(facts)}


def result_of(name: str, status: int | str, known: Known) -> str:
    if status == SKIPPED:
        return "SKIP" if name == EVENTS_TEST and not known.events else "FAIL"
    return "OK" if status == 0 else "FAIL"


def judge(tests: list[dict], said: Said, known: Known) -> list[dict]:
    """One result a test, in the form meson writes; none is missing."""
    told = {line["name"]: line for line in said.lines if "name" in line}
    results = [judge_facts(said.first("facts").get("facts", {}), known)]
    for test in tests:
        line = told.get(test["name"])
        if line is None:
            results.append({"name": test["name"], "result": "FAIL",
                            "stdout": f"it did not run: {said.fault}"})
            continue
        text = line["output"]
        if isinstance(line["status"], str):
            text += "\n" + line["status"]
        results.append({"name": test["name"], "result": result_of(test["name"], line["status"],
                                                                  known),
                        "stdout": text, "duration": line["seconds"]})
    return results


def show(results: list[dict]) -> None:
    for one in results:
        took = f", {one['duration']:.1f} s of its clock" if "duration" in one else ""
        say(f"\n-- {one['name']}: {one['result']}{took}")
        say(one["stdout"].rstrip())


def check(build: Path, folder: Path, name: str, names: tuple[str, ...]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for old in ("results.json", "row.json"):
        (folder / old).unlink(missing_ok=True)
    known = KERNELS[name]
    try:
        # The guest runs the programs of this machine.
        if platform.machine() != "x86_64":
            raise Unavailable(f"programs are built for {platform.machine()} here, not for x86-64")
        kernel, note = fetch(folder, known.suite)
    except Unavailable as reason:
        text = f"skipped: no kernel of {known.suite}: {reason}"
        say(text)
        write_results(folder, [{"name": "boot", "result": "SKIP", "stdout": text}])
        return SKIPPED
    if note:
        say("NOTE: " + note)
    archive = folder / "initial.cpio"
    tests, absent = write_guest(archive, build, kernel, names)
    say(f"Linux {kernel.release} ({known.suite}, package {kernel.version}), "
        f"archive of {archive.stat().st_size >> 20} MiB")
    if absent:
        say("without the modules " + " ".join(absent))
    said = boot(kernel.image, archive, folder, MEMORY_MB, MOST_SECONDS, MOST_PROCESSOR_SECONDS)
    archive.unlink()
    facts = said.first("facts").get("facts", {})
    machine, end = said.first("release"), said.first("end")
    say(f"{said.seconds:.0f} s here, {end.get('uptime', 0):.1f} s by the guest's clock"
        f" ({machine.get('uptime', 0):.1f} s of them until it was up)")
    say(f"guest: {json.dumps(machine)}")
    results = judge(tests, said, known)
    if said.fault:
        results.append({"name": "boot", "result": "FAIL", "stdout": said.fault})
    show(results)
    write_results(folder, results)
    status = 1 if any(one["result"] == "FAIL" for one in results) else 0
    if names != TESTS:
        return status
    row = {"release": kernel.release, "version": kernel.version, "suite": known.suite,
           "facts": facts, "seconds": said.seconds, "guest_seconds": end.get("uptime"),
           "results": {one["name"]: one for one in results}}
    (folder / "row.json").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return status


def write_results(folder: Path, results: list[dict]) -> None:
    (folder / "results.json").write_text("".join(json.dumps(one) + "\n" for one in results),
                                         encoding="utf-8")


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[3] not in KERNELS or not set(sys.argv[4:]) <= set(TESTS):
        print(__doc__, file=sys.stderr)
        return 2
    build, folder, name = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3]
    try:
        return check(build, folder / name, name, tuple(sys.argv[4:]) or TESTS)
    except Missing as reason:
        say(f"cannot make the guest: {reason}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
