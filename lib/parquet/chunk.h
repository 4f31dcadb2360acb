// SPDX-License-Identifier: Apache-2.0
//
// One column of a row group as bytes: a dictionary page where that pays, and data pages.
#ifndef TCPINFO_PARQUET_CHUNK_H
#define TCPINFO_PARQUET_CHUNK_H

#include <tcpinfo/zstd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "parquet/values.h"

namespace tcpinfo::parquet {

/// Numbers as parquet.thrift has them.
enum class encoding : std::uint8_t {
  plain = 0,
  rle = 3,
  delta = 5,  ///< DELTA_BINARY_PACKED
  dictionary = 8,
};
enum class codec : std::uint8_t { none = 0, zstd = 6 };
enum class physical_type : std::uint8_t { boolean = 0, i32 = 1, i64 = 2, real = 5, binary = 6 };

[[nodiscard]] physical_type physical_of(value_type type);

/// The least and the most of some values, as PLAIN writes one of them without a length.
struct value_range {
  bool known = false;  ///< there is a value, and none that says nothing (NaN, a very long text)
  std::string least;
  std::string most;
};

struct page_place {
  std::size_t at = 0;  ///< in the chunk
  std::size_t size = 0;
  std::size_t first_row = 0;
  std::size_t nulls = 0;
  bool only_nulls = false;
  value_range range;
};

struct column_chunk {
  std::string bytes;
  std::size_t plain_size = 0;  ///< of the pages before compression, with their headers
  std::size_t rows = 0;
  std::size_t nulls = 0;
  encoding values = encoding::plain;
  codec compression = codec::none;
  std::optional<std::size_t> dictionary_at;
  std::vector<page_place> pages;
  value_range range;
};

/// Makes chunks. Memory is kept from one to the next. One thread at a time.
class chunk_maker {
 public:
  /// `level` is zstd's. Throws std::bad_alloc.
  explicit chunk_maker(std::int32_t level);

  /// `order`: the rows, in the order in which they are to stand; empty for the order they have.
  /// `page_rows`: most rows of a page. Throws std::bad_alloc, and std::length_error where a page
  /// has 2 GiB, which its header cannot say.
  [[nodiscard]] column_chunk make(const column_values& column, std::span<const std::uint32_t> order,
                                  std::size_t page_rows);

 private:
  [[nodiscard]] bool make_dictionary(const column_values& column);
  [[nodiscard]] encoding choose(const column_values& column);
  void encode(const column_values& column, encoding how, std::size_t from, std::size_t to,
              std::string& out) const;
  [[nodiscard]] std::size_t compressed_size(const std::string& page);
  [[nodiscard]] std::string_view compress(const std::string& page);

  frame_writer frames_;
  std::vector<std::byte> room_;
  // Of the chunk being made.
  std::vector<std::uint64_t> values_;   // without nulls, in order
  std::vector<std::uint32_t> levels_;   // 1 for a value, 0 for a null; empty where there is no null
  std::vector<std::uint32_t> indices_;  // of the values, in the dictionary
  std::vector<std::uint64_t> dictionary_;  // values, or numbers of texts
  std::vector<std::uint32_t> slots_;       // hash table of the dictionary, index + 1
  unsigned index_bits_ = 0;                // of each index, or more
};

}  // namespace tcpinfo::parquet

#endif
