// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_INTERFACES_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_INTERFACES_H

#include <cstdint>
#include <optional>
#include <string>

struct nl_cache;

namespace tcpinfo::tools {

/// Names of the network interfaces there are now.
class interfaces {
 public:
  interfaces();
  ~interfaces();
  interfaces(const interfaces&) = delete;
  interfaces& operator=(const interfaces&) = delete;

  [[nodiscard]] std::optional<std::uint32_t> index(const std::string& name) const;
  /// Its number where it has none.
  [[nodiscard]] std::string name(std::uint32_t index) const;

 private:
  nl_cache* links_ = nullptr;
};

}  // namespace tcpinfo::tools

#endif
