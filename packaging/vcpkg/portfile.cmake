# SPDX-License-Identifier: Apache-2.0
#
# Not covered by the project's tests. It builds the sources that it lies in; who takes it into a registry
# puts vcpkg_from_git() of a release in place of the next line.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

vcpkg_configure_meson(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -Dtools=disabled -Dtests=disabled -Ddocs=disabled -Dfuzz=disabled -Dpython=disabled
)
vcpkg_install_meson()
vcpkg_fixup_pkgconfig()
vcpkg_cmake_config_fixup(PACKAGE_NAME tcpinfo CONFIG_PATH lib/cmake/tcpinfo)
# Both libraries are built always; the triplet says which one is wanted.
if(VCPKG_LIBRARY_LINKAGE STREQUAL "dynamic")
  file(REMOVE "${CURRENT_PACKAGES_DIR}/lib/libtcpinfo.a" "${CURRENT_PACKAGES_DIR}/debug/lib/libtcpinfo.a")
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
