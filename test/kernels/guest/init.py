# SPDX-License-Identifier: Apache-2.0
"""The first process of a guest: makes what the tests expect of a machine, runs them one after the
other and turns the machine off. Results go to the second serial line, a JSON object a line; what
the kernel says goes to the first.

/work.json says what is to be done, as check_kernels.py writes it.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
import time
import traceback

RESULTS = "/dev/ttyS1"
MOUNTS = (("proc", "/proc", "proc"), ("sysfs", "/sys", "sysfs"), ("devtmpfs", "/dev", "devtmpfs"),
          ("devpts", "/dev/pts", "devpts"), ("tmpfs", "/dev/shm", "tmpfs"),
          ("tmpfs", "/run", "tmpfs"), ("tmpfs", "/tmp", "tmpfs"),
          ("cgroup2", "/sys/fs/cgroup", "cgroup2"))
SYS_FINIT_MODULE = 313  # of x86-64, as everything here
POWER_OFF = 0x4321FEDC
# More than any test needs to clean up after itself.
PATIENCE_AFTER_TERM = 30

libc = ctypes.CDLL(None, use_errno=True)


def must(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def tell(about: dict[str, object]) -> None:
    with open(RESULTS, "w", encoding="utf-8") as line:
        line.write(json.dumps(about) + "\n")


def set_up(work: dict) -> None:
    for source, target, kind in MOUNTS:
        os.makedirs(target, exist_ok=True)
        must(libc.mount(source.encode(), target.encode(), kind.encode(), 0, None),
             f"mount {target}")
    os.chmod("/tmp", 0o1777)
    refused = []
    for path in work["modules"]:
        with open(path, "rb") as module:
            if libc.syscall(SYS_FINIT_MODULE, module.fileno(), b"", 0) != 0:
                refused.append(f"{os.path.basename(path)}: {os.strerror(ctypes.get_errno())}")
        os.unlink(path)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tell({"release": platform.release(), "version": platform.version(),
          "processors": os.cpu_count(), "refused_modules": refused,
          "clock": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
          "uptime": time.monotonic()})


def read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError as reason:
        return str(reason)


def tell_facts(command: list[str]) -> None:
    """What is told beside the results of tests; it judges nothing."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    try:
        facts = json.loads(done.stdout)
    except json.JSONDecodeError:
        facts = {"fault": done.stdout + done.stderr}
    tell({"facts": facts})


def run_test(test: dict) -> None:
    begun = time.monotonic()
    child = subprocess.Popen(test["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=os.environ | test["environment"])
    status: int | str
    try:
        said, _ = child.communicate(timeout=test["seconds"])
        status = child.returncode
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            said, _ = child.communicate(timeout=PATIENCE_AFTER_TERM)
        except subprocess.TimeoutExpired:
            child.kill()
            said, _ = child.communicate()
        status = f"it took longer than {test['seconds']} s"
    tell({"name": test["name"], "status": status, "seconds": time.monotonic() - begun,
          "output": said.decode(errors="replace")})


def work_through(file: str) -> None:
    with open(file, encoding="utf-8") as text:
        work = json.load(text)
    os.environ.update(work["environment"])
    set_up(work)
    tell_facts(work["facts"])
    for test in work["tests"]:
        run_test(test)
    tell({"end": True, "uptime": time.monotonic()})


def main() -> None:
    # The first process is given every orphan, and has to wait for them while the tests run.
    child = os.fork()
    if child == 0:
        try:
            work_through("/work.json")
        except BaseException:  # there is nobody else to say it
            traceback.print_exc()
            tell({"fault": traceback.format_exc()})
        os._exit(0)
    while os.wait()[0] != child:
        pass
    os.sync()
    libc.reboot(POWER_OFF)


main()
