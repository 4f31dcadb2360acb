#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sees that .clang-tidy parses, that clang-tidy has each check it names, and that they find faults.

usage: clang_tidy.py ROOT
"""
import fnmatch
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from trees import need

# Faults in a few lines, and the check that must find each.
FAULTS = {
    "bugprone-use-after-move": """\
#include <string>
#include <utility>
std::size_t f() {
  std::string a = "x";
  std::string b = std::move(a);
  return a.size() + b.size();
}
""",
    "bugprone-string-constructor": """\
#include <string>
std::string f() {
  return std::string('x', 50);
}
""",
    "clang-analyzer-core.NullDereference": """\
int f(int n) {
  int* p = nullptr;
  return n > 0 ? *p : 0;
}
""",
}
GOOD = "int f(int n) {\n  return n + 1;\n}\n"


def tidy(config, folder, text):
    path = folder / "one.cc"
    path.write_text(text, encoding="ascii")
    done = subprocess.run(["clang-tidy", f"--config-file={config}", "--quiet", str(path), "--",
                           "-std=c++20"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    config = Path(sys.argv[1]) / ".clang-tidy"
    need("clang-tidy")
    done = subprocess.run(["clang-tidy", f"--config-file={config}", "--list-checks"],
                          capture_output=True, text=True, check=True)
    assert "error" not in done.stderr.lower(), done.stderr
    enabled = set(re.findall(r"^ +([\w.+-]+)$", done.stdout, re.MULTILINE))
    text = re.search(r"^Checks: >-\n((?:  .*\n)+)", config.read_text(encoding="utf-8"),
                     re.MULTILINE)[1]
    named = [c for c in re.split(r"[,\s]+", text) if c and not c.startswith("-")]
    unknown = [c for c in named if not fnmatch.filter(enabled, c)]
    assert named and not unknown, f"clang-tidy does not have {unknown}"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        status, said = tidy(config, folder, GOOD)
        assert status == 0, said
        for check, fault in FAULTS.items():
            status, said = tidy(config, folder, fault)
            assert status and check in said, f"{check} is not found: {said}"
    print(f"{len(named)} names, {len(enabled)} checks, {len(FAULTS)} faults found")


main()
