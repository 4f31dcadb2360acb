// SPDX-License-Identifier: Apache-2.0
//
// The segments that pack makes.
#ifndef TCPINFO_OFFLINE_PACKING_SEGMENT_FILE_H
#define TCPINFO_OFFLINE_PACKING_SEGMENT_FILE_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/descriptor.h"
#include "offline/packing/folders.h"

namespace tcpinfo::offline {

/// packed.NNNNN.tcpseg.zst, at least five digits.
[[nodiscard]] std::string packed_name(std::uint64_t number);
/// The number of such a name, nullopt for any other. `partial`: it ends in .part.
[[nodiscard]] std::optional<std::uint64_t> packed_number(std::string_view name, bool& partial);

/// Writes one segment after the other into a folder: each ends in .part until it is finished, and
/// none takes the place of another file.
class segment_file {
 public:
  explicit segment_file(const output_folder& folder) : folder_(folder) {}
  /// What is not finished is removed.
  ~segment_file() { discard(); }
  segment_file(const segment_file&) = delete;
  segment_file& operator=(const segment_file&) = delete;

  /// The next file made gets this number or a later one.
  void number_from(std::uint64_t number) noexcept { number_ = number; }

  /// Writes a block, into a new file where none is begun. @return an errno.
  [[nodiscard]] int write(bytes_view block);
  /// Bytes of the file that is begun; 0 where none is.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Makes it stable and gives it its name. @return an errno.
  [[nodiscard]] int finish();
  void discard();

  /// Of the latest file.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string partial_name() const { return name_ + ".part"; }

 private:
  [[nodiscard]] int create();

  const output_folder& folder_;
  descriptor file_;
  std::string name_;
  std::uint64_t number_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace tcpinfo::offline

#endif
