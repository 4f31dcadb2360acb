#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what README and its fellows point at: verbs of ./dev, files, meson options.

usage: docs.py ROOT
"""
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
VERB = re.compile(r"\./dev ([a-z][a-z-]*)")
EVENT = re.compile(r'^inline constexpr log_event \w+\{\w+, "(\w+)"\};', re.MULTILINE)
OPTION = re.compile(r"^option\('([^']+)'", re.MULTILINE)


def main():
    root = pathlib.Path(sys.argv[1])
    pages = [root / "README.md", root / "CONTRIBUTING.md", root / "NEWS.md",
             *sorted((root / "docs").glob("*.md"))]
    said = subprocess.run(["bash", str(root / "dev"), "help"], capture_output=True, text=True,
                          check=True).stdout
    verbs = set(re.findall(r"^  ([a-z][a-z-]*)(?= )", said, re.MULTILINE))
    faults = []
    for page in pages:
        name = page.relative_to(root)
        text = page.read_text(encoding="utf-8")
        for verb in sorted(set(VERB.findall(text)) - verbs):
            faults.append(f"{name}: ./dev {verb} is no verb")
        for target in sorted({m[0] for m in LINK.findall(text)}):
            if "://" not in target and not (page.parent / target).exists():
                faults.append(f"{name}: {target} is not there")
    readme = (root / "README.md").read_text(encoding="utf-8")
    for verb in ("run", "test"):
        if f"./dev {verb}" not in readme:
            faults.append(f"README.md: does not name ./dev {verb}")
    events = set(EVENT.findall((root / "lib/collect/telemetry/log.h").read_text(encoding="utf-8")))
    operations = (root / "docs/operations.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `(\w+)` \| `", operations, re.MULTILINE))
    for name in sorted(events ^ explained):
        faults.append(f"docs/operations.md: event {name} " +
                      ("is not explained" if name in events else "does not exist"))
    documented = readme + (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    options = OPTION.findall((root / "meson_options.txt").read_text(encoding="utf-8"))
    for option in options:
        if f"`{option}`" not in documented:
            faults.append(f"meson option {option} is in neither README.md nor CONTRIBUTING.md")
    for fault in faults:
        print(fault)
    print(f"{len(pages)} pages, {len(verbs)} verbs, {len(options)} options, {len(faults)} faults")
    sys.exit(1 if faults or not verbs or not options else 0)


main()
