#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the Debian packages from a copy of the tree, and uses them.

usage: debian.py SOURCE_ROOT

The copy has what git knows, and packaging/debian as debian. lintian must find neither errors nor
warnings. What the packages contain is unpacked into one folder, as if installed there: the tools
run, a program is compiled through pkg-config, shared and static, and runs. Nothing is installed on
this machine. It takes as long as a build of everything with optimization does.
"""
import collections
import datetime
import email.utils
import fnmatch
import io
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile

from sources import source_files

SKIP = 77
NEEDED = ("dpkg-buildpackage", "dpkg-checkbuilddeps", "dpkg-deb", "dh", "lintian")
TOOLS = ("tcpinfo-collect", "tcpinfo-csv", "tcpinfo-dump")
# For each package, what must be there: patterns, each of one file. Manual pages are compressed.
WANTED = {
    "libtcpinfo0": [
        "usr/lib/*/libtcpinfo.so.0",
    ],
    "libtcpinfo-dev": [
        "usr/include/tcpinfo/tcpinfo.h",
        "usr/lib/*/libtcpinfo.a",
        "usr/lib/*/libtcpinfo.so",
        "usr/lib/*/pkgconfig/libtcpinfo.pc",
        "usr/lib/*/cmake/tcpinfo/tcpinfo-config.cmake",
        "usr/lib/*/cmake/tcpinfo/tcpinfo-config-version.cmake",
        "usr/share/man/man3/libtcpinfo.3.gz",
        "usr/share/doc/libtcpinfo-dev/guide.md*",
        "usr/share/doc/libtcpinfo-dev/libtcpinfo.spdx.json*",
        "usr/share/doc/libtcpinfo-dev/examples/list.cc",
    ],
    "python3-tcpinfo": [
        "usr/lib/python3/dist-packages/tcpinfo/__init__.py",
        "usr/lib/python3/dist-packages/tcpinfo/_native.py",
        "usr/lib/python3/dist-packages/tcpinfo/py.typed",
    ],
    "tcpinfo-tools": [
        *(f"usr/bin/{tool}" for tool in TOOLS),
        *(f"usr/share/man/man1/{tool}.1.gz" for tool in TOOLS),
        *(f"usr/share/bash-completion/completions/{tool}" for tool in TOOLS),
        *(f"usr/share/zsh/vendor-completions/_{tool}" for tool in TOOLS),
        "usr/share/man/man5/tcpinfo-archive.5.gz",
        "lib/systemd/system/tcpinfo-collect.service",
        "usr/share/doc/tcpinfo-tools/examples/tcpinfo-collect.default",
        "usr/share/doc/tcpinfo-tools/operations.md*",
    ],
}
# Each package has these itself.
DOCUMENTS = ("copyright", "changelog.gz", "changelog.Debian.gz")
UNIT = "tcpinfo-collect.service"
# Stand-ins for what the scripts of a package call: they write down how, and say that the unit was
# never installed before.
STAND_IN = """#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
[ "$1" != debian-installed ]
"""
CALLED = ("deb-systemd-helper", "deb-systemd-invoke", "systemctl")


def environment(folder):
    """What a build of packages sees: not the variables of the build this test belongs to. With
    level 4 dpkg-gensymbols fails where the library exports more or less than the symbols file has.
    """
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder),
            "LC_ALL": "C.UTF-8", "DPKG_GENSYMBOLS_CHECK_LEVEL": "4"}


def run(command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", check=False, **more)
    if done.returncode:
        print(" ".join(map(str, command)))
        print("\n".join((done.stdout + done.stderr).splitlines()[-60:]))
        print(f"status {done.returncode}")
        sys.exit(1)
    return done.stdout


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def copy_tree(source, tree):
    for path in source_files(source):
        to = tree / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
    shutil.copytree(tree / "packaging" / "debian", tree / "debian")


def version_of(tree):
    text = (tree / "meson.build").read_text(encoding="utf-8")
    return re.search(r"^ *version: '([^']+)'", text, re.MULTILINE)[1]


def dress_as_next_release(tree):
    """Between releases the library has symbols of the next one, which packages of the last one
    cannot have: the copy gets the number that docs/releasing.md has it get."""
    last = version_of(tree)
    script = (tree / "lib" / "libtcpinfo.map").read_text(encoding="utf-8")
    newest = max(tuple(map(int, node)) for node in re.findall(r"LIBTCPINFO_(\d+)\.(\d+)", script))
    if newest <= tuple(map(int, last.split(".")))[:2]:
        return
    following = ".".join(map(str, (*newest, 0)))
    print(f"built as {following}, for there are symbols of it")
    meson = tree / "meson.build"
    text = meson.read_text(encoding="utf-8")
    meson.write_text(text.replace(f"version: '{last}'", f"version: '{following}'", 1),
                     encoding="utf-8")
    header = tree / "lib" / "include" / "tcpinfo" / "version_macros.h"
    text = header.read_text(encoding="utf-8")
    for name, value in zip(("MAJOR", "MINOR", "PATCH"), (*newest, 0)):
        text, count = re.subn(rf"(#define TCPINFO_VERSION_{name}) \d+", rf"\1 {value}", text)
        assert count == 1, f"TCPINFO_VERSION_{name}"
    header.write_text(text, encoding="utf-8")
    changelog = tree / "debian" / "changelog"
    before = changelog.read_text(encoding="utf-8")
    who, _, when = next(line for line in before.splitlines()
                        if line.startswith(" -- ")).rpartition("  ")
    later = email.utils.parsedate_to_datetime(when) + datetime.timedelta(days=1)
    changelog.write_text(f"libtcpinfo ({following}-1) unstable; urgency=medium\n\n"
                         "  * What is to come.\n\n"
                         f"{who}  {email.utils.format_datetime(later)}\n\n{before}",
                         encoding="utf-8")


def build(tree, env):
    """Builds in the tree; the packages are beside it then."""
    said = subprocess.run(["dpkg-checkbuilddeps"], cwd=tree, env=env, capture_output=True,
                          text=True, check=False)
    if said.returncode == 1:
        skip(said.stderr.strip().rpartition("error: ")[2])
    if said.returncode:
        print(said.stderr)
        sys.exit(1)
    run(["dpkg-buildpackage", "-us", "-uc", "-b", "-j2"], cwd=tree, env=env)


def only(found, what):
    found = list(found)
    assert len(found) == 1, f"{what}: {found}"
    return found[0]


def files_of(package):
    """The names of everything but folders in a package."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True,
                          check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name.removeprefix("./") for m in archive if not m.isdir()}


def content_faults(contents, wanted):
    """contents: the files of each package."""
    owners = collections.defaultdict(list)
    for package, files in contents.items():
        for name in files:
            owners[name].append(package)
    faults = [f"{name} is in {' and '.join(sorted(having))}"
              for name, having in sorted(owners.items()) if len(having) > 1]
    for package, patterns in wanted.items():
        documents = [f"usr/share/doc/{package}/{d}" for d in DOCUMENTS]
        for pattern in [*patterns, *documents]:
            count = len(fnmatch.filter(contents[package], pattern))
            if count != 1:
                faults.append(f"{package}: {count} files {pattern}")
    return faults


def calls_of(script, arguments, folder):
    """What a package's script calls on a machine that runs systemd."""
    # systemd may not run here.
    script = script.replace("/run/systemd/system", "/")
    calls = folder / "calls"
    calls.write_text("", encoding="utf-8")
    stand_ins = folder / "stand-ins"
    stand_ins.mkdir(exist_ok=True)
    for name in CALLED:
        (stand_ins / name).write_text(STAND_IN, encoding="utf-8")
        (stand_ins / name).chmod(0o755)
    run(["sh", "-c", script, "script", *arguments],
        env={"PATH": f"{stand_ins}:/usr/bin:/bin", "CALLS": str(calls)})
    return calls.read_text(encoding="utf-8").splitlines()


def check_service(package, folder):
    """Installing the package neither enables nor starts the service; an upgrade restarts it where
    it runs; removing the package stops it."""
    def calls(name, *arguments):
        return calls_of(run(["dpkg-deb", "--info", package, name]), arguments, folder)
    installing = calls("postinst", "configure", "")
    acting = re.compile(r" (?:enable|start|restart|try-restart)\b")
    assert installing and not [c for c in installing if acting.search(c)], installing
    upgrading = calls("postinst", "configure", "0.0.1-1")
    assert f"deb-systemd-invoke try-restart {UNIT}" in upgrading, upgrading
    assert not calls("prerm", "upgrade", "0.0.1-1")
    assert calls("prerm", "remove") == [f"deb-systemd-invoke stop {UNIT}"]


def check_program(root, source, folder):
    """Compiles an example as a user of the package does, and runs it."""
    libdir = only(root.glob("usr/lib/*/libtcpinfo.so.0"), "the library").parent
    env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(root))
    # Nothing but this package: it must need no other.
    env["PKG_CONFIG_LIBDIR"] = str(libdir / "pkgconfig")
    for name, options, library in (("shared", [], "-ltcpinfo"),
                                   ("static", ["--static"], "-l:libtcpinfo.a")):
        flags = run(["pkg-config", *options, "--cflags", "--libs", "libtcpinfo"], env=env).split()
        assert flags.count("-ltcpinfo") == 1, flags
        flags[flags.index("-ltcpinfo")] = library
        program = folder / f"list-{name}"
        run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags])
        linked = "libtcpinfo.so.0" in run(["readelf", "-d", program])
        assert linked == (name == "shared"), f"{name}: linked with libtcpinfo.so.0: {linked}"
        # The static one has to do without.
        more = {"LD_LIBRARY_PATH": str(libdir)} if name == "shared" else {}
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.create_connection(server.getsockname()):
            said = run([program], env=dict(os.environ, **more))
            end = f"127.0.0.1:{server.getsockname()[1]}"
        # A row for each end of the connection.
        assert len([row for row in said.splitlines() if end in row.split()]) == 2, said
        print(f"{name}: {len(said.splitlines()) - 1} sockets")


def check_module(root, version):
    """The Python module lists sockets by the library of the package."""
    libdir = only(root.glob("usr/lib/*/libtcpinfo.so.0"), "the library").parent
    module = root / "usr/lib/python3/dist-packages"
    env = dict(os.environ, LD_LIBRARY_PATH=str(libdir), PYTHONPATH=str(module))
    text = ("import tcpinfo; print(tcpinfo.__version__, tcpinfo.__file__); "
            "[print(m.id.dport) for m in tcpinfo.dump()]")
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()):
        first, *ports = run(["/usr/bin/python3", "-B", "-c", text], env=env).splitlines()
        port = server.getsockname()[1]
    assert first.split() == [version, str(module / "tcpinfo/__init__.py")], first
    assert str(port) in ports, ports
    print(f"python: {len(ports)} sockets")


def check_root(root, tree, version, folder):
    headers = {p.name for p in (root / "usr/include/tcpinfo").iterdir()}
    ours = tree / "lib/include/tcpinfo"
    public = {p.name for p in ours.iterdir() if p.suffix in (".h", ".def")} | {"config.h"}
    assert headers == public, headers ^ public
    libdir = only(root.glob("usr/lib/*/libtcpinfo.so.0"), "the library").parent
    for tool in TOOLS:
        said = run([root / "usr/bin" / tool, "--version"],
                   env=dict(os.environ, LD_LIBRARY_PATH=str(libdir))).strip()
        assert said == f"{tool} {version}", said
    unit = (root / "lib/systemd/system" / UNIT).read_text(encoding="utf-8")
    assert "\nExecStart=/usr/bin/tcpinfo-collect " in unit, unit
    check_program(root, tree / "docs/examples/list.cc", folder)
    check_module(root, version)


def self_test():
    wanted = {"a": ["usr/bin/x", "usr/lib/*/y.so"]}
    documents = {f"usr/share/doc/a/{d}" for d in DOCUMENTS}
    good = {"usr/bin/x", "usr/lib/z/y.so"} | documents
    assert not content_faults({"a": good, "b": {"usr/bin/w"}}, wanted)
    assert content_faults({"a": good, "b": {"usr/bin/x"}}, wanted)
    assert content_faults({"a": good | {"usr/lib/zz/y.so"}}, wanted)
    for name in good:
        assert content_faults({"a": good - {name}}, wanted), name


def main():
    self_test()
    source = pathlib.Path(sys.argv[1]).resolve()
    for tool in NEEDED:
        if not shutil.which(tool):
            skip(f"no {tool} here")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        env = environment(folder)
        tree = folder / "libtcpinfo"
        copy_tree(source, tree)
        dress_as_next_release(tree)
        build(tree, env)
        changes = only(folder.glob("*.changes"), "changes")
        # As root it warns of itself unless it is told that this is meant.
        run(["lintian", "--allow-root", "--fail-on", "error,warning", changes], env=env)

        packages = {p: only(folder.glob(f"{p}_*.deb"), p) for p in WANTED}
        version = version_of(tree)
        root = folder / "root"
        for package in packages.values():
            said = run(["dpkg-deb", "--field", package, "Version"]).strip()
            assert said.rpartition("-")[0] == version, f"{package.name} of sources {version}"
            run(["dpkg-deb", "-x", package, root])
        contents = {p: files_of(file) for p, file in packages.items()}
        faults = content_faults(contents, WANTED)
        for fault in faults:
            print(fault)
        check_service(packages["tcpinfo-tools"], folder)
        check_root(root, tree, version, folder)
        print(f"{sum(map(len, contents.values()))} files, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
