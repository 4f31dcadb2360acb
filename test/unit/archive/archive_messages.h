// SPDX-License-Identifier: Apache-2.0
//
// Messages made by hand for the archive's tests.
#ifndef TCPINFO_TEST_UNIT_ARCHIVE_MESSAGES_H
#define TCPINFO_TEST_UNIT_ARCHIVE_MESSAGES_H

#include <tcpinfo/inetdiag.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

[[nodiscard]] inline std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (; times > 0; --times) out += text;
  return out;
}

/// A text with the zero byte that ends it in memory, as congestion control names come.
[[nodiscard]] inline std::string zero_ended(std::string_view text) {
  return std::string(text) + '\0';
}

struct built_message {
  std::array<std::uint8_t, tcpinfo::wire::inet_diag_msg_size> header{};
  std::string attributes;
  std::string tail;  ///< bytes after the last attribute
  std::string all;   ///< what view() gives

  built_message& reset() {
    attributes.clear();
    tail.clear();
    return *this;
  }
  built_message& add(std::uint16_t type, std::string_view payload) {
    const auto length = static_cast<std::uint16_t>(payload.size() + 4);
    char head[4];
    std::memcpy(head, &length, 2);
    std::memcpy(head + 2, &type, 2);
    attributes.append(head, 4).append(payload);
    attributes.resize(tcpinfo::wire::align4(attributes.size()));
    return *this;
  }
  /// Valid until the next call.
  [[nodiscard]] tcpinfo::message view() {
    all.assign(reinterpret_cast<const char*>(header.data()), header.size());
    all += attributes + tail;
    return {std::as_bytes(std::span(all))};
  }
};

#endif
