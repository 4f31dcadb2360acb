# SPDX-License-Identifier: Apache-2.0
"""The doors: what a newcomer does first, each on a machine on which nothing was done before."""
import re
import socket

import processes
import readme

# In the machines. Not below /root: root's folder is closed to other users.
TOP = "/srv/libtcpinfo"
SECONDS = 2700
# The builds of ./dev test, and what meson says of one that is set up.
BUILDS, DONE = 3, "Build targets in project:"
# A part that meson's summary says is not built, and those that ./dev test does not build (man pages
# it does, once).
PART = re.compile(r"^    (\S.*?) *: NO$", re.MULTILINE)
NOT_TESTED = ("benchmarks", "documentation")
# What dev says of what it could not install and goes on without.
MISSED = re.compile(r"^(?:dev:|==) no .*$", re.MULTILINE)


def run(machine, results, name):
    with results.step(f"{name}: ./dev run") as log:
        clone = machine.clone(TOP, log)
        machine.run(f"cd {TOP} && ./dev run", log, SECONDS)
        recorded = list(clone.glob("recording-*/**/*.jsonl.zst"))
        if "tcpinfo-collect: summary:" not in log.read_text(encoding="utf-8") or not recorded:
            raise processes.Failed("no summary, or no connection recorded")


def library(machine, results, name):
    """The README's commands. The program must show a connection that is held open here: machines
    have this network namespace."""
    with results.step(f"{name}: the README's library commands") as log:
        clone = machine.clone(TOP, log)
        try:
            program, install, commands = readme.library(clone / "README.md")
        except ValueError as why:
            raise processes.Failed(str(why)) from None
        (clone / "list.cc").write_text(program, encoding="utf-8")
        # As every machine has done before its owner installs something.
        script = "\n".join(["set -ex", f"cd {TOP}", "apt-get update", install, *commands])
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.create_connection(server.getsockname()) as client:
            machine.run(script, log, SECONDS)
            ports = client.getsockname()[1], client.getpeername()[1]
        line = "127.0.0.1 {} -> 127.0.0.1 {}".format(*ports)
        shown = log.read_text(encoding="utf-8").rpartition("+ ./list\n")[2]
        if not re.search(f"^{re.escape(line)}$", shown, re.MULTILINE):
            raise processes.Failed(f"./list does not show {line}")


def configure(machine, results, name):
    """What ./dev test builds is configured, every part of it, with what ./dev test installs."""
    said = dev(machine, results, name, "./dev test --configure", TOP, SECONDS)
    with results.step(f"{name}: nothing is left out"):
        logs = {log.stem: log.read_text(encoding="utf-8") for log in
                (machine.upper / TOP.lstrip("/")).glob("build-check/configuring-*.log")}
        count = sum(DONE in text for text in logs.values())
        missing = [f"{name}: without {part}" for name, text in sorted(logs.items())
                   for part in PART.findall(text) if part not in NOT_TESTED]
        missing += MISSED.findall(said)
        if missing or count != BUILDS:
            raise processes.Failed("\n".join([f"{count} of {BUILDS} builds are set up", *missing]))


def dev(machine, results, name, command, top, seconds, user="root", binds=()):
    """A command of dev's that tests; each of its tests is one of ours. Returns what it printed."""
    step = f"{name}: {command}"
    seen = machine.upper / top.lstrip("/")
    with results.step(step) as log:
        if not seen.exists():
            machine.clone(top, log)
            if user != "root":
                machine.run(f"chown -R {user}: {top}", log, 60)
        failed = None
        try:
            machine.run(f"cd {top} && {command}", log, seconds, user, binds)
        except processes.Failed as why:
            failed = why
        listed = machine.upper / machine.results
        count = results.take(step, listed, seen) if listed.exists() else 0
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = lines[-1] if lines else ""
        print(f"{count} tests in there; its last line: {said}", flush=True)
        if failed or not count:
            raise failed or processes.Failed("no test ran")
    return log.read_text(encoding="utf-8", errors="replace")
