// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The one type that every module's interface shares.
#ifndef TCPINFO_BYTES_H
#define TCPINFO_BYTES_H

#include <cstddef>
#include <span>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// Bytes owned by somebody else. Every function says how long they must live.
using bytes_view = std::span<const std::byte>;

}  // namespace tcpinfo::inline v0

#endif
