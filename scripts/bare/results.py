# SPDX-License-Identifier: Apache-2.0
"""Results of steps and of the tests run in machines, in the form of meson's logs (scripts/report.py
counts them), and on the terminal as they come."""
import contextlib
import json
import os
import re
import resource
import time

import processes

# Enough of a log to see why, on the terminal.
TAIL_LINES = 30


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Results:
    def __init__(self, logs):
        self.logs = logs
        self.path = logs / "results.json"
        self.path.write_text("", encoding="utf-8")
        self.failed = False

    def add(self, name, result, text=""):
        self.failed |= result not in ("OK", "EXPECTEDFAIL", "SKIP")
        with open(self.path, "a", encoding="utf-8") as out:
            print(json.dumps({"name": name, "result": result, "stdout": text}), file=out)

    @contextlib.contextmanager
    def step(self, name):
        """One step, which is a test: it has passed unless processes.Failed is raised in it. Gives
        the file of its log."""
        log = self.logs / (re.sub("[^A-Za-z0-9]+", "-", name) + ".log")
        log.write_text("", encoding="utf-8")
        print(f"\n== {name} (log: {os.path.relpath(log)})", flush=True)
        start, start_cpu = time.monotonic(), children_seconds()

        def took():
            cpu = children_seconds() - start_cpu
            return f"{time.monotonic() - start:.0f} s ({cpu:.0f} s of processors)"
        try:
            yield log
        except processes.Failed as why:
            text = log.read_text(encoding="utf-8", errors="replace")
            text = "\n".join([*text.splitlines()[-TAIL_LINES:], str(why)])
            print(text, f"failed after {took()}", sep="\n", flush=True)
            self.add(name, "FAIL", text)
        else:
            print(f"passed, {took()}", flush=True)
            self.add(name, "OK")

    def take(self, machine_name, listed, top):
        """The tests that a `dev` in a machine has listed, each under its own name. `top` is where
        the clone is, seen from here."""
        count = 0
        for entry in listed.read_text(encoding="utf-8").splitlines():
            build, log, *what = entry.split("\t")
            if log == "FAILED":
                self.add(f"{machine_name}: {build}: {what[0]}", "FAIL")
                count += 1
                continue
            for line in (top / log).read_text(encoding="utf-8").splitlines():
                test = json.loads(line)
                text = (test.get("stdout") or "") + (test.get("stderr") or "")
                self.add(f"{machine_name}: {build}: {test['name']}", test["result"],
                         "" if test["result"] == "OK" else text)
                count += 1
        return count
