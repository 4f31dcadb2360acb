// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_TEXT_ADDRESS_TEXT_H
#define TCPINFO_OFFLINE_TEXT_ADDRESS_TEXT_H

#include <tcpinfo/address.h>

#include <array>
#include <cstddef>
#include <string>

namespace tcpinfo::offline {

/// Appends addresses as text. In a list one end often is the address of the connection before, and
/// text of an IPv6 address takes a thousand instructions. One thread at a time.
class address_text {
 public:
  void append(std::string& to, const ip_address& a) {
    if (size_ == 0 || a != latest_) {
      size_ = format_ip_address(a, text_);
      latest_ = a;
    }
    to.append(text_.data(), size_);
  }

 private:
  ip_address latest_;
  std::size_t size_ = 0;
  std::array<char, 64> text_{};
};

}  // namespace tcpinfo::offline

#endif
