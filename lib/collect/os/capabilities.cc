// SPDX-License-Identifier: Apache-2.0
#include "collect/os/capabilities.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace tcpinfo::collect {

void raise_capabilities() noexcept {
  // capget(2); glibc declares neither the call nor its structures.
  struct {
    std::uint32_t version = 0x20080522;
    int pid = 0;
  } header;
  struct set {
    std::uint32_t effective;
    std::uint32_t permitted;
    std::uint32_t inheritable;
  };
  std::array<set, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return;
  bool raises = false;
  for (set& one : sets) {
    raises = raises || one.effective != one.permitted;
    one.effective = one.permitted;
  }
  // A sandbox may punish the mere attempt: it is made only where it gains something.
  if (raises) (void)::syscall(SYS_capset, &header, sets.data());
}

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
