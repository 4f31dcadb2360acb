#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that an option of the build that asks for what another one leaves out is refused, as
meson_options.txt promises of 'enabled', and not passed over.

usage: options.py ROOT
"""
import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile


def set_up(root, folder, *options):
    return subprocess.run(["meson", "setup", str(folder), str(root), "-Dtools=disabled",
                           "-Ddocs=disabled", *options], capture_output=True, text=True,
                          check=False)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    # Each with the value that is refused beside tools and tests=disabled, and one that is not.
    wanted = [(option, value) for option in ("bench", "fuzz") for value in ("enabled", "auto")]
    wanted += [(option, "enabled") for option in ("bpf", "prometheus", "systemd", "curl",
                                                "nats", "kafka")]
    with tempfile.TemporaryDirectory() as scratch:
        with concurrent.futures.ThreadPoolExecutor(2) as two:
            done = list(two.map(lambda w: set_up(root, pathlib.Path(scratch) / "-".join(w),
                                                 "-Dtests=disabled", f"-D{w[0]}={w[1]}"), wanted))
    faults = 0
    for (option, value), said in zip(wanted, done):
        refused = said.returncode != 0 and f"Feature {option} cannot be enabled" in said.stdout
        if refused != (value == "enabled") or (said.returncode != 0) != refused:
            faults += 1
            print(f"-Dtests=disabled -D{option}={value}: status {said.returncode}\n"
                  f"{said.stdout[-2000:]}{said.stderr[-2000:]}")
    print(f"{len(wanted)} ways to set it up, {faults} faults")
    sys.exit(1 if faults else 0)


main()
