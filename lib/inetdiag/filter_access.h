// SPDX-License-Identifier: Apache-2.0
//
// What a dump needs of a filter and programs do not.
#ifndef TCPINFO_INETDIAG_FILTER_ACCESS_H
#define TCPINFO_INETDIAG_FILTER_ACCESS_H

#include <cstdint>
#include <system_error>

#include <tcpinfo/filter.h>

namespace tcpinfo::inline v0 {

struct [[gnu::visibility("hidden")]] filter_access {
  /// Which of these states the rules let through.
  [[nodiscard]] static std::uint32_t states(const filter& f, std::uint32_t wanted) noexcept;
  /// Whether those rules hold that the kernel can leave to us; it judges all others, and those
  /// about states, better than a message tells.
  [[nodiscard]] static bool passes_here(const filter& f, const message& m) noexcept;
};

}  // namespace tcpinfo::inline v0

#endif
