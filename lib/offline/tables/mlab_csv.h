// SPDX-License-Identifier: Apache-2.0
//
// The table M-Lab's csvtool prints, byte for byte, its defects included (docs/format.md,
// "Compatible CSV"). Everything odd about it stays in here.
#ifndef TCPINFO_OFFLINE_TABLES_MLAB_CSV_H
#define TCPINFO_OFFLINE_TABLES_MLAB_CSV_H

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "offline/inputs/inputs.h"

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
  char* write_message(const message& m, info_layout layout, char* to);
  char* write_ends(const message& m, char* to);

  /// The cells of some bytes of a payload, and those bytes. Records of a connection differ from
  /// each other in few places: where the bytes are those of the row before, so is the text.
  struct known_cells {
    static constexpr std::size_t max_bytes = 32;
    static constexpr std::size_t max_text = 96;
    std::byte bytes[max_bytes];
    char text[max_text];
    std::size_t size = 0;  // of the text; 0: nothing is known
  };
  template <std::size_t Size, class Write>
  static char* cells(known_cells& known, const std::byte* from, char* to, Write write);
  char* write_info(bytes_view payload, char* to);

  static constexpr std::size_t info_blocks = 8;
  known_cells info_[info_blocks];
  known_cells idm_tail_;
  known_cells skmem_;

  // The ends of a connection are the same in all its rows.
  static constexpr std::size_t ends_size = 48;
  std::byte ends_[ends_size] = {};
  std::string ends_text_;
  std::vector<std::byte> little_endian_;  // the message, on machines of the other byte order
};

}  // namespace tcpinfo::offline

#endif
