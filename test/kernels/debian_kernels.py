# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels, unpacked below a build folder and not installed.

Other releases of Debian than the machine's are asked for with a configuration of apt that lies
below the build folder too: sources, lists and packages. The machine's own is read, never written.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

META_PACKAGE = "linux-image-cloud-amd64"  # depends on the newest of its release
# How apt names the repositories of the machine's own sources; those of others have other suites.
SUITES = "oldoldstable|oldstable|stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky"
REPOSITORY = re.compile(rf"'(\S+)/dists/(?:{SUITES})(-security)?/InRelease' ")
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")
APT_SECONDS = 400


class Unavailable(Exception):
    """The kernel cannot be had here; the text says why."""


@dataclass
class Kernel:
    """One that lies unpacked."""

    release: str  # as uname -r says it
    version: str  # of the package
    root: Path    # below it are boot and lib, or usr/lib

    @property
    def image(self) -> Path:
        among_modules = self.modules / "vmlinuz"
        if among_modules.exists():
            return among_modules
        return self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        of_the_release = Path("lib/modules") / self.release
        usr = self.root / "usr" / of_the_release
        return usr if usr.is_dir() else self.root / of_the_release


def run(command: list[str], **more: object) -> str:
    """What a command prints; Unavailable with its first words where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=APT_SECONDS, stdin=subprocess.DEVNULL, **more)
    except FileNotFoundError:
        raise Unavailable(f"there is no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end within {APT_SECONDS} s") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()
        raise Unavailable(f"{command[0]} ended with {done.returncode}: {words[0]}")
    return done.stdout


class Apt:
    """apt, with another release's sources."""

    def __init__(self, base: Path, suite: str) -> None:
        self.base = base
        self.suite = suite
        state, cache = base / "state", base / "cache"
        for folder in (state / "lists/partial", cache / "archives/partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self.options = [
            f"Dir::Etc::sourcelist={base / 'suite.sources'}", "Dir::Etc::sourceparts=-",
            f"Dir::State={state}", f"Dir::Cache={cache}", "Dir::State::status=/var/lib/dpkg/status",
            # Old releases are archived with what was valid then.
            "Acquire::Check-Valid-Until=false",
            # Else a mirror that is not reached is a warning.
            "APT::Update::Error-Mode=any", "Acquire::Retries=2",
            # The user that apt fetches as cannot enter every folder of a developer.
            *(["APT::Sandbox::User=root"] if os.geteuid() == 0 else []),
        ]

    def write_sources(self) -> None:
        """The machine's mirror, with the other suite."""
        mirrors: dict[str, str] = {}
        for address, security in REPOSITORY.findall(run(["apt-get", "--print-uris", "update"])):
            mirrors.setdefault(security, address)
        if "" not in mirrors:
            raise Unavailable("the machine's apt has no sources of Debian")
        keyring = next((one for one in KEYRINGS if os.path.exists(one)), None)
        signed = [f"Signed-By: {keyring}"] if keyring else []
        # There is no security archive of unstable.
        wanted = [("", self.suite)] + ([("-security", f"{self.suite}-security")]
                                       if self.suite != "sid" else [])
        paragraphs = ["\n".join(["Types: deb", f"URIs: {mirrors[which]}", f"Suites: {name}",
                                 "Components: main", *signed])
                      for which, name in wanted if which in mirrors]
        (self.base / "suite.sources").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")

    def run(self, program: str, *arguments: str, **more: object) -> str:
        options = [word for one in self.options for word in ("-o", one)]
        return run([program, "-q", *options, *arguments], **more)

    def show(self, package: str) -> dict[str, str]:
        """The control fields of the newest version."""
        text = self.run("apt-cache", "show", "--no-all-versions", package)
        return dict(re.findall(r"^(\S+): (.*)$", text.split("\n\n")[0], re.MULTILINE))


def dependencies(fields: dict[str, str], pattern: str) -> list[str]:
    return re.findall(rf"(?:^|, )({pattern})(?= |,|$)", fields.get("Depends", ""))


def fetch(base: Path, suite: str) -> tuple[Kernel, str]:
    """The newest kernel of a release of Debian, and what is to be said about it. One that lies
    there from an earlier run serves where apt reaches nothing."""
    stamp = base / "unpacked"
    base.mkdir(parents=True, exist_ok=True)
    try:
        apt = Apt(base / "apt", suite)
        apt.write_sources()
        apt.run("apt-get", "update")
        meta = apt.show(META_PACKAGE)
        image = (dependencies(meta, r"linux-image-\S+-cloud-amd64") or [""])[0]
        if not image:
            raise Unavailable(f"{META_PACKAGE} of {suite} depends on no kernel")
        kernel = Kernel(image.removeprefix("linux-image-"), meta["Version"], base / "root")
        if stamp.exists() and stamp.read_text(encoding="utf-8").split() == [kernel.release,
                                                                            kernel.version]:
            return kernel, ""
        # In unstable the image's package is empty, and others have the program and the modules.
        packages = [image] + dependencies(apt.show(image), r"linux-(?:binary|modules)-\S+")
        stamp.unlink(missing_ok=True)
        for old in (kernel.root, base / "packages"):
            shutil.rmtree(old, ignore_errors=True)
        (base / "packages").mkdir()
        apt.run("apt-get", "download", *packages, cwd=base / "packages")
        for package in sorted((base / "packages").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(kernel.root)])
        shutil.rmtree(base / "packages")
        if not kernel.image.is_file() or not kernel.modules.is_dir():
            raise Unavailable(f"{' '.join(packages)} bring no {kernel.image.name} with modules")
        stamp.write_text(f"{kernel.release} {kernel.version}\n", encoding="utf-8")
        return kernel, ""
    except Unavailable as reason:
        if not stamp.exists():
            raise
        release, version = stamp.read_text(encoding="utf-8").split()
        return Kernel(release, version, base / "root"), f"not looked for a newer one: {reason}"
