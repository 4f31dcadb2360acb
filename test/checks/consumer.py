#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the build into a folder of its own and builds and runs a program against it.

usage: consumer.py BUILD_DIR VERSION CONSUMER_CC

Shared and static, with g++ and pkg-config as any user would. The program counts the TCP sockets of
the machine; a listener opened here is among them.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

SKIP = 77


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        print(" ".join(map(str, command)))
        print(done.stdout + done.stderr)
        sys.exit(1)
    return done.stdout


def main():
    build, version, source = sys.argv[1:]
    for tool in ("g++", "pkg-config", "meson"):
        if not shutil.which(tool):
            print(f"skipped: no {tool} here")
            sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        # With --tags, nothing but what a -dev package holds: it must be enough.
        run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", str(root),
             "--tags", "devel,runtime"])
        pc_files = list(root.rglob("libtcpinfo.pc"))
        assert len(pc_files) == 1, pc_files
        header_names = {p.name for p in root.rglob("include/tcpinfo/*")}
        top = pathlib.Path(source).parents[2]
        public = {p.name for p in (top / "lib/include/tcpinfo").iterdir()}
        assert header_names == public, header_names ^ public

        env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(root))
        # The system's own folder stays in the path: Requires.private is resolved there.
        inherited = run(["pkg-config", "--variable", "pc_path", "pkg-config"]).strip()
        env["PKG_CONFIG_LIBDIR"] = f"{pc_files[0].parent}:{inherited}"
        said = run(["pkg-config", "--modversion", "libtcpinfo"], env=env).strip()
        assert said == version, said
        flags = run(["pkg-config", "--cflags", "--libs", "libtcpinfo"], env=env).split()
        # A user of the shared library needs no third party.
        for other in ("-lnl-3", "-lsimdjson", "-lzstd", "-lfmt"):
            assert other not in flags, flags

        program = pathlib.Path(folder) / "consumer"
        run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", source, "-o", str(program),
             *flags])
        linked = run(["readelf", "-d", str(program)])
        assert "libtcpinfo.so.0" in linked, linked
        libdir = next(iter(root.rglob("libtcpinfo.so.0"))).parent
        with socket.create_server(("127.0.0.1", 0)):
            said = run([str(program)], env=dict(os.environ, LD_LIBRARY_PATH=str(libdir)))
        word, count = said.split()
        assert word == version and int(count) >= 1, said
        print(f"shared: {said.strip()}")

        # Static: the library from the archive, third parties shared.
        env.pop("PKG_CONFIG_SYSROOT_DIR")
        private = run(["pkg-config", "--libs", "libnl-3.0", "simdjson", "libzstd", "fmt"],
                      env=env).split()
        cflags = [f for f in flags if f.startswith("-I")]
        program = pathlib.Path(folder) / "consumer-static"
        run(["g++", "-std=c++20", source, "-o", str(program), *cflags,
             str(libdir / "libtcpinfo.a"), *private, "-pthread"])
        assert "libtcpinfo" not in run(["readelf", "-d", str(program)])
        with socket.create_server(("127.0.0.1", 0)):
            said = run([str(program)])
        assert said.split()[0] == version and int(said.split()[1]) >= 1, said
        print(f"static: {said.strip()}")


main()
