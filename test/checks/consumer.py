#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the build into a folder of its own and builds and runs programs against it.

usage: consumer.py BUILD_DIR VERSION CONSUMER_CC

Shared and static, with g++ and pkg-config as any user would. The program counts the TCP sockets of
the machine; a listener opened here is among them. Then the lister of the docs, built outside the
tree by meson, by CMake and by g++ alone.
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


MESON_PROJECT = """\
project('somebody', 'cpp', default_options: ['cpp_std=c++20'])
executable('list', 'list.cc', dependencies: dependency('libtcpinfo'))
"""
CMAKE_PROJECT = """\
cmake_minimum_required(VERSION 3.13)
project(somebody CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TCPINFO REQUIRED IMPORTED_TARGET libtcpinfo)
add_executable(list list.cc)
target_link_libraries(list PRIVATE PkgConfig::TCPINFO)
"""


def build_everywhere(top, root, folder, env, libdir):
    """The same lister by three build systems."""
    ways = {}
    for way in ("meson", "cmake", "g++"):
        project = folder / f"by-{way}"
        project.mkdir()
        shutil.copy2(top / "docs/examples/list.cc", project)
        ways[way] = project
    (ways["meson"] / "meson.build").write_text(MESON_PROJECT, encoding="ascii")
    run(["meson", "setup", str(ways["meson"]), str(ways["meson"] / "build")], env=env,
        cwd=ways["meson"])
    run(["ninja", "-C", str(ways["meson"] / "build")], env=env)
    flags = run(["pkg-config", "--cflags", "--libs", "libtcpinfo"], env=env).split()
    (ways["g++"] / "build").mkdir()
    run(["g++", "-std=c++20", str(ways["g++"] / "list.cc"), "-o", str(ways["g++"] / "build/list"),
         *flags])
    if shutil.which("cmake"):
        # With a root that is not /, pkg-config puts it before the folders of third parties, too,
        # and CMake wants all of them to be there.
        for flag in flags:
            if flag.startswith("-I"):
                pathlib.Path(flag[2:]).mkdir(parents=True, exist_ok=True)
        (root / "usr/include").mkdir(parents=True, exist_ok=True)
        (ways["cmake"] / "CMakeLists.txt").write_text(CMAKE_PROJECT, encoding="ascii")
        run(["cmake", "-S", str(ways["cmake"]), "-B", str(ways["cmake"] / "build")], env=env)
        run(["cmake", "--build", str(ways["cmake"] / "build")], env=env)
    else:
        print("skipped: no cmake here, its part")
        del ways["cmake"]
    for way, project in ways.items():
        said = run([str(project / "build/list")],
                   env=dict(os.environ, LD_LIBRARY_PATH=str(libdir)))
        assert said.startswith("STATE"), said
        print(f"list by {way}: {len(said.splitlines()) - 1} connections")


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
        build_everywhere(top, root, pathlib.Path(folder), env, libdir)

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
