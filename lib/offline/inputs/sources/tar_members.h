// SPDX-License-Identifier: Apache-2.0
//
// The files in a tar, one after the other, as they come.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_TAR_MEMBERS_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_TAR_MEMBERS_H

#include <memory>
#include <string>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// Whether this build has libarchive.
[[nodiscard]] bool reads_tar();

/// libarchive takes the tar apart, and nothing else: of its formats only tar is enabled, and none
/// of its filters, for they lose what a cut file has at its end and tell of no wrong checksum.
/// Zeros end no tar: what follows them (a second tar, whatever a zeroed header leaves behind) is
/// read on.
class tar_members {
 public:
  tar_members();
  ~tar_members();
  tar_members(const tar_members&) = delete;
  tar_members& operator=(const tar_members&) = delete;

  /// Reads `from`, which must outlive the reading. Only where reads_tar().
  void open(byte_source& from);

  /// Goes to the next regular file, whatever was read of the one before. @return false at the end.
  [[nodiscard]] bool next(std::string& name);
  /// What that file holds; until the next next().
  [[nodiscard]] byte_source& content();
  /// After next(), whatever it returned: what it went past to get there that is not tar, as behind
  /// a damaged header; empty: nothing.
  [[nodiscard]] const std::string& damage() const noexcept;
  /// Why the tar ended before its time; empty: it did not.
  [[nodiscard]] std::string fault() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace tcpinfo::offline

#endif
