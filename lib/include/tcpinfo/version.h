// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The version a program was compiled against (macros, of version_macros.h) and the one it runs
/// with (function).
#ifndef TCPINFO_VERSION_H
#define TCPINFO_VERSION_H

#include <string_view>

#include <tcpinfo/export.h>
#include <tcpinfo/version_macros.h>

namespace tcpinfo::inline v0 {

/// The version of the library in use, "MAJOR.MINOR.PATCH". Static storage; any thread.
[[nodiscard]] TCPINFO_API std::string_view version_string() noexcept;

}  // namespace tcpinfo::inline v0

#endif
