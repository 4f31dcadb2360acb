#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tries this tree on bare machines: roots of Debian in which nothing but a minimal installation is.

usage: check.py [--short | --container] [--suites SUITE,…] [--stop-with PID] FOLDER

FOLDER keeps roots, downloaded packages and logs; FOLDER/logs/results.json has the results. With
--short, the doors on Debian 12 alone: ./dev run, the README's commands for the library, and
configuring what ./dev test builds. With --container, the image of packaging/container, made and
started on bare machines. Otherwise these and the tests, on Debian 12 and 13, or on the
SUITEs alone. With --stop-with, it ends when that process does. The status is 0 whatever came out.
"""
import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import container
import doors
import processes
import roots
from machine import STOPPING, TESTED, Machine
from results import Results

TREE = Path(__file__).resolve().parents[2]
# Test data that is not part of the repository: the tests look for it beside the tree.
CORPUS = TREE.parent / "shared/corpus"
SUITES = [("Debian 12", "bookworm"), ("Debian 13", "trixie")]
HOMES, USER = "/home", "tester"
MACHINES = LIBRARY, RUN, TEST, CLEAN = "library", "run", "test", "clean"
ROOT_SECONDS = 1200
TEST_SECONDS = 3 * 3600
QUICK_SECONDS = 2 * 3600


def why_not(folder):
    """A reason for which no machine can be made here, or None."""
    if os.geteuid() != 0:
        return "machines are made by root"
    probe = folder / "machines/probe"
    script = ('mkdir -p "$0"/lower "$0"/upper "$0"/work "$0"/root && cd "$0" && '
              "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay root")
    done = subprocess.run([*processes.OWN_NAMESPACES, "sh", "-c", script, str(probe)],
                          capture_output=True, text=True, check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", "--", str(probe)], check=False)
    if done.returncode:
        return "no overlay mounts here: " + " ".join(done.stderr.split())
    return None


def take_commit(folder):
    """Copies what is committed now, for all machines of this check, and says what it is."""
    # The tree may be another user's, as in continuous integration.
    env = dict(os.environ, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory",
               GIT_CONFIG_VALUE_0="*")

    def git(*command):
        return subprocess.run(["git", "-C", str(TREE), *command], capture_output=True, text=True,
                              check=True, env=env).stdout.rstrip()
    tested = folder / TESTED
    shutil.rmtree(tested, ignore_errors=True)
    git("clone", "--quiet", "--bare", "--no-hardlinks", ".", str(tested))
    print("tested is the commit", git("-C", str(tested), "log", "-1", "--format=%h %s"), flush=True)
    changed = git("status", "--porcelain").splitlines()
    if changed:
        print(f"{len(changed)} files are not as committed, and these changes are not tested:",
              *changed[:10], sep="\n", flush=True)


def tests(machine, results, name):
    """All tests as root, then the quick ones as a user without rights, on the machine that root has
    installed packages on."""
    binds = [(CORPUS, "/srv/shared/corpus")] if CORPUS.is_dir() else []
    doors.dev(machine, results, f"{name}, root", "./dev test", doors.TOP, TEST_SECONDS,
              binds=binds)
    home = f"{HOMES}/{USER}"
    with results.step(f"{name}: a user") as log:
        machine.run(f"useradd --create-home --shell /bin/bash {USER}", log, 60)
    binds = [(CORPUS, f"{home}/shared/corpus")] if binds else []
    doors.dev(machine, results, f"{name}, user", "./dev test --quick", f"{home}/libtcpinfo",
              QUICK_SECONDS, USER, binds)


def on_suite(folder, results, name, suite, short):
    with results.step(f"{name}: a bare root") as log:
        print(roots.ready(folder, suite, log), flush=True)
    if not (folder / suite / "root").exists():
        return
    with Machine(folder, suite, LIBRARY) as machine:
        doors.library(machine, results, name)
    with Machine(folder, suite, RUN) as machine:
        doors.run(machine, results, name)
        # What one door has installed must not hide from the other what it misses.
        doors.configure(machine, results, f"{name}, after ./dev run")
    with Machine(folder, suite, TEST) as machine:
        doors.configure(machine, results, name)
        if not short:
            tests(machine, results, name)
    # What can no longer be downloaded is of no use.
    with Machine(folder, suite, CLEAN) as machine:
        log = folder / "logs" / f"{suite}-autoclean.log"
        try:
            machine.run("apt-get update && apt-get autoclean", log, 300)
        except processes.Failed as why:
            print(f"old packages are not removed from {suite}/archives: {why}", flush=True)


def stop(number, _):
    # Once: a second signal must not disturb what cleans up after the first.
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def on_container(folder, results):
    with results.step("Debian 12: a bare root") as log:
        print(roots.ready(folder, "bookworm", log), flush=True)
    if (folder / "bookworm/root").exists():
        container.container(folder, TREE, results)


def check(folder, wanted):
    results = Results(folder / "logs")
    reason = why_not(folder)
    if reason:
        # Continuous integration that cannot do it must not be green.
        if os.environ.get("CI") == "true":
            results.add("machines", "FAIL", f"with CI=true this is a failure: {reason}")
        else:
            results.add("machines", "SKIP", f"skipped: {reason}")
        print(reason, flush=True)
        return
    # Of a check that was killed.
    for name in MACHINES:
        Machine(folder, "", name).remove()
    take_commit(folder)
    if wanted.container:
        on_container(folder, results)
        return
    suites = wanted.suites or [suite for _, suite in SUITES[:1 if wanted.short else None]]
    for name, suite in SUITES:
        if suite in suites:
            on_suite(folder, results, name, suite, wanted.short)


def main():
    known = [suite for _, suite in SUITES]
    parser = argparse.ArgumentParser(usage=(__doc__ or "").replace("%", "%%"))
    parser.add_argument("--suites", type=lambda text: text.split(","), default=[])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--container", action="store_true")
    parser.add_argument("--stop-with", type=int)
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    for suite in wanted.suites:
        if suite not in known:
            parser.error(f"suites are {', '.join(known)}, and not {suite!r}")
    os.umask(0o022)
    folder = wanted.folder.resolve()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another check of bare machines is at work in {folder}")
        for number in STOPPING:
            signal.signal(number, stop)
        try:
            if wanted.stop_with:
                processes.stop_with(wanted.stop_with)
            check(folder, wanted)
        except KeyboardInterrupt as why:
            # The machine is gone already. Ended as by the signal, so that a shell knows.
            signal.signal(why.args[0], signal.SIG_DFL)
            os.kill(os.getpid(), why.args[0])


main()
