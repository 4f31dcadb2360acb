// SPDX-License-Identifier: Apache-2.0
#include "collect/capabilities.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace tcpinfo::collect {

bool has_capability(capability which) {
  std::ifstream status("/proc/self/status");
  constexpr std::string_view key = "CapEff:\t";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(key)) continue;
    const std::uint64_t effective = std::strtoull(line.c_str() + key.size(), nullptr, 16);
    return (effective >> static_cast<unsigned>(which) & 1U) != 0;
  }
  return false;
}

}  // namespace tcpinfo::collect
