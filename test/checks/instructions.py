# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of the steps that every message or record goes through: a number that no
load changes, so that what makes them slower is seen by a test.

usage: instructions.py PROGRAM

Limits are some 15 % above what g++ 12 makes with -O1 on x86-64, as `./dev test` builds.
"""
import concurrent.futures
import platform
import re
import shutil
import subprocess
import sys

# Of one message, record or frame of 230 records.
LIMITS = {
    "compare_idle": 580,
    "compare_changed": 1430,
    "queue": 240,
    "encode_line": 3150,
    "encode_next_line": 1740,
    "observe_traffic": 1020,
    "summary_record": 1500,
    "base64": 490,
}
TIMES = (100, 2100)


def instructions(program: str, step: str, times: int) -> int:
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           program, step, str(times)], capture_output=True, text=True, check=True)
    return int(re.search(r"refs:\s+([\d,]+)", done.stderr)[1].replace(",", ""))


def of_one(program: str, step: str) -> float:
    """The start falls out of the difference."""
    few, many = (instructions(program, step, times) for times in TIMES)
    return (many - few) / (TIMES[1] - TIMES[0])


def main() -> int:
    if shutil.which("valgrind") is None or platform.machine() != "x86_64":
        print("SKIPPED: no valgrind, or not x86-64")
        return 77
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for step, count in zip(LIMITS, pool.map(lambda s: of_one(sys.argv[1], s), LIMITS)):
            high = count > LIMITS[step]
            failed += high
            print(f"{step}: {count:.0f} instructions, the limit is {LIMITS[step]}"
                  + (": TOO MANY" if high else ""))
    return 1 if failed else 0


sys.exit(main())
