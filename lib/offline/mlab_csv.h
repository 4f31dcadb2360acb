// SPDX-License-Identifier: Apache-2.0
//
// The table M-Lab's csvtool prints, byte for byte, its defects included (docs/format.md,
// "Compatible CSV"). Everything odd about it stays in here.
#ifndef TCPINFO_OFFLINE_MLAB_CSV_H
#define TCPINFO_OFFLINE_MLAB_CSV_H

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "offline/inputs.h"

namespace tcpinfo::offline {

class mlab_csv {
 public:
  /// The first line, newline included.
  [[nodiscard]] static std::string_view header() noexcept;

  /// Room that write() wants for that record.
  [[nodiscard]] static std::size_t max_row_size(const input_record& r) noexcept;

  /// Writes the record's row, newline included; a metadata record has one too. @return its end.
  [[nodiscard]] char* write(const input_record& r, char* to);

 private:
  struct groups;
  char* write_message(const message& m, char* to);
  char* write_ends(const message& m, char* to);

  // The ends of a connection are the same in all its rows.
  static constexpr std::size_t ends_size = 48;
  std::byte ends_[ends_size] = {};
  std::string ends_text_;
};

}  // namespace tcpinfo::offline

#endif
