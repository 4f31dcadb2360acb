# SPDX-License-Identifier: Apache-2.0
"""Programs that checks need and run; copies of the source tree, of now or of an earlier commit, and
builds of their library, for checks that compare two."""
import shutil
import subprocess
import sys

SKIP = 77
# With all that abidiff wants to know, and nothing built that it does not look at.
LIBRARY_ONLY = ["-Dtools=disabled", "-Dtests=disabled", "-Ddocs=disabled", "-Dprometheus=disabled",
                "-Dsystemd=disabled", "-Dfuzz=disabled", "-Dbench=disabled", "-Doptimization=0",
                "-Ddebug=true"]


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            print(f"skipped: no {tool} here")
            sys.exit(SKIP)


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                          **more)
    if done.returncode:
        print(" ".join(map(str, command)))
        print((done.stdout + done.stderr)[-6000:])
        sys.exit(1)
    return done.stdout


def copy_tree(source, to):
    """The files of the working tree that git tracks, as they are now."""
    for name in run("git", "-C", source, "ls-files", "-z").split("\0"):
        if name and (source / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, to / name)
    return to


def copy_commit(source, commit, to):
    to.mkdir(parents=True)
    archive = to.with_suffix(".tar")
    run("git", "-C", source, "archive", "-o", archive, commit)
    run("tar", "-xf", archive, "-C", to)
    return to


def configure(tree, build, *options):
    run("meson", "setup", build, tree, *options)


def build_library(tree, build):
    """Returns the shared library."""
    configure(tree, build, *LIBRARY_ONLY)
    run("ninja", "-C", build, "lib/libtcpinfo.so.0", "lib/libtcpinfo.a")
    return build / "lib" / "libtcpinfo.so.0"


def abidiff(old, old_headers, new, new_headers):
    """Exit status (0: nothing to say) and what it says. What only an implementation has does not
    count; a new enumerator is harmless."""
    done = subprocess.run(
        ["abidiff", "--headers-dir1", str(old_headers), "--headers-dir2", str(new_headers),
         "--no-added-syms", str(old), str(new)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
