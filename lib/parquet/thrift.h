// SPDX-License-Identifier: Apache-2.0
//
// Thrift's compact protocol, as far as Parquet's headers and footer need it.
#ifndef TCPINFO_PARQUET_THRIFT_H
#define TCPINFO_PARQUET_THRIFT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::parquet {

/// Seven bits a byte, the lowest first.
inline void append_varint(std::string& to, std::uint64_t n) {
  for (; n >= 0x80; n >>= 7U) to += static_cast<char>(n | 0x80U);
  to += static_cast<char>(n);
}
/// Small numbers of either sign become small ones.
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t n) noexcept {
  return static_cast<std::uint64_t>(n) << 1U ^ static_cast<std::uint64_t>(n >> 63U);
}

/// Appends one struct to a text that the caller owns: begin(), its fields by rising ids, end().
/// Ids are those of parquet.thrift.
class thrift_writer {
 public:
  explicit thrift_writer(std::string& to) : to_(to) {}

  /// The outermost struct, or one within a list, which has no id.
  void begin() { before_.push_back(0); }
  void begin(int id) {
    field(id, kind::structure);
    begin();
  }
  void end() {
    to_ += '\0';
    before_.pop_back();
  }
  /// A struct without fields.
  void empty(int id) {
    begin(id);
    end();
  }

  void boolean(int id, bool yes) { field(id, yes ? kind::yes : kind::no); }
  void i8(int id, std::int8_t n) {
    field(id, kind::byte);
    to_ += static_cast<char>(n);
  }
  void i32(int id, std::int64_t n) {
    field(id, kind::i32);
    append_varint(to_, zigzag(n));
  }
  void i64(int id, std::int64_t n) {
    field(id, kind::i64);
    append_varint(to_, zigzag(n));
  }
  void i64(int id, std::uint64_t n) { i64(id, static_cast<std::int64_t>(n)); }
  void binary(int id, std::string_view bytes) {
    field(id, kind::binary);
    item(bytes);
  }

  void structures(int id, std::size_t count) { list(id, kind::structure, count); }
  void i32s(int id, std::size_t count) { list(id, kind::i32, count); }
  void i64s(int id, std::size_t count) { list(id, kind::i64, count); }
  void binaries(int id, std::size_t count) { list(id, kind::binary, count); }
  void booleans(int id, std::size_t count) { list(id, kind::yes, count); }
  // What follows those, once for each.
  void item(std::string_view bytes) {
    append_varint(to_, bytes.size());
    to_ += bytes;
  }
  void item(std::int64_t n) { append_varint(to_, zigzag(n)); }
  void item(bool yes) { to_ += static_cast<char>(yes ? kind::yes : kind::no); }

 private:
  enum class kind : std::uint8_t {
    yes = 1,
    no = 2,
    byte = 3,
    i32 = 5,
    i64 = 6,
    binary = 8,
    list = 9,
    structure = 12
  };

  void field(int id, kind k) {
    const int step = id - before_.back();
    if (step > 0 && step <= 15) {
      to_ += static_cast<char>(static_cast<unsigned>(step) << 4U | static_cast<unsigned>(k));
    } else {
      to_ += static_cast<char>(k);
      append_varint(to_, zigzag(id));
    }
    before_.back() = id;
  }
  void list(int id, kind k, std::size_t count) {
    field(id, kind::list);
    if (count < 15) {
      to_ += static_cast<char>(count << 4U | static_cast<unsigned>(k));
      return;
    }
    to_ += static_cast<char>(0xf0U | static_cast<unsigned>(k));
    append_varint(to_, count);
  }

  std::string& to_;
  std::vector<int> before_;  // the id written last, of each struct that is open
};

}  // namespace tcpinfo::parquet

#endif
