#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the build into a folder of its own and builds and runs programs against it.

usage: consumer.py BUILD_DIR VERSION CONSUMER_CC

Shared and static, with g++ and pkg-config as any user would, also without exceptions and RTTI. The
program counts the TCP sockets of the machine; a listener opened here is among them. Then the lister
of the docs, built outside the tree by meson, by CMake (find_package, with both targets, and
pkg-config) and by g++ alone. pkg-config sees libtcpinfo.pc and no other: as on a machine without a
single -dev package more. The static program is linked by the command of docs/guide.md.
"""
import os
import pathlib
import re
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
CMAKE_BY_PKG_CONFIG = """\
cmake_minimum_required(VERSION 3.13)
project(somebody CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TCPINFO REQUIRED IMPORTED_TARGET libtcpinfo)
add_executable(list list.cc)
target_link_libraries(list PRIVATE PkgConfig::TCPINFO)
"""
# The target says that it needs C++20. Asked for twice, it is there once.
CMAKE_PROJECT = """\
cmake_minimum_required(VERSION 3.13)
project(somebody CXX)
find_package(tcpinfo @version@ CONFIG REQUIRED)
find_package(tcpinfo CONFIG REQUIRED)
add_executable(list list.cc)
target_link_libraries(list PRIVATE tcpinfo::tcpinfo)
add_executable(list_static list.cc)
target_link_libraries(list_static PRIVATE tcpinfo::tcpinfo_static)
"""
# A version that no release of this first number has, and one of the next: both are refused.
CMAKE_REFUSED = """\
cmake_minimum_required(VERSION 3.13)
project(somebody CXX)
find_package(tcpinfo 999 CONFIG QUIET)
if(tcpinfo_FOUND)
  message(FATAL_ERROR "999 is found")
endif()
find_package(tcpinfo @next@ CONFIG QUIET)
if(tcpinfo_FOUND)
  message(FATAL_ERROR "@next@ is found")
endif()
"""


def public_headers(top):
    """Those of the source folder and the one that the build makes."""
    folder = top / "lib/include/tcpinfo"
    return {p.name for p in folder.iterdir() if p.suffix in (".h", ".def")} | {"config.h"}


def build_by_cmake(top, root, folder, env, version):
    """Folders of builds, with the program in each."""
    major, minor, _ = version.split(".")
    texts = {
        "cmake": CMAKE_PROJECT.replace("@version@", version),
        "cmake-pkg-config": CMAKE_BY_PKG_CONFIG,
        "cmake-refused": CMAKE_REFUSED.replace("@next@", f"{major}.{int(minor) + 1}"),
    }
    made = []
    prefix = next(iter(root.rglob("include/tcpinfo"))).parents[1]
    for way, text in texts.items():
        project = folder / f"by-{way}"
        project.mkdir()
        shutil.copy2(top / "docs/examples/list.cc", project)
        (project / "CMakeLists.txt").write_text(text, encoding="ascii")
        build = project / "build"
        run(["cmake", "-S", str(project), "-B", str(build), f"-DCMAKE_PREFIX_PATH={prefix}"],
            env=env)
        run(["cmake", "--build", str(build)], env=env)
        if way != "cmake-refused":
            made.append((way, build / "list"))
    linked = run(["readelf", "-d", str(folder / "by-cmake/build/list")])
    assert "libtcpinfo.so.0" in linked and "libfmt" not in linked, linked
    static = folder / "by-cmake/build/list_static"
    assert "libtcpinfo" not in run(["readelf", "-d", str(static)])
    return [*made, ("cmake, static", static)]


def build_everywhere(top, root, folder, env, libdir, version):
    """The same lister by three build systems."""
    ways = {}
    for way in ("meson", "g++"):
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
    made = [(way, project / "build/list") for way, project in ways.items()]
    if shutil.which("cmake"):
        made += build_by_cmake(top, root, folder, env, version)
    else:
        print("skipped: no cmake here, its part")
    for way, program in made:
        more = {} if "static" in way else {"LD_LIBRARY_PATH": str(libdir)}
        said = run([str(program)], env=dict(os.environ, **more))
        assert said.startswith("STATE"), said
        print(f"list by {way}: {len(said.splitlines()) - 1} connections")


def build_bare(top, folder, flags, libdir):
    """Programs without exceptions and RTTI: they need no more than the headers and the library."""
    env = dict(os.environ, LD_LIBRARY_PATH=str(libdir))
    for compiler in filter(shutil.which, ("g++", "clang++")):
        for name, arguments in (("list", []), ("archive_statistics", [str(folder / "missing")])):
            program = folder / f"{name}-bare-{compiler}"
            run([compiler, "-std=c++20", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra",
                 "-Werror", str(top / f"docs/examples/{name}.cc"), "-o", str(program), *flags])
            done = subprocess.run([str(program), *arguments], env=env, capture_output=True,
                                  text=True, check=False)
            said = done.stdout + done.stderr
            good = done.returncode == 0 and said.startswith("STATE") if name == "list" else (
                done.returncode == 1 and "No such file" in said)
            assert good, said
        print(f"without exceptions and RTTI by {compiler}")


def static_recipe(top):
    """The command that docs/guide.md gives."""
    guide = (top / "docs/guide.md").read_text(encoding="utf-8")
    found = re.findall(r"^    (g\+\+ .*\\\n +.*--static.*)$", guide, re.MULTILINE)
    assert len(found) == 1, found
    return found[0]


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
        public = public_headers(top)
        assert header_names == public, header_names ^ public

        env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(root))
        env["PKG_CONFIG_LIBDIR"] = str(pc_files[0].parent)
        env.pop("PKG_CONFIG_PATH", None)
        said = run(["pkg-config", "--modversion", "libtcpinfo"], env=env).strip()
        assert said == version, said
        flags = run(["pkg-config", "--cflags", "--libs", "libtcpinfo"], env=env).split()
        # A user of the shared library needs no third party, and none of their defines.
        text = pc_files[0].read_text(encoding="utf-8")
        assert "Requires" not in text, text
        assert sorted(f[:2] for f in flags) == ["-I", "-L", "-l"] and "-ltcpinfo" in flags, flags

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
        build_bare(top, pathlib.Path(folder), flags, libdir)
        build_everywhere(top, root, pathlib.Path(folder), env, libdir, version)

        # Static: the library from the archive, third parties shared.
        work = pathlib.Path(folder) / "by-recipe"
        work.mkdir()
        shutil.copy2(source, work / "program.cc")
        program = work / "program"
        run(["bash", "-c", static_recipe(top)], env=env, cwd=work)
        assert "libtcpinfo" not in run(["readelf", "-d", str(program)])
        with socket.create_server(("127.0.0.1", 0)):
            said = run([str(program)])
        assert said.split()[0] == version and int(said.split()[1]) >= 1, said
        print(f"static: {said.strip()}")


main()
