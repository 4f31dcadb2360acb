// SPDX-License-Identifier: Apache-2.0
//
// Names of unix sockets, as system calls take them.
#ifndef TCPINFO_COLLECT_OS_UNIX_ADDRESS_H
#define TCPINFO_COLLECT_OS_UNIX_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

namespace tcpinfo::collect {

class unix_address {
 public:
  /// Longest path a unix socket can have.
  static constexpr std::size_t max_path = sizeof(sockaddr_un::sun_path) - 1;

  unix_address() noexcept { name_.sun_family = AF_UNIX; }
  /// None where the path is empty, too long, or has a NUL.
  [[nodiscard]] static std::optional<unix_address> of_path(std::string_view path) noexcept {
    if (path.empty() || path.size() > max_path || path.find('\0') != std::string_view::npos)
      return std::nullopt;
    unix_address result;
    std::memcpy(result.name_.sun_path, path.data(), path.size());
    // With the NUL at its end.
    result.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return result;
  }
  /// In Linux's abstract namespace, where `name` has no NUL before it or after it.
  [[nodiscard]] static std::optional<unix_address> of_abstract(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_path) return std::nullopt;
    unix_address result;
    std::memcpy(result.name_.sun_path + 1, name.data(), name.size());
    result.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    return result;
  }

  [[nodiscard]] const sockaddr* get() const noexcept {
    return static_cast<const sockaddr*>(static_cast<const void*>(&name_));
  }
  [[nodiscard]] socklen_t size() const noexcept { return size_; }

 private:
  sockaddr_un name_{};
  socklen_t size_ = 0;
};

}  // namespace tcpinfo::collect

#endif
