#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what README and its fellows point at: verbs of ./dev, files, meson options.

usage: docs.py ROOT

A source file that a page names must be there, by its path or the end of it: `events/idle_wait.h`;
or the template that the build makes it of.
A function that the design page names must be somewhere in lib. NEWS.md tells of the past and may
name what is gone.
"""
import pathlib
import re
import subprocess
import sys

from sources import source_files

LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
VERB = re.compile(r"\./dev ([a-z][a-z-]*)")
EVENT = re.compile(r'^inline constexpr log_event \w+\{\w+, "(\w+)"\};', re.MULTILINE)
NAMED_FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+(?:\.bpf)?\.(?:h|cc|c|def|py|sh|build))`")
NAMED_FUNCTION = re.compile(r"`(?:\w+::)*(\w+)\(\)`")
KERNEL_FOLDERS = ("include/uapi/", "net/ipv4/")
OPTION = re.compile(r"^option\('([^']+)'", re.MULTILINE)


def unknown_files(text, known):
    """Source files that a page names in a code span, and that end no path of `known`."""
    return [name for name in sorted(set(NAMED_FILE.findall(text)))
            if not name.startswith(KERNEL_FOLDERS)
            and not any(("/" + path).endswith("/" + name) for path in known)]


def unknown_functions(text, code):
    """Functions that a page names in a code span, and that the code does not have."""
    return [name for name in sorted(set(NAMED_FUNCTION.findall(text)))
            if not re.search(rf"\b{name}\s*\(", code)]


def self_test():
    known = ["lib/a/b/c.h", "lib/a/d.bpf.c"]
    assert unknown_files("`c.h` `b/c.h` `lib/a/b/c.h` `d.bpf.c` c.x `x.md` `f()`", known) == []
    assert unknown_files("`net/ipv4/tcp.c`", known) == []
    assert unknown_files("`a/c.h` `ac.h`", known) == ["a/c.h", "ac.h"]
    assert unknown_functions("`f()`, `x::f()`, `g`", "int f(int);") == []
    assert unknown_functions("`f()`, `g()`", "int f(int); int gg();") == ["g"]


def main():
    self_test()
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
    sources = [p.relative_to(root) for p in source_files(root)]
    known = [p.as_posix() for p in sources]
    # What the build makes of a template.
    known += [p.relative_to(root).as_posix().removesuffix(".in")
              for p in (root / "lib").rglob("*.in")]
    for page in pages:
        if page.name != "NEWS.md":
            faults += [f"{page.relative_to(root)}: there is no file {name}"
                       for name in unknown_files(page.read_text(encoding="utf-8"), known)]
    code = "\n".join((root / p).read_text(encoding="utf-8") for p in sources
                     if p.parts[0] == "lib" and p.suffix in (".h", ".cc", ".c"))
    design = (root / "docs/design.md").read_text(encoding="utf-8")
    faults += [f"docs/design.md: there is no function {name}()"
               for name in unknown_functions(design, code)]
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
