#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds everything for another machine and runs it under qemu-user.

usage: machines.py SOURCE_ROOT NATIVE_BUILD FOLDER MACHINE

MACHINE is one of those that have a cross file beside this program: s390x (big-endian), arm64.
FOLDER/MACHINE keeps the libraries, the build and what is made. What is held against what:

- the tests of library, collector and readers run there, as far as they are programs (suites unit,
  golden and fuzz);
- the tables of M-Lab's csvtool that are golden here are made there, byte for byte;
- archives and captures of both machines read the same on both, in every form that the tools print:
  exit status, output and complaints;
- the tests of the command lines run with the tools of that machine.

Exit status 77 where something it takes cannot be had.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from foreign_root import Unavailable, foreign_root

HERE = Path(__file__).resolve().parent
# Debian's name of the machine: the compilers' and qemu's, and whether it is big-endian.
MACHINES = {"s390x": ("s390x", True), "arm64": ("aarch64", False)}
OPTIONS = ("--werror", "-Doptimization=1", "-Ddebug=false", "-Dtools=enabled", "-Dtests=enabled",
           "-Ddocs=disabled", "-Dfuzz=auto")
SUITES = {"unit", "golden", "fuzz"}
TOOLS = ("tcpinfo-collect", "tcpinfo-csv", "tcpinfo-dump")
CSV_FORMS = ((), ("--format", "jsonl"), ("--format", "tsv", "--sentinels", "keep"),
             ("--compat=mlab",))
DUMP_FORMS = ((), ("--json",), ("--changes",), ("--zeros",), ("ls",), ("ls", "--json"),
              ("verify",))
SECONDS = 1800  # for one run of a tool or a test under the emulator

# Where Debian's ccache has compilers of these names, these are taken.
BUILDING = {**os.environ, "PATH": "/usr/lib/ccache:" + os.environ["PATH"]}

failures: list[str] = []
began = time.monotonic()


def note(text: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def fail(text: str) -> None:
    failures.append(text)
    print(f"FAILED: {text}", flush=True)


def skip(why: str) -> None:
    print(f"skipped: {why}")
    sys.exit(77)


def must(*command: str | Path) -> None:
    """A step without which there is nothing to judge."""
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", check=False, env=BUILDING)
    if done.returncode:
        print("\n".join((done.stdout + done.stderr).splitlines()[-60:]))
        print(f"FAILED: {' '.join(map(str, command))}: status {done.returncode}")
        sys.exit(1)


def foreign_architectures() -> str:
    return subprocess.run(["dpkg", "--print-foreign-architectures"], capture_output=True, text=True,
                          check=True).stdout


class Machine:
    """A build for another machine, and how to run it."""

    def __init__(self, source: Path, native: Path, folder: Path, name: str) -> None:
        gnu, self.big = MACHINES[name]
        self.name, self.source, self.native = name, source, native
        self.folder, self.build = folder / name, folder / name / "build"
        found = [program for program in (f"qemu-{gnu}", f"qemu-{gnu}-static")
                 if shutil.which(program)]
        self.emulator = found[0] if found else ""
        self.triplet = f"{gnu}-linux-gnu"
        for program in (f"{self.triplet}-g++", "meson", "ninja", "pkg-config", "zstd"):
            if shutil.which(program) is None:
                skip(f"no {program} on this machine")
        if not found:
            skip(f"no qemu-{gnu} on this machine")

    def make(self) -> None:
        try:
            root = foreign_root(self.folder, self.name)
        except Unavailable as why:
            skip(f"libraries for {self.name}: {why}")
        note("libraries unpacked")
        place = self.folder / "place.ini"
        text = f"[constants]\nroot = '{root}'\nemulator = '{self.emulator}'\n"
        command = ("meson", "setup", self.build, self.source, "--cross-file", place,
                   "--cross-file", HERE / f"{self.name}.ini", *OPTIONS)
        # Set up anew where anything of it is another.
        stamp = self.folder / "setup"
        said = " ".join(map(str, command)) + "\n" + text
        said += (HERE / f"{self.name}.ini").read_text(encoding="utf-8")
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != said:
            shutil.rmtree(self.build, ignore_errors=True)
            stamp.unlink(missing_ok=True)
            place.write_text(text, encoding="utf-8")
            must(*command)
            stamp.write_text(said, encoding="utf-8")
        self.programs = self.test_programs()
        must("ninja", "-C", self.build, *(f"tools/{tool}" for tool in TOOLS),
             *sorted({str(one.relative_to(self.build)) for one in self.programs.values()}))
        note("built")
        self.wrap(root)

    def wrap(self, root: Path) -> None:
        """Programs that start those of the machine by the emulator."""
        self.run = self.folder / "run"
        self.run.mkdir(exist_ok=True)
        libraries = f"{root}/usr/lib/{self.triplet}:{root}/lib/{self.triplet}"
        programs = {tool: self.build / "tools" / tool for tool in TOOLS}
        programs["kernel_structs"] = self.build / "test" / "machines" / "kernel_structs"
        for name, program in programs.items():
            path = self.run / name
            path.write_text(
                f"#!/bin/sh\nexec '{self.emulator}' -L '/usr/{self.triplet}' "
                f"-E 'LD_LIBRARY_PATH={libraries}' '{program}' \"$@\"\n", encoding="utf-8")
            path.chmod(0o755)

    def test_programs(self) -> dict[str, Path]:
        """The programs among meson's tests; what is in Python would start them by itself."""
        listed = json.loads(subprocess.run(
            ["meson", "introspect", "--tests", self.build], capture_output=True, text=True,
            check=True).stdout)
        return {test["name"]: Path(test["cmd"][0]) for test in listed
                if {suite.split(":")[-1] for suite in test["suite"]} & SUITES
                and test["cmd"][0].startswith(str(self.build))}

    def tests(self) -> None:
        names = list(self.programs)
        log = self.build / "meson-logs" / "machines.json"
        log.unlink(missing_ok=True)
        subprocess.run(["meson", "test", "-C", self.build, "--no-rebuild", "--logbase", "machines",
                        "--timeout-multiplier", "10", *names], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=False)
        results: dict[str, list[str]] = {}
        for line in log.read_text(encoding="utf-8").splitlines():
            test = json.loads(line)
            results.setdefault(test["result"], []).append(test["name"])
            text = (test.get("stdout") or "") + (test.get("stderr") or "")
            if test["result"] not in ("OK", "SKIP"):
                fail(f"{test['name']}: {test['result']}\n" + "\n".join(text.splitlines()[-30:]))
            elif test["result"] == "SKIP":
                print(f"not run: {test['name']}: {text.strip().splitlines()[-1:]}")
        ran = sum(map(len, results.values()))
        if not names or ran != len(names):
            fail(f"{ran} of {len(names)} tests ran")
        note("tests: " + ", ".join(f"{len(of)} {result}" for result, of in results.items()))


def output(program: Path, *arguments: str | Path) -> tuple[int, bytes, bytes]:
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr


def lines_of(archive: Path) -> list[dict[str, object]]:
    text = subprocess.run(["zstd", "-dqc", archive], capture_output=True, check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def golden_tables(machine: Machine, corpus: Path) -> None:
    own = sorted((machine.source / "test" / "golden" / "own").glob("*.csv"))
    pairs = [(one, one.with_suffix(".jsonl")) for one in own]
    pairs += [(one, one.with_name(one.stem + ".jsonl.zst"))
              for one in sorted((corpus / "mlab").glob("*.csv"))]
    cells = 0
    for expected, archive in pairs:
        status, said, complaints = output(machine.run / "tcpinfo-csv", "--compat=mlab", archive)
        if (status, said, complaints) != (0, expected.read_bytes(), b""):
            fail(f"the golden table of {archive.name}: status {status}, {complaints!r}")
        cells += said.count(b",") + said.count(b"\n")
    if not own:
        fail("no golden tables")
    note(f"golden tables: {len(pairs)}, {cells} cells")


def made_archives(machine: Machine) -> list[Path]:
    """Archives and captures of the structs of either machine's kernel. Same values, other bytes."""
    folders = {}
    for of, program in (("native", machine.native / "test" / "machines" / "kernel_structs"),
                        (machine.name, machine.run / "kernel_structs")):
        folder = folders[of] = machine.folder / "made" / of
        shutil.rmtree(folder, ignore_errors=True)
        for kernel in ("6.1.0", "6.18.1", "7.0.3"):
            (folder / kernel).mkdir(parents=True)
        status, said, complaints = output(program, folder)
        if status or complaints:
            fail(f"kernel_structs on {of}: {said.decode()} {complaints.decode()}")
    made = {of: sorted(folder.rglob("*.zst")) for of, folder in folders.items()}
    if len(made["native"]) != 3 or len(made[machine.name]) != 3:
        fail(f"archives made: {made}")
    here_is_big = sys.byteorder == "big"
    for ours, theirs in zip(made["native"], made[machine.name]):
        lines = lines_of(ours), lines_of(theirs)
        said = [one[0]["Metadata"].get("ByteOrder") for one in lines]  # type: ignore[attr-defined]
        if said != ["big" if big else None for big in (here_is_big, machine.big)]:
            fail(f"{theirs}: the metadata say ByteOrder {said[1]}")
        for one, other in zip(lines[0][1:], lines[1][1:], strict=True):
            same = one["RawIDM"] == other["RawIDM"] and one["Attributes"] == other["Attributes"]
            if same != (here_is_big == machine.big):
                fail(f"{theirs}: payloads are {'the same' if same else 'others'}")
                break
            if len(base64.b64decode(str(other["RawIDM"]))) != 72:
                fail(f"{theirs}: RawIDM")
    return [file for folder in folders.values() for file in folder.rglob("*") if file.is_file()]


def inputs(machine: Machine, corpus: Path) -> Iterator[Path]:
    yield from sorted((machine.source / "test" / "golden" / "own").glob("[!e]*.jsonl"))
    yield machine.source / "test" / "golden" / "own" / "edge.jsonl"
    yield from sorted((corpus / "mlab").glob("*.zst"))
    yield from sorted(corpus.glob("kernels/*/*.pcap"))


def same_everywhere(machine: Machine, corpus: Path) -> None:
    """What each tool prints of each input, there and here; and of what was made on either."""
    made = made_archives(machine)
    there, here = machine.run, machine.native / "tools"
    runs = size = 0
    for file in [*inputs(machine, corpus), *made]:
        for tool, forms in (("tcpinfo-csv", CSV_FORMS), ("tcpinfo-dump", DUMP_FORMS)):
            for form in forms:
                ours, theirs = (output(where / tool, *form, file) for where in (here, there))
                runs += 1
                size += len(ours[1])
                if ours != theirs:
                    fail(f"{tool} {' '.join(form)} {file}: status {theirs[0]} for {ours[0]}, "
                         f"{first_difference(ours[1] + ours[2], theirs[1] + theirs[2])}")
    note(f"read there as here: {runs} runs, {size} bytes of output")
    compared = 0
    for ours in (file for file in made if "native" in file.parts):
        theirs = Path(*(machine.name if part == "native" else part for part in ours.parts))
        for tool, forms in (("tcpinfo-csv", CSV_FORMS), ("tcpinfo-dump", DUMP_FORMS)):
            for form in forms:
                says = [output(here / tool, *form, file) for file in (ours, theirs)]
                says = [(status, text.replace(str(file).encode(), b"FILE"),
                         complaints.replace(str(file).encode(), b"FILE"))
                        for (status, text, complaints), file in zip(says, (ours, theirs))]
                compared += 1
                # tcpinfo-csv takes no captures, and says so.
                refused = tool == "tcpinfo-csv" and ours.suffix != ".zst"
                good = says[0][2] if refused else says[0][1]
                if says[0] != says[1] or (says[0][0] != 0) != refused or not good:
                    fail(f"{tool} {' '.join(form)}: {theirs} is not {ours}: "
                         f"{first_difference(says[0][1] + says[0][2], says[1][1] + says[1][2])}")
    note(f"made there as here: {compared} runs")


def first_difference(ours: bytes, theirs: bytes) -> str:
    for number, (one, other) in enumerate(zip(ours.splitlines(), theirs.splitlines()), 1):
        if one != other:
            at = next((i for i, pair in enumerate(zip(one, other)) if pair[0] != pair[1]),
                      min(len(one), len(other)))
            begin = max(0, at - 60)
            return (f"line {number}: {other[begin:at + 60].decode(errors='replace')!r}, "
                    f"not {one[begin:at + 60].decode(errors='replace')!r}")
    return f"{len(theirs)} bytes, not {len(ours)}"


def command_lines(machine: Machine, corpus: Path) -> None:
    """The tests that are in Python, with the machine's tools."""
    tests = machine.source / "test"
    golden = tests / "golden"
    for name, command in {
            "cli csv": (tests / "cli" / "cli_csv.py", machine.run / "tcpinfo-csv", golden, corpus),
            "cli dump": (tests / "cli" / "cli_dump.py", machine.run / "tcpinfo-dump", golden,
                         corpus),
            "text against ss": (golden / "dump_ss.py", machine.run / "tcpinfo-dump", corpus),
    }.items():
        done = subprocess.run([sys.executable, "-B", *map(str, command)], capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, check=False, timeout=SECONDS,
                              env={**os.environ, "TCPINFO_SANITIZED": "1",
                                   "TCPINFO_EMULATED": "1"})
        last = done.stdout.strip().splitlines()[-1:]
        if done.returncode == 77:
            print(f"not run: {name}: {last}")
        elif done.returncode:
            fail(f"{name}: " + "\n".join((done.stdout + done.stderr).splitlines()[-20:]))
        note(f"{name}: {last}")


def main() -> int:
    source, native, folder = (Path(argument).resolve() for argument in sys.argv[1:4])
    before = foreign_architectures()
    machine = Machine(source, native, folder, sys.argv[4])
    machine.make()
    corpus = source / ".." / "shared" / "corpus"
    for tool in TOOLS:
        status, said, _ = output(machine.run / tool, "--version")
        if status or not said.startswith(tool.encode()):
            fail(f"{tool} --version: {status} {said!r}")
    machine.tests()
    golden_tables(machine, corpus)
    same_everywhere(machine, corpus)
    command_lines(machine, corpus)
    if foreign_architectures() != before:
        fail("dpkg has other foreign architectures than before")
    print(f"{machine.name}: {len(failures)} failures")
    return 1 if failures else 0


sys.exit(main())
