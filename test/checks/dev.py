#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ./dev does before it builds, tried on copies of it: it removes no folder that it did not
make, says in one line what would stop a build, goes on without what is optional, and notices a
library that was installed later.

usage: dev.py ROOT

Nothing is installed: apt is a stand-in, which writes down how it was called. The packages have
names that no system has. What takes a mount is skipped where none is permitted, and said.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
NOBODY = 65534
# It installs by making the program that the probe looks for, and refuses what has "refused" in it.
APT_GET = """#!/bin/bash
echo "${*:4}" >>"$CALLS"
for word; do [[ $word != *refused* ]] || exit 100; done
for word; do
  [[ $word != zz-* ]] || { printf '#!/bin/sh\\n' >"$MADE/$word"; chmod +x "$MADE/$word"; }
done
"""
APT_CACHE = """#!/bin/sh
case $2 in
  *virtual*) printf '%s:\\n  Installed: (none)\\n  Candidate: (none)\\n' "$2" ;;
  *) printf '%s:\\n  Installed: (none)\\n  Candidate: 1.0\\n  Version table:\\n' "$2" ;;
esac
"""
SUDO = """#!/bin/sh
[ "$1" = -n ] && shift
exec "$@"
"""
PROJECT = """project('late', 'cpp')
late = dependency('zz-late', required: false)
summary('late', late.found())
"""
LATE = "Name: zz-late\nDescription: comes late\nVersion: 1\n"
READ = """set -euo pipefail
say() { printf '== %s\\n' "$*"; }
die() { printf 'dev: %s\\n' "$*" >&2; exit 1; }
source scripts/packages.sh; source scripts/build.sh; source scripts/preflight.sh
"""

faults = []
skipped = []
count = 0


def check(right, what):
    global count
    count += 1
    if not right:
        faults.append(what)
        print("FAILED:", what)


class Copy:
    """The door without a house: dev and its scripts, and a project of its own."""

    def __init__(self, root, scratch, name):
        self.folder = scratch / name
        self.folder.mkdir()
        self.folder.chmod(0o755)
        shutil.copy2(root / "dev", self.folder)
        shutil.copytree(root / "scripts", self.folder / "scripts")
        # A part of check reads what the packages of Debian need.
        (self.folder / "packaging/debian").mkdir(parents=True)
        shutil.copy2(root / "packaging/debian/control", self.folder / "packaging/debian")
        (self.folder / "meson.build").write_text(PROJECT, encoding="ascii")

    def call(self, *command, **variables):
        return subprocess.run(command, cwd=self.folder, env={**os.environ, **variables},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def script(self, text, **variables):
        return self.call("bash", "-c", READ + text, **variables)

    def refuses(self, what, names, done):
        lines = done.stderr.splitlines()
        check(done.returncode == 1 and len(lines) == 1 and lines[0].startswith("dev: ")
              and names in lines[0] and "installing" not in done.stdout,
              f"{what}: {done.returncode} {done.stdout!r} {done.stderr!r}")


def test_folders(root, scratch):
    copy = Copy(root, scratch, "folders")
    for verb, name in (("run", "build-run"), ("test", "build"), ("test", "build-tsan"),
                       ("fuzz", "build-fuzz"), ("soak", "build"), ("abi-update", "build")):
        own = copy.folder / name / "precious"
        own.parent.mkdir()
        own.write_text("x", encoding="ascii")
        copy.refuses(f"{verb} with a folder of somebody's", name, copy.call("./dev", verb))
        check(own.is_file(), f"{verb}: {own} is gone")
        shutil.rmtree(own.parent)

    # Made here: anew with other options or when it was left half set up, otherwise it stays.
    def configure(*options):
        done = copy.script("test_optional+=('x=pc:zz-late|late things')\nconfigure build g++ " +
                           " ".join(options), PKG_CONFIG_PATH=str(copy.folder))
        check(done.returncode == 0, f"configure {options}: {done.stdout} {done.stderr}")
        return done.stdout

    witness = copy.folder / "build/witness"
    configure()
    witness.touch()
    check(configure() == "" and witness.exists(), "a folder is set up again for nothing")
    configure("-Doptimization=1")
    check(not witness.exists(), "other options: the folder was kept")
    witness.touch()
    (copy.folder / "build/build.ninja").unlink()
    configure("-Doptimization=1")
    check(not witness.exists(), "half set up: the folder was kept")
    witness.touch()
    (copy.folder / "zz-late.pc").write_text(LATE, encoding="ascii")
    said = configure("-Doptimization=1")
    check("zz-late found: YES" in said, f"a library that came later: {said!r}")
    check(witness.exists(), "a library that came later: all is compiled anew")
    check(configure("-Doptimization=1") == "", "it looks again and again")
    (copy.folder / "zz-late.pc").unlink()
    said = configure("-Doptimization=1")
    check("zz-late found: NO" in said, f"a library that went: {said!r}")


def test_read_only(root, scratch):
    copy = Copy(root, scratch, "read-only")
    as_user = []
    if os.geteuid() == 0:
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        scratch.chmod(0o755)
    copy.folder.chmod(0o555)
    for verb in ("run", "test", "check", "fuzz"):
        copy.refuses(f"{verb} in a read-only checkout", "cannot be written to",
                     copy.call(*as_user, "./dev", verb))
    copy.folder.chmod(0o755)


def test_closed(root, scratch):
    """Below a folder that is closed to others root builds and tests; what is skipped is said."""
    closed = scratch / "closed"
    closed.mkdir()
    copy = Copy(root, closed, "folder")
    said = {}
    for mode in (0o700, 0o755):
        closed.chmod(mode)
        scratch.chmod(0o755)
        done = copy.script("ready_to_test build\necho went on\n")
        check(done.returncode == 0 and done.stdout.endswith("went on\n"),
              f"a folder of mode {mode:o}: {done.stdout!r} {done.stderr!r}")
        said[mode] = done.stdout.count("closed to other users")
    check(said == {0o700: int(os.geteuid() == 0), 0o755: 0}, f"closed to others: {said}")


def test_noexec(root, scratch):
    """Temporary files where no program runs: others are taken, or it is said."""
    copy = Copy(root, scratch, "noexec")
    enter = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        enter += ["--user", "--map-root-user"]
    (copy.folder / "t").mkdir()
    mounts = "mount -t tmpfs -o noexec none t\n"
    if copy.call(*enter, "bash", "-c", mounts).returncode != 0:
        skipped.append("no mount is permitted here, so that nothing was mounted noexec")
        return
    ask = READ + "ready_to_test build\necho now $TMPDIR\n"
    inside = str(copy.folder / "t")
    done = copy.call(*enter, "bash", "-c", mounts + ask, TMPDIR=inside)
    check(done.returncode == 0 and done.stdout.splitlines()[-1] == "now /var/tmp",
          f"TMPDIR noexec: {done.stdout!r} {done.stderr!r}")
    done = copy.call(*enter, "bash", "-c", mounts + "mount --bind t /var/tmp\n" + ask,
                     TMPDIR=inside)
    copy.refuses("no folder for temporary programs", inside, done)
    done = copy.call(*enter, "bash", "-c", mounts + "cp -r dev scripts t; cd t\n" + READ +
                     "ready_to_build build-run")
    copy.refuses("a checkout where no program runs", "noexec", done)


def test_packages(root, scratch):
    copy = Copy(root, scratch, "packages")
    made = copy.folder / "made"
    tools = copy.folder / "tools"
    made.mkdir()
    tools.mkdir()
    for name, text in (("apt-get", APT_GET), ("apt-cache", APT_CACHE), ("sudo", SUDO)):
        (tools / name).write_text(text, encoding="ascii")
        (tools / name).chmod(0o755)
    calls = copy.folder / "calls"
    variables = {"CALLS": str(calls), "MADE": str(made),
                 "PATH": f"{tools}:{made}:{os.environ['PATH']}"}

    def tried(text):
        calls.write_text("", encoding="ascii")
        done = copy.script(text, **variables)
        installs = [line.split("--no-install-recommends ")[1]
                    for line in calls.read_text(encoding="ascii").splitlines() if "install" in line]
        return done, installs

    done, installs = tried("install_packages zz-a=zz-a bash=bash zz-b=zz-b zz-a=zz-a")
    check(done.returncode == 0 and installs == ["zz-a zz-b"],
          f"what must be there: {installs} {done.stderr!r}")
    done, installs = tried("install_packages zz-a=zz-a zz-b=zz-b")
    check(done.returncode == 0 and not installs, f"what is there: {installs}")
    done, installs = tried("install_packages zz-c=zz-c zz-refused=zz-refused")
    check(done.returncode == 1 and "zz-refused" in done.stderr, f"refused: {done.stderr!r}")
    # Installed, and still not what is asked for.
    done, installs = tried("install_packages 'zz-old=pc:zz-old >= 9'")
    check(done.returncode == 1 and "zz-old" in done.stderr, f"too old: {done.stderr!r}")

    done, installs = tried("try_packages 'zz-d=zz-d|this' 'zz-virtual=zz-virtual|that' "
                           "'zz-refused=zz-refused|more' 'zz-e=zz-e|it'; echo went on")
    check(done.returncode == 0 and done.stdout.endswith("went on\n"), f"optional: {done.stderr!r}")
    check("zz-virtual" not in " ".join(installs), f"a mere name was installed: {installs}")
    check((made / "zz-d").exists() and (made / "zz-e").exists(), f"optional: {installs}")
    for name, missed in (("zz-virtual", "that"), ("zz-refused", "more")):
        check(f"dev: no {name} here (package {name}): without {missed}\n" in done.stdout,
              f"{name} is not said to be missing: {done.stdout!r}")
    check("without this" not in done.stdout, "what was installed is said to be missing")

    # Nobody may install: what must be there is named, what is optional is not asked for.
    done, installs = tried("may_install() { false; }\ninstall_packages zz-f=zz-f")
    check(done.returncode == 1 and "apt-get install zz-f" in done.stderr and not installs,
          f"nobody may install: {done.stderr!r}")
    done, installs = tried("may_install() { false; }\ntry_packages 'zz-g=zz-g|it'")
    check(done.returncode == 0 and "without it" in done.stdout and not installs,
          f"nobody may install: {done.stdout!r}")


def test_report(root, scratch):
    """A failed test's words on both streams are shown, however many there are on one."""
    log = scratch / "meson.json"
    log.write_text(json.dumps({
        "name": "unit x", "result": "FAIL", "stdout": "x.cc:7: FAILED:\n  CHECK( a == b )\n",
        "stderr": "".join(f"line {i}\n" for i in range(500))}) + "\n")
    results = scratch / "results"
    results.write_text(f"g++\t{log}\n")
    done = subprocess.run([sys.executable, "-B", root / "scripts/report.py", results], check=False,
                          capture_output=True, text=True)
    check(done.returncode == 1, "a failed test is no failure")
    check("CHECK( a == b )" in done.stdout and "line 499" in done.stdout, "words are not shown")
    check("line 99\n" not in done.stdout, "all of a flood is shown")


def test_machines(root, scratch):
    """Bare machines are made beside the first build, and gone when the tests begin; what they come
    to counts."""
    copy = Copy(root, scratch, "machines")
    done = copy.script("""source scripts/results.sh; source scripts/verbs/test.sh
bare_machines() {
  until [[ -e built || ! -e $results ]]; do sleep 0.1; done
  sleep 1
  echo machines are done
  note_failure bare "no machine"
  return 1
}
configure() { :; }
ninja() { touch built; }
run_tests() { echo testing; }
start_results; begin_machines; build_and_test g++ build g++ all
cat "$results"
""")
    said = done.stdout.splitlines()
    check(done.returncode == 0 and "bare\tFAILED\tno machine" in said
          and said.index("machines are done") < said.index("testing"),
          f"bare machines beside a build: {done.stdout} {done.stderr}")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for test in (test_folders, test_read_only, test_closed, test_noexec, test_packages,
                     test_report, test_machines):
            test(root, scratch)
    print(f"{count} checks, {len(faults)} failed")
    if faults:
        sys.exit(1)
    if skipped:
        print("skipped:", "; ".join(skipped))
        sys.exit(SKIP)


main()
