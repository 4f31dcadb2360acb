// SPDX-License-Identifier: Apache-2.0
//
// A socket as the kernel would report it, whose every part a test can change.
#ifndef TCPINFO_TEST_UNIT_MADE_SOCKET_H
#define TCPINFO_TEST_UNIT_MADE_SOCKET_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

#include <cstring>
#include <string>
#include <string_view>

#include "unit/archive/archive_messages.h"

struct made_socket {
  std::uint64_t cookie = 1;
  tcpinfo::tcp_state state = tcpinfo::tcp_state::established;
  std::string src = "10.1.2.3";
  std::string dst = "10.9.8.7";
  std::uint16_t sport = 443;
  std::uint16_t dport = 50000;
  std::uint8_t timer = 0;
  std::uint32_t expires = 0;
  bool has_info = true;
  std::string info = std::string(280, '\0');
  bool has_cong = true;  ///< where it has INFO
  std::string cong = "cubic";
  std::string md5sig;  ///< payload of an MD5SIG attribute, none when empty
  built_message built;

  /// Sets a value in tcp_info.
  template <class T>
  made_socket& set(std::size_t at, T value) {
    std::memcpy(info.data() + at, &value, sizeof value);
    return *this;
  }

  /// Valid until the next call.
  [[nodiscard]] tcpinfo::message view() {
    using namespace tcpinfo;
    built.reset();
    auto& h = built.header;
    h.fill(0);
    ip_address from;
    ip_address to;
    if (parse_ip_address(src, from) || parse_ip_address(dst, to)) std::abort();
    h[wire::family_at] = static_cast<std::uint8_t>(from.family);
    h[wire::state_at] = static_cast<std::uint8_t>(state);
    h[wire::timer_at] = timer;
    h[wire::sport_at] = static_cast<std::uint8_t>(sport >> 8);
    h[wire::sport_at + 1] = static_cast<std::uint8_t>(sport & 0xff);
    h[wire::dport_at] = static_cast<std::uint8_t>(dport >> 8);
    h[wire::dport_at + 1] = static_cast<std::uint8_t>(dport & 0xff);
    std::memcpy(h.data() + wire::src_at, from.bytes.data(), 16);
    std::memcpy(h.data() + wire::dst_at, to.bytes.data(), 16);
    const auto low = static_cast<std::uint32_t>(cookie);
    const auto high = static_cast<std::uint32_t>(cookie >> 32);
    std::memcpy(h.data() + wire::cookie_at, &low, 4);
    std::memcpy(h.data() + wire::cookie_at + 4, &high, 4);
    std::memcpy(h.data() + wire::expires_at, &expires, 4);
    add(attribute_type::shutdown, std::string(1, '\0'));
    if (!md5sig.empty()) add(attribute_type::md5sig, md5sig);
    if (has_info) add(attribute_type::info, info);
    if (has_info && has_cong) add(attribute_type::cong, zero_ended(cong));
    return built.view();
  }

 private:
  void add(tcpinfo::attribute_type type, std::string_view payload) {
    built.add(static_cast<std::uint16_t>(type), payload);
  }
};

#endif
