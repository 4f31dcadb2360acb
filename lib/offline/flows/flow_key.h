// SPDX-License-Identifier: Apache-2.0
//
// What connections are told apart by.
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_KEY_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_KEY_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "analysis/name_pool.h"

namespace tcpinfo::offline {

using analysis::name_pool;

/// What input_record::connection_key() says, in less room: connections of one collector have all
/// but the last 16 hexadecimal digits in common, which are the cookie.
struct flow_key {
  std::uint64_t digits = 0;
  name_pool::id stem = name_pool::none;
  std::uint8_t digit_count = 0;  ///< 16, or 0: `stem` is all of it
  bool cookie_added = false;     ///< the UUID ends before the cookie and what is between
  std::uint16_t reserved = 0;

  /// Of a UUID, and of the cookie behind it where connection_key() has one.
  [[nodiscard]] static flow_key of(std::string_view key, bool cookie_added, name_pool& names);
  void append_uuid(std::string& to, const name_pool& names) const;
  [[nodiscard]] std::size_t hash() const noexcept {
    return static_cast<std::size_t>((digits ^ std::uint64_t{stem} << 40U) * 0x9E3779B97F4A7C15U >>
                                    16U);
  }
  /// As their texts are ordered.
  [[nodiscard]] static bool is_before(const flow_key& a, const flow_key& b, const name_pool& names);
  friend bool operator==(const flow_key&, const flow_key&) noexcept = default;
};

}  // namespace tcpinfo::offline

#endif
