// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a file, pipe, socket or whatever else can be opened.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_FILE_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_FILE_SOURCE_H

#include <cstdint>
#include <string>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

class file_source final : public byte_source {
 public:
  file_source() = default;
  ~file_source() override { close(); }

  /// Opens a file anew. @return an errno, 0 for success.
  [[nodiscard]] int open(const std::string& path);
  /// Reads a descriptor that stays the caller's, from where it stands.
  void take(int fd);
  void close();

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;
  [[nodiscard]] std::string fault() const override;
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  int fd_ = -1;
  bool owned_ = false;
  int error_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace tcpinfo::offline

#endif
