#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which files the checks look at: what git knows or would add; without git, the tree."""
import os
import pathlib
import subprocess


def source_files(root):
    root = pathlib.Path(root)
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            capture_output=True, check=True).stdout
        names = [n for n in os.fsdecode(listed).split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        # An unpacked release.
        names = []
        for folder, folders, files in os.walk(root):
            folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    # A file deleted in the work tree is still listed.
    return sorted(p for p in (root / n for n in set(names)) if p.is_file() and not p.is_symlink())
