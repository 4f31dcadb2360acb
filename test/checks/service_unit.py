#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit and its drop-in: systemd understands every line of them, and finds little to
reproach them with.

usage: service_unit.py UNIT COLLECTOR DROP-IN
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
EXPOSURE = 1.5  # at most; what a service exposes of 10, see systemd-analyze(1)
EXPOSURE_EVENTS = 2.0  # with the drop-in


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


# Since systemd 257 it makes /run/systemd, which only root can where systemd does not run.
NO_FOLDER = "Failed to create directory '/run/systemd"
ANALYZE = ["systemd-analyze"]


def find_way(unit):
    """Whether systemd-analyze works here, if need be with a /run of its own."""
    if NO_FOLDER not in run(*ANALYZE, "verify", "--man=no", str(unit))[1]:
        return True
    ANALYZE[:0] = ["unshare", "--map-root-user", "--mount", "sh", "-c",
                   'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]
    return shutil.which("unshare") is not None and run(*ANALYZE, "--version")[0] == 0


def verify(unit):
    """systemd passes over a directive it does not know: with a warning, and status 0."""
    status, said = run(*ANALYZE, "verify", "--man=no", str(unit))
    # It speaks of other units of the machine, too.
    about_us = [line for line in said.splitlines() if unit.name in line]
    return [f"verify: {line}" for line in about_us] or (
        [f"verify: status {status}: {said}"] if status else [])


def exposure(unit, most=EXPOSURE):
    status, said = run(*ANALYZE, "security", "--offline=true", "--no-pager",
                       f"--threshold={round(most * 10)}", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    if found is None:
        return None, [f"security: status {status}: {said}"]
    level = float(found[1])
    faults = [f"security: {level}, more than {most}\n{said}"] if level > most else []
    if status and not faults:
        faults.append(f"security: status {status}: {said}")
    return level, faults


def main():
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    collector = pathlib.Path(sys.argv[2]).resolve()
    if shutil.which("systemd-analyze") is None:
        print("skipped: there is no systemd-analyze here")
        sys.exit(SKIP)
    if not collector.is_file():
        print(f"skipped: {collector} is not built")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as folder:
        # The program as it will be installed is not there yet.
        here, count = re.subn(r"^ExecStart=\S+", f"ExecStart={collector}", text, flags=re.M)
        assert count == 1, count
        unit = pathlib.Path(folder) / "tcpinfo-collect.service"
        unit.write_text(here, encoding="utf-8")
        if not find_way(unit):
            print("skipped: systemd-analyze works as root only here, where systemd does not run")
            sys.exit(SKIP)
        faults = verify(unit)
        level, more = exposure(unit)
        faults += more
        # As an operator enables it.
        folder_of_drop_ins = pathlib.Path(folder) / "tcpinfo-collect.service.d"
        folder_of_drop_ins.mkdir()
        drop_in = folder_of_drop_ins / "events.conf"
        shutil.copy(sys.argv[3], drop_in)
        about = [f"with {drop_in.name}: {fault}" for fault in verify(unit)]
        both, more = exposure(unit, EXPOSURE_EVENTS)
        faults += about + [f"with {drop_in.name}: {fault}" for fault in more]
        assert both > level, "the drop-in is not looked at"
        # A check that has gone blind would let these through.
        drop_in.write_text("[Service]\nNoSuchDirective=1\n", encoding="utf-8")
        assert verify(unit)
        bad = pathlib.Path(folder) / "tcpinfo-bad.service"
        bad.write_text(here + "\n[Service]\nNoSuchDirective=1\n", encoding="utf-8")
        assert verify(bad)
        bad.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
        assert exposure(bad)[1]
    for fault in faults:
        print(fault)
    print(f"exposure {level}, with sampling by events {both}, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
