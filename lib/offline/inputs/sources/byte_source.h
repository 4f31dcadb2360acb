// SPDX-License-Identifier: Apache-2.0
//
// Where bytes come from, one after the other: a descriptor, what was compressed, a member of a tar.
// Nothing is ever put back or looked at in passing: whatever works on a file works on a pipe.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_BYTE_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_BYTE_SOURCE_H

#include <tcpinfo/bytes.h>

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

namespace tcpinfo::offline {

class byte_source {
 public:
  virtual ~byte_source() = default;
  byte_source(const byte_source&) = delete;
  byte_source& operator=(const byte_source&) = delete;

  /// The next bytes: at least one, 0 at the end. It may block. What goes wrong ends it, so that all
  /// that came before is read as what a cut input holds.
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> out) = 0;
  /// What was wrong with it so far; empty: nothing.
  [[nodiscard]] virtual std::string fault() const = 0;

 protected:
  byte_source() = default;
};

/// A tcpinfo::read_callback of which `user` is a byte_source.
[[nodiscard]] std::error_code read_source(void* user, std::span<std::byte> out,
                                          std::size_t& n) noexcept;

}  // namespace tcpinfo::offline

#endif
