// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TCP_LAYOUT_H
#define TCPINFO_TCP_LAYOUT_H

#include <tcpinfo/tcp.h>

#include <optional>

namespace tcpinfo::inline v0 {

/// The layout by the type information (BTF) in a file. Empty where it cannot be read or is no BTF;
/// info_layout::unknown where it names neither layout's members: that kernel has no such word.
[[nodiscard]] std::optional<info_layout> layout_of_btf(const char* path) noexcept;

}  // namespace tcpinfo::inline v0

#endif
