// SPDX-License-Identifier: Apache-2.0
//
// An input of which the beginning was read to see what it is, and is handed on before the rest.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_HEAD_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_HEAD_SOURCE_H

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

class head_source final : public byte_source {
 public:
  /// So much of an input can be looked at. As large as what the zstd reader asks for at once: a
  /// small file takes no more system calls than it would without.
  static constexpr std::size_t capacity = std::size_t{128} << 10;

  /// Reads `from`, which must outlive the reading. The buffer is used again.
  void open(byte_source& from);

  /// What the input begins with: `size` bytes or more, fewer where it ends before. Reads no more
  /// than it must. Before the first read().
  [[nodiscard]] bytes_view head(std::size_t size);

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;
  [[nodiscard]] std::string fault() const override { return from_->fault(); }

 private:
  byte_source* from_ = nullptr;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t begin_ = 0;  // handed on
  std::size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace tcpinfo::offline

#endif
