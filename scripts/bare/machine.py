# SPDX-License-Identifier: Apache-2.0
"""A fresh Debian machine: an overlay over a bare root, with a clone of this tree in it."""
import os
import signal
import subprocess
from pathlib import Path

import processes

ENTER = Path(__file__).resolve().with_name("enter")
CLONE_SECONDS = 120
# The repository whose HEAD is tested.
TESTED = "tested.git"
# What interrupts the check; the machines are cleaned up then.
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Machine:
    # Where `dev` lists its results, in there.
    results = "var/tmp/dev-results"

    # Whether it downloads packages for itself alone.
    alone = False

    def __init__(self, folder, suite, name):
        self.folder, self.suite, self.name = folder, suite, name
        self.place = folder / "machines" / name
        self.upper = self.place / "upper"

    def __enter__(self):
        self.remove()
        return self

    def __exit__(self, *what):
        self.remove()

    def remove(self):
        # Mounts here are those of the processes inside alone. A signal waits until it is done.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            subprocess.run(["rm", "-rf", "--one-file-system", "--", str(self.place)], check=True)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def clone(self, inside, log):
        """A clone of the commit that is tested, at that place in the machine."""
        place = self.upper / inside.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        processes.run(["git", "clone", "--quiet", "--no-hardlinks", str(self.folder / TESTED),
                       str(place)], log, CLONE_SECONDS)
        return place

    def run(self, script, log, seconds, user="root", binds=()):
        """Runs a script of bash's in the machine; raises processes.Failed."""
        (self.upper / self.results).unlink(missing_ok=True)
        command = [str(ENTER), *(["--alone"] if self.alone else [])]
        for source, target in binds:
            command += ["--bind", str(source), target]
        command += [str(self.folder), self.suite, self.name, user, "/bin/bash", "-c", script]
        processes.run(command, log, seconds, env=dict(os.environ, DEV_RESULTS="/" + self.results))
