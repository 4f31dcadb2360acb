# SPDX-License-Identifier: Apache-2.0
"""Conan 2 recipe of the library. Not covered by the project's tests.

    conan create packaging/conan --version 0.2.0 --build missing

It takes the sources that it lies in.
"""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, rm
from conan.tools.gnu import PkgConfigDeps
from conan.tools.layout import basic_layout
from conan.tools.meson import Meson, MesonToolchain


class LibTcpinfo(ConanFile):
    name = "libtcpinfo"
    description = "What the Linux kernel knows about every TCP connection"
    license = "Apache-2.0"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": True}

    def export_sources(self):
        top = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("lib/*", "pkgconfig/*", "tools/*", "packaging/*", "docs/*", "test/*",
                        "python/*",
                        "meson.build", "meson_options.txt", "LICENSE"):
            copy(self, pattern, top, self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("libtcpinfo asks the Linux kernel")

    def requirements(self):
        self.requires("fmt/[>=9]")
        self.requires("libnl/[>=3.5]")
        self.requires("simdjson/[>=3.0]")
        self.requires("zstd/[>=1.4.8]")

    def build_requirements(self):
        self.tool_requires("meson/[>=1.0]")
        self.tool_requires("pkgconf/[>=1.9]")

    def layout(self):
        basic_layout(self)

    def generate(self):
        toolchain = MesonToolchain(self)
        for part in ("tools", "tests", "docs", "fuzz", "python"):
            toolchain.project_options[part] = "disabled"
        toolchain.generate()
        PkgConfigDeps(self).generate()

    def build(self):
        meson = Meson(self)
        meson.configure()
        meson.build()

    def package(self):
        Meson(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        # Both libraries are built always.
        unwanted = "libtcpinfo.a" if self.options.shared else "libtcpinfo.so*"
        rm(self, unwanted, os.path.join(self.package_folder, "lib"), recursive=True)

    def package_info(self):
        self.cpp_info.libs = ["tcpinfo"]
        self.cpp_info.set_property("cmake_file_name", "tcpinfo")
        self.cpp_info.set_property("cmake_target_name", "tcpinfo::tcpinfo")
        self.cpp_info.set_property("pkg_config_name", "libtcpinfo")
