# SPDX-License-Identifier: Apache-2.0
"""One machine of qemu's, from its start to its end. Its processor is emulated: no KVM is asked for,
so that it runs wherever qemu does, as whatever user."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

QEMU = "qemu-system-x86_64"
# Time is counted in instructions: one takes 1 ns, and where the processor idles, its clock is put
# forward to what is waited for. So the guest's clock agrees with what it can compute, however slow
# or busy the machine below it is: a tick of 10 ms is 10 million instructions long.
COUNTED = ["-icount", "shift=0,sleep=off"]
PROCESSOR = ["-accel", "tcg", "-cpu", "qemu64,+rdrand", "-smp", "1"]
COMMAND_LINE = ("console=ttyS0 rdinit=/init panic=-1 quiet loglevel=5 mitigations=off tsc=reliable "
                "random.trust_cpu=on no_timer_check")


@dataclass
class Said:
    """What a guest said, and how it ended."""

    lines: list[dict] = field(default_factory=list)
    fault: str = ""  # empty where it came to its end
    seconds: float = 0.0

    def first(self, key: str) -> dict:
        return next((line for line in self.lines if key in line), {})


def parse(text: str) -> list[dict]:
    """The last line may have been cut off."""
    lines = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            pass
    return lines


def boot(kernel: Path, initial: Path, folder: Path, memory_mb: int, seconds: int,
         processor_seconds: int) -> Said:
    """Runs it for at most that long, and that much of a processor. The files results and console in
    `folder` are what came over its serial lines."""
    results, console = folder / "results", folder / "console"
    for one in (results, console):
        one.unlink(missing_ok=True)
    command = ["nice", "-n", "5", QEMU, "-nodefaults", "-no-user-config", "-display", "none",
               "-no-reboot", *PROCESSOR, *COUNTED, "-m", str(memory_mb), "-rtc", "clock=vm",
               "-kernel", str(kernel), "-initrd", str(initial), "-append", COMMAND_LINE,
               "-serial", f"file:{console}", "-serial", f"file:{results}"]
    most = (processor_seconds, processor_seconds + 5)
    said = Said()
    begun = time.monotonic()
    with open(folder / "qemu.log", "wb") as log:
        # It ends with this process even where that is killed outright.
        child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command],
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, most))
        try:
            status = child.wait(seconds)
            if status == -signal.SIGXCPU:
                said.fault = f"it was not done with {processor_seconds} s of a processor"
            elif status != 0:
                said.fault = f"qemu ended with {status}: {log_end(folder / 'qemu.log')}"
        except subprocess.TimeoutExpired:
            said.fault = f"it was not done within {seconds:.0f} s"
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    said.seconds = time.monotonic() - begun
    if results.exists():
        said.lines = parse(results.read_text(encoding="utf-8", errors="replace"))
    if fault := said.first("fault"):
        said.fault = str(fault["fault"])
    elif not said.fault and not said.first("end"):
        said.fault = f"it ended early; its console: {log_end(console)}"
    return said


def log_end(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return "nothing"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
