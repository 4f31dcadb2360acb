#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what tests said: skips with their reasons, failures with the end of their output, and as
the last line "N passed, N failed, N skipped". The status is 1 when something failed or nothing ran.

usage: report.py RESULTS
       report.py --log NAME RESULT [FILE]

RESULTS is what scripts/results.sh gathers: lines "build<TAB>log of meson test" or
"build<TAB>FAILED<TAB>what". With --log, prints a log of one test in the form meson writes, with the
text of FILE as what the test printed.
"""
import json
import sys


def read_results(path):
    passed, failed, skipped = 0, [], []
    with open(path, encoding="utf-8") as entries:
        for entry in entries:
            build, log, *what = entry.rstrip("\n").split("\t")
            if log == "FAILED":
                failed.append((f"{build}: {what[0]}", ""))
                continue
            with open(log, encoding="utf-8") as lines:
                for line in lines:
                    passed += judge(build, json.loads(line), failed, skipped)
    return passed, failed, skipped


def judge(build, test, failed, skipped):
    """1 if the test passed; otherwise it is put where it belongs."""
    name = f"{build}: {test['name']}"
    said = [(test.get(stream) or "").splitlines() for stream in ("stdout", "stderr")]
    lines = [t.strip() for stream in said for t in stream if t.strip()]
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return 1
    if test["result"] == "SKIP":
        reasons = [t for t in lines if t.lower().startswith("skip")] or lines[-1:]
        skipped.append((name, reasons[0] if reasons else "no reason given"))
    else:
        # The end of each: a program that says much on one must not hide what failed on the other.
        text = "\n".join(t for stream in said for t in stream[-40:])
        failed.append((f"{name}: {test['result']}", text))
    return 0


def write_log(name, result, path=None):
    text = ""
    if path:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    print(json.dumps({"name": name, "result": result, "stdout": text}))


def main():
    if sys.argv[1] == "--log":
        write_log(*sys.argv[2:])
        return
    passed, failed, skipped = read_results(sys.argv[1])
    if skipped:
        print("\n== skipped")
        for name, reason in skipped:
            print(f"{name}: {reason}")
    if failed:
        print("\n== failed")
        for name, text in failed:
            print(name)
            if text:
                print("    " + text.replace("\n", "\n    "))
    print()
    if passed + len(failed) == 0:
        print("no test ran")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped", flush=True)
    sys.exit(1 if failed or not passed else 0)


main()
