# SPDX-License-Identifier: Apache-2.0
"""The image of packaging/container/Containerfile, made and started without a container engine: each
of its stages is a bare machine, each RUN a command in it."""
import json
import re
import shlex
import shutil
import socket
from pathlib import Path

import processes
from machine import Machine

CONTAINERFILE = "packaging/container/Containerfile"
SECONDS = 1800
COLLECT_SECONDS = 120
# What each FROM is for us: the image of a release is that release's root.
IMAGES = {"debian:12": "bookworm", "debian:12-slim": "bookworm"}
SPOOL = "var/spool/tcpinfo"


def instructions(page):
    """Each instruction with its text, continued lines joined and comments left out."""
    text = re.sub(r"^\s*#.*\n", "", Path(page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


class Stage:
    """One FROM with what follows it, as a machine."""

    def __init__(self, folder, image, name):
        if image not in IMAGES:
            raise processes.Failed(f"FROM {image}: no root is known for it")
        self.name = name
        self.machine = Machine(folder, IMAGES[image], f"container-{name}")
        self.machine.remove()
        # What it removes of /var/cache is its own.
        self.machine.alone = True
        self.workdir, self.user = "/", None
        self.entrypoint, self.command = [], []

    def inside(self, path):
        return self.machine.upper / path.lstrip("/")

    def obey(self, name, text, stages, log):
        if name == "RUN":
            self.machine.run(f"cd {self.workdir} && {text}", log, SECONDS)
        elif name == "COPY":
            self.copy(text.split(), stages, log)
        elif name == "WORKDIR":
            self.workdir = text
            self.inside(text).mkdir(parents=True, exist_ok=True)
        elif name == "USER":
            self.user = text.split(":")
        elif name == "ENTRYPOINT":
            self.entrypoint = json.loads(text)
        elif name == "CMD":
            self.command = json.loads(text)
        elif name not in ("VOLUME", "STOPSIGNAL"):
            raise processes.Failed(f"{name}: not known here")

    def copy(self, words, stages, log):
        if words[0].startswith("--from="):
            source = stages[words[0].removeprefix("--from=")].inside(words[1])
            shutil.copytree(source, self.inside(words[2]), symlinks=True, dirs_exist_ok=True)
        elif words[0] == ".":
            self.machine.clone(words[1], log)
        else:
            raise processes.Failed(f"COPY {' '.join(words)}: not known here")

    def start(self, words, log, before=""):
        """The entry point with these arguments, or those of CMD, as the image's user."""
        user, group = self.user
        command = [*self.entrypoint, *(words or self.command)]
        as_user = f"setpriv --reuid {user} --regid {group} --clear-groups {before}"
        self.machine.run(f"cd {self.workdir} && exec {as_user} {shlex.join(command)}", log,
                         COLLECT_SECONDS)


def make(folder, tree, stages, log):
    """All that the page says, done; adds each stage under its name, the last one as `last`."""
    stage = None
    for name, text in instructions(tree / CONTAINERFILE):
        if name == "FROM":
            image, _, called = text.partition(" AS ")
            stage = stages[called or "last"] = Stage(folder, image, called or "last")
        else:
            stage.obey(name, text, stages, log)


def container(folder, tree, results):
    stages = {}
    try:
        with results.step("container image: each RUN of the Containerfile") as log:
            make(folder, tree, stages, log)
        if not results.failed:
            started(stages["last"], results)
    finally:
        for stage in stages.values():
            stage.machine.remove()


def log_of(log):
    return log.read_text(encoding="utf-8", errors="replace")


def started(image, results):
    with results.step("container image: its command line, by events") as log, \
            socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()):
        image.start([*image.command, "--include-local", "--reps", "50"], log)
        said = log_of(log)
        if "sampling by events" not in said or "summary:" not in said:
            raise processes.Failed("not sampled by events, or no summary")
        if not list(image.inside(SPOOL).rglob("*.jsonl.zst")):
            raise processes.Failed(f"no archive below {SPOOL}")
    with results.step("container image: without capabilities to be had") as log:
        image.start([*image.command, "--reps", "20"], log,
                    "--bounding-set -all --inh-caps -all")
        if "sampling by dumps" not in log_of(log):
            raise processes.Failed("does not say that it samples by dumps")
    with results.step("container image: M-Lab's command line, into root's folder") as log:
        try:
            image.start(["-prom=7070", "-reps=5"], log)
        except processes.Failed:
            lines = [line for line in log_of(log).splitlines() if "tcpinfo-collect" in line]
            if len(lines) != 1 or "/home" not in lines[0]:
                raise processes.Failed("not one line that names the folder") from None
        else:
            raise processes.Failed("it started")
    with results.step("container image: M-Lab's command line, into its user's folder") as log, \
            socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()):
        image.machine.run(f"chown {image.user[0]} {image.workdir}", log, 60)
        image.start(["-prom=7070", "--include-local", "-reps=50"], log)
        if not list(image.inside(image.workdir).rglob("*.jsonl.zst")):
            raise processes.Failed(f"no archive below {image.workdir}")
