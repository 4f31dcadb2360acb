// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/internal/content_hash.h>

#include <algorithm>

#include "parse/change_mask.h"

namespace tcpinfo::inline v0 {
namespace {

class hasher {
 public:
  void add(std::uint64_t word) noexcept {
    value_ = (value_ ^ word) * 0x9e3779b97f4a7c15U;
    value_ ^= value_ >> 29;
  }
  void add(const std::byte* from, std::size_t size) noexcept {
    add(size);
    for (; size >= 8; from += 8, size -= 8) add(wire::load<std::uint64_t>(from));
    std::uint64_t rest = 0;
    std::memcpy(&rest, from, size);
    if (size > 0) add(rest);
  }
  /// What the mask leaves of it; in full where that ends.
  template <std::size_t N>
  void add(const std::byte* from, std::size_t size, const std::array<std::byte, N>& mask) noexcept {
    static_assert(N % 8 == 0);
    const std::size_t masked = std::min(size, N) / 8 * 8;
    add(size);
    for (std::size_t at = 0; at < masked; at += 8)
      add(wire::load<std::uint64_t>(from + at) & wire::load<std::uint64_t>(mask.data() + at));
    for (std::size_t at = masked; at < size; ++at)
      add(std::to_integer<std::uint64_t>(at < N ? from[at] & mask[at] : from[at]));
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace

std::uint64_t content_hash(const message& m) noexcept {
  if (m.bytes.size() < wire::inet_diag_msg_size) return 0;
  hasher h;
  h.add(m.bytes.data(), wire::inet_diag_msg_size, header_changes_mask);
  for (const attribute& a : m.attributes()) {
    if (a.is(attribute_type::md5sig)) continue;
    h.add(a.type);
    if (a.is(attribute_type::info))
      h.add(a.payload.data(), a.payload.size(), info_changes_mask);
    else
      h.add(a.payload.data(), a.payload.size());
  }
  return h.value();
}

}  // namespace tcpinfo::inline v0
