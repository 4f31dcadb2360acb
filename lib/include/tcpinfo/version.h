// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The version a program was compiled against (macros) and the one it runs with (function).
#ifndef TCPINFO_VERSION_H
#define TCPINFO_VERSION_H

#include <string_view>

#include <tcpinfo/export.h>

/// First number of the version compiled against.
#define TCPINFO_VERSION_MAJOR 0
/// Second number of it.
#define TCPINFO_VERSION_MINOR 1
/// Third number of it.
#define TCPINFO_VERSION_PATCH 0

namespace tcpinfo::inline v0 {

/// The version of the library in use, "MAJOR.MINOR.PATCH". Static storage; any thread.
[[nodiscard]] TCPINFO_API std::string_view version_string() noexcept;

}  // namespace tcpinfo::inline v0

#endif
