# SPDX-License-Identifier: Apache-2.0
"""Roots of bare Debian systems, by mmdebstrap: what a minimal installation has and nothing else.

FOLDER/SUITE.tar.zst is kept, and made anew when what it is made of has changed or after a month;
FOLDER/SUITE/root is it unpacked, below the overlays of machines and never written to."""
import os
import shutil
import time
from pathlib import Path

import apt_sources
import processes

# Part of what a root is made of: to be changed with the code below.
FORM = "2"
AGE_SECONDS = 30 * 86400
MAKE_SECONDS = 900
UNPACK_SECONDS = 300


def made_of(suite):
    stanzas, lines = apt_sources.sources(suite)
    return "\n".join([FORM, suite, stanzas, lines, *apt_sources.options()])


def make(folder, suite, tarball, log):
    stanzas, lines = apt_sources.sources(suite)
    # Out of /tmp, and gone with the folder if mmdebstrap is killed.
    scratch = folder / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--skip=output/dev"]
    for line in apt_sources.options():
        command.append("--aptopt=" + line)
    if "https://" in stanzas + lines:
        command.append("--include=ca-certificates")
    for path in apt_sources.keyrings(stanzas + lines):
        command.append(f'--customize-hook=[ -e "$1{path}" ] || '
                       f'{{ mkdir -p "$1{os.path.dirname(path)}" && cp "{path}" "$1{path}"; }}')
    partial = tarball.with_name("part-" + tarball.name)
    command += [suite, str(partial)]
    for name, text in (("sources", stanzas), ("list", lines)):
        if text:
            path = scratch / f"machine.{name}"
            path.write_text(text, encoding="utf-8")
            command.append(str(path))
    # Debian's keys are in its package; an older one does not have a newer suite's.
    if not Path(f"/usr/share/keyrings/debian-archive-{suite}-stable.gpg").exists():
        processes.run(["apt-get", "install", "-y", "debian-archive-keyring"], log, MAKE_SECONDS)
    # Without sources of this machine's, mmdebstrap knows where Debian is. Its mounts and processes
    # are in namespaces that end with it.
    processes.run([*processes.OWN_NAMESPACES, *command], log, MAKE_SECONDS,
                  env=dict(os.environ, TMPDIR=str(scratch)))
    partial.rename(tarball)
    shutil.rmtree(scratch)


def ready(folder, suite, log):
    """Makes the root if need be, and returns what was done."""
    tarball = folder / f"{suite}.tar.zst"
    stamp = folder / f"{suite}.made-of"
    unpacked = folder / suite / "root"
    wanted = made_of(suite)
    fresh = (tarball.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted
             and time.time() - tarball.stat().st_mtime < AGE_SECONDS)
    if not fresh:
        make(folder, suite, tarball, log)
        stamp.write_text(wanted, encoding="utf-8")
        shutil.rmtree(unpacked, ignore_errors=True)
    if not unpacked.exists():
        partial = unpacked.with_name("part-root")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        processes.run(["tar", "--zstd", "--numeric-owner", "--xattrs", "-xpf", str(tarball), "-C",
                       str(partial)], log, UNPACK_SECONDS)
        partial.rename(unpacked)
    version = (unpacked / "etc/debian_version").read_text(encoding="ascii").strip()
    return f"Debian {version}, {'taken from' if fresh else 'made and kept as'} {tarball.name}"
