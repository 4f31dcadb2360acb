// SPDX-License-Identifier: Apache-2.0
//
// What connections are told apart by, and texts that many of them share, kept once.
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_KEY_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_KEY_H

#include <tcpinfo/inetdiag.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tcpinfo::offline {

/// Texts by number. They stay in place.
class name_pool {
 public:
  using id = std::uint32_t;
  static constexpr id none = 0;  ///< of the empty text

  name_pool() : texts_(1) {}
  name_pool(const name_pool&) = delete;
  name_pool& operator=(const name_pool&) = delete;

  /// The same for the same text. Fast for the latest of its length.
  [[nodiscard]] id number(std::string_view text);
  [[nodiscard]] std::string_view text(id of) const noexcept { return texts_[of]; }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, id> numbers_;  // of texts_
  std::array<id, 8> latest_{};                        // by the last bits of the length
};

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
  [[nodiscard]] std::string uuid(const name_pool& names) const;
  [[nodiscard]] std::size_t hash() const noexcept {
    return static_cast<std::size_t>((digits ^ std::uint64_t{stem} << 40U) * 0x9E3779B97F4A7C15U >>
                                    16U);
  }
  /// As their texts are ordered.
  [[nodiscard]] static bool is_before(const flow_key& a, const flow_key& b, const name_pool& names);
  friend bool operator==(const flow_key&, const flow_key&) noexcept = default;
};

/// Both ends of a connection: a socket_id without the cookie.
struct flow_ends {
  ip_address src;
  ip_address dst;
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  std::uint32_t interface = 0;
};

}  // namespace tcpinfo::offline

#endif
