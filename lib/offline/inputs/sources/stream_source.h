// SPDX-License-Identifier: Apache-2.0
//
// The content of a zstd stream, or text, where it is no archive.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_STREAM_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_STREAM_SOURCE_H

#include <tcpinfo/zstd.h>

#include <cstdint>
#include <string>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// It ends at the first damage: what follows a gap in a capture or a tar has lost its place.
class stream_source final : public byte_source {
 public:
  /// `begun`: what was read of it already. All three must outlive the reading.
  void open(stream_reader& from, bytes_view begun, const byte_source& below,
            std::int32_t max_window_log);

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;
  [[nodiscard]] std::string fault() const override;

 private:
  stream_reader* from_ = nullptr;
  bytes_view begun_;
  const byte_source* below_ = nullptr;
  std::int32_t max_window_log_ = 0;
  std::error_code error_;
};

}  // namespace tcpinfo::offline

#endif
