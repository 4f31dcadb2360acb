// SPDX-License-Identifier: Apache-2.0
//
// What a gzip file holds (RFC 1952): any number of members, one after the other.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_GZIP_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_GZIP_SOURCE_H

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// Whether this build has zlib.
[[nodiscard]] bool reads_gzip();

/// Everything up to a cut is delivered; behind a wrong checksum reading goes on with the next
/// member. zlib checks the members' checksums and lengths.
class gzip_source final : public byte_source {
 public:
  gzip_source();
  ~gzip_source() override;

  /// Reads `from`, which must outlive the reading. Only where reads_gzip().
  void open(byte_source& from);

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;
  [[nodiscard]] std::string fault() const override;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace tcpinfo::offline

#endif
