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
#define TCPINFO_VERSION_MINOR 2
/// Third number of it.
#define TCPINFO_VERSION_PATCH 0
/// The same as one number that grows with the version, for `#if`: 0.2.0 is 200, 1.12.3 is 11203.
#define TCPINFO_VERSION_NUMBER \
  (TCPINFO_VERSION_MAJOR * 10000 + TCPINFO_VERSION_MINOR * 100 + TCPINFO_VERSION_PATCH)

namespace tcpinfo::inline v0 {

/// The version of the library in use, "MAJOR.MINOR.PATCH". Static storage; any thread.
[[nodiscard]] TCPINFO_API std::string_view version_string() noexcept;

}  // namespace tcpinfo::inline v0

#endif
