#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles each public header on its own, by another compiler all of them, also without exceptions
and RTTI, and shows what C++17 and another standard library get.

usage: headers.py INCLUDE_DIR CONFIG_DIR [COMPILER...]

CONFIG_DIR has the header that the build makes, tcpinfo/config.h. Only g++ and clang++ that are
there are used; none there is a skip. A .def file is a list to be included with its macro defined
and is no header of its own. c.h, with what it includes, is for C, and for C++ of any age.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
BARE = ["-fno-exceptions", "-fno-rtti"]
# How a header asks for what is missing then.
LACKS = re.compile(r"__cpp_exceptions|__EXCEPTIONS|__cpp_rtti|__GXX_RTTI")
# Where the first complaint is all that is looked at, the rest need not be compiled.
FIRST_ONLY = ["-Wfatal-errors"]
SKIP = 77
# The header for C and what it includes, what it is compiled as, and a program that uses its macros.
FOR_C = "c.h"
INCLUDED_BY_IT = "version_macros.h"
LANGUAGES = [("c", "c99"), ("c", "c11"), ("c", "c17"), ("c++", "c++98"), ("c++", "c++11"),
             ("c++", "c++17"), ("c++", "c++20")]
PROGRAM_IN_C = """
#if TCPINFO_VERSION_NUMBER < 200
#error "no version"
#endif
int main(void) {
  tcpinfo_record record;
  int state;
  unsigned attribute;
  uint32_t bits = TCPINFO_STATE_BIT(TCPINFO_STATE_LISTEN) | TCPINFO_STATE_BIT(40);
  TCPINFO_INIT(record);
  for (state = -1; state < 40; ++state) bits |= TCPINFO_STATE_BIT(state);
  for (attribute = 0; attribute < 40; ++attribute) bits |= TCPINFO_EXTENSION(attribute);
  if (TCPINFO_EXTENSION(TCPINFO_ATTRIBUTE_INFO) != 2 || TCPINFO_EXTENSION(0) != 0)
    TCPINFO_INIT(record);
  else
    bits = bits & ~TCPINFO_STATES_ALL;
  return record.size == sizeof record && bits == 0 ? 0 : 1;
}
"""


def compile_text(compiler, folders, standard, text, *more, language="c++"):
    return subprocess.run(
        [compiler, f"-std={standard}", *FLAGS, *more, "-fsyntax-only",
         *(f"-I{folder}" for folder in folders), "-x", language, "-"],
        input=text, capture_output=True, text=True, check=False)


def first_error(done):
    return next((line for line in done.stderr.splitlines() if "error:" in line), "no error")


def check_some(compiler, folders, headers):
    """What is wrong with one header on its own, or with some together, as lines."""
    faults = []
    # Twice: a header without a guard, or one that undoes what it needs, is found out.
    text = "".join(f"#include <tcpinfo/{header}>\n" for header in headers) * 2
    done = compile_text(compiler, folders, "c++20", text)
    if done.returncode:
        faults.append(f"do not compile\n{done.stderr}")
    done = compile_text(compiler, folders, "c++17", text, *FIRST_ONLY)
    # The first complaint must be the one that says what to do. What is made has nothing to say.
    said = first_error(done)
    if {*headers} - {"config.h", FOR_C, INCLUDED_BY_IT} and "libtcpinfo needs C++20" not in said:
        faults.append(f"in C++17 say {said}")
    return [f"{compiler}: {', '.join(headers)} {fault}" for fault in faults]


def check_bare(compiler, folders, headers):
    """What is wrong with them without exceptions and RTTI. All at once, since each stands alone
    with them; but those alone, too, that include other things without them."""
    def text(header):
        return next(p for p in (pathlib.Path(f) / "tcpinfo" / header for f in folders)
                    if p.exists()).read_text(encoding="utf-8")

    faults = []
    for some in [headers, *([h] for h in headers if LACKS.search(text(h)))]:
        lines = "".join(f"#include <tcpinfo/{header}>\n" for header in some)
        done = compile_text(compiler, folders, "c++20", lines, *BARE)
        if done.returncode:
            faults.append(f"{compiler}: {', '.join(some)}: do not compile {' '.join(BARE)}\n"
                          f"{done.stderr}")
    return faults


def other_config(config_dir, folder):
    """config.h as a library of the other standard library has it."""
    text = (pathlib.Path(config_dir) / "tcpinfo/config.h").read_text(encoding="utf-8")
    for name in ("LIBSTDCXX", "LIBCXX"):
        yes, no = f"BUILT_WITH_{name} 1\n", f"BUILT_WITH_{name} 0\n"
        assert (yes in text) != (no in text), text
        text = text.replace(yes, "\0").replace(no, yes).replace("\0", no)
    (folder / "tcpinfo").mkdir()
    (folder / "tcpinfo/config.h").write_text(text, encoding="utf-8")
    return folder


def check_libraries(compilers, include_dir, config_dir, headers):
    """A program of one standard library and a library of the other."""
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        mine = [include_dir, config_dir]
        other = [include_dir, other_config(config_dir, pathlib.Path(scratch))]
        probe = "#include <cstddef>\n#ifndef _LIBCPP_VERSION\n#error\n#endif\n"
        # (compiler, flags, folders that fit, folders that do not, what the error names)
        cases = [(compiler, [], mine, other, "-stdlib=libc++") for compiler in compilers]
        if "clang++" in compilers and not compile_text(
                "clang++", [], "c++20", probe, "-stdlib=libc++").returncode:
            cases.append(("clang++", ["-stdlib=libc++"], other, mine, "without -stdlib=libc++"))
        else:
            print("skipped: no libc++ here, programs that use it")
        for compiler, flags, good, bad, words in cases:
            for header in headers:
                text = f"#include <tcpinfo/{header}>\n"
                done = compile_text(compiler, good, "c++20", text, *flags)
                if done.returncode:
                    faults.append(f"{compiler} {flags}: {header}: {done.stderr}")
                said = first_error(compile_text(compiler, bad, "c++20", text, *FIRST_ONLY, *flags))
                if header != "config.h" and (
                        "this libtcpinfo was built with" not in said or words not in said):
                    faults.append(f"{compiler} {flags}: {header} of the other library: {said}")
    return faults


def check_for_c(compiler, folders):
    """What is wrong with c.h in each language that it is for, as lines."""
    text = f"#include <tcpinfo/{FOR_C}>\n" * 2 + PROGRAM_IN_C
    done = {standard: compile_text(compiler, folders, standard, text,
                                   *(["-Wold-style-cast"] if language == "c++" else []),
                                   language=language)
            for language, standard in LANGUAGES}
    return [f"{compiler}: {FOR_C} as {standard}\n{one.stderr}" for standard, one in done.items()
            if one.returncode]


def main():
    include_dir, config_dir = sys.argv[1:3]
    wanted = sys.argv[3:] or ["g++", "clang++"]
    compilers = [c for c in wanted if shutil.which(c)]
    if not compilers:
        print(f"skipped: none of {', '.join(wanted)} is here")
        sys.exit(SKIP)
    folders = [include_dir, config_dir]
    headers = sorted(path.name for folder in folders
                     for path in (pathlib.Path(folder) / "tcpinfo").glob("*.h"))
    # Whether a header includes what it needs does not depend on who compiles it.
    faults = [fault for header in headers for fault in check_some(compilers[0], folders, [header])]
    faults += [fault for compiler in compilers[1:]
               for fault in check_some(compiler, folders, headers)]
    # An exception can be had where there are any.
    text = "#include <tcpinfo/error.h>\nvoid f() { tcpinfo::throw_on_error({}); }\n"
    for compiler in compilers:
        faults += check_bare(compiler, folders, headers)
        faults += check_for_c(compiler, folders)
        if compile_text(compiler, folders, "c++20", text).returncode:
            faults.append(f"{compiler}: no throw_on_error")
        if not compile_text(compiler, folders, "c++20", text, *FIRST_ONLY, *BARE).returncode:
            faults.append(f"{compiler}: throw_on_error without exceptions")
    faults += check_libraries(compilers, include_dir, config_dir, ["archive.h", "version.h"])
    print("\n".join(faults))
    missing = [c for c in wanted if c not in compilers]
    print(f"{len(headers)} headers, compilers {', '.join(compilers)}"
          + (f" (not here: {', '.join(missing)})" if missing else ""))
    sys.exit(1 if faults or not headers else 0)


main()
