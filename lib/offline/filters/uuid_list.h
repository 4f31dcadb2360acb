// SPDX-License-Identifier: Apache-2.0
//
// The connections asked for by UUID or cookie, and which of them were met.
#ifndef TCPINFO_OFFLINE_FILTERS_UUID_LIST_H
#define TCPINFO_OFFLINE_FILTERS_UUID_LIST_H

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::offline {

/// Each text is a UUID, or a cookie alone: 1 to 16 hex digits in either case, also as ss writes it
/// (sk:1a2b) or with 0x before it. Copies share what was met: each worker has one. Any thread.
class uuid_list {
 public:
  struct item {
    std::string text;
    std::string typed;  ///< as messages call it
  };

  uuid_list() = default;
  uuid_list(std::initializer_list<std::string> texts)
      : uuid_list(std::vector<std::string>(texts)) {}
  explicit uuid_list(const std::vector<std::string>& texts);
  explicit uuid_list(const std::vector<item>& items);

  [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
  /// Whether one of them names the connection. Notes which of them do.
  [[nodiscard]] bool holds(std::string_view uuid, std::uint64_t cookie) const;
  /// The same by the UUID alone, where no record tells the cookie.
  [[nodiscard]] bool holds_uuid(std::string_view uuid) const;
  /// The same where only the cookie is known: a UUID then stands for the cookie at its end.
  [[nodiscard]] bool holds_cookie(std::uint64_t cookie) const;
  /// Those that never named one, as they were typed and in the order in which they were given.
  [[nodiscard]] std::vector<std::string> unmet() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;  // null for none
};

}  // namespace tcpinfo::offline

#endif
