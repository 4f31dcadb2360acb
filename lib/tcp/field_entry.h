// SPDX-License-Identifier: Apache-2.0
//
// A row of a table of fields, and how a number is read by it. Shared with parse, whose groups are
// declared in the same manner.
#ifndef TCPINFO_TCP_FIELD_ENTRY_H
#define TCPINFO_TCP_FIELD_ENTRY_H

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace tcpinfo::inline v0 {

/// The sentinel column of the .def files: `none` or `is(N)`, pasted behind `sentinel_column::`.
struct sentinel_column {
  bool present = false;
  std::uint64_t value = 0;

  static const sentinel_column none;
  static constexpr sentinel_column is(std::uint64_t value) noexcept { return {true, value}; }
};
inline constexpr sentinel_column sentinel_column::none{};

/// How the bytes of a field make its value.
enum class field_kind : std::uint8_t {
  number,  ///< host order, or a bit field of it
  mask,  ///< some bits of a number in host order; no bit field, whose place depends on the machine
  be16,  ///< network order
  lohi64,   ///< two u32 in host order, low word first whatever the machine
  address,  ///< 16 bytes, of which IPv4 uses 4
  text,     ///< up to a NUL or the end of the payload
  flag,     ///< set by being there, with no payload
};

struct field_entry {
  std::uint32_t id;
  std::uint16_t at;
  std::uint8_t size;
  std::uint8_t shift;
  std::uint8_t bits;
  std::uint8_t group;  ///< field_group of parse.h
  field_kind kind;
  info_layout layout;
  field_unit unit;
  change_rule rule;
  sentinel_column sentinel;
  std::string_view name;
  std::string_view csv_name;
  std::string_view first_kernel;
  std::string_view meaning;
};

/// A row from the columns of a .def file, whose order differs.
#define TCPINFO_FIELD_ROW(id, at, size, shift, bits, group, kind, layout, unit, rule, sentinel, \
                          name, csv, since, meaning)                                            \
  {                                                                                             \
    static_cast<std::uint32_t>(id), at, size, shift, bits, static_cast<std::uint8_t>(group),    \
        field_kind::kind, info_layout::layout, field_unit::unit, change_rule::rule,             \
        sentinel_column::sentinel, name, csv, since, meaning                                    \
  }

// What a wrong line in a .def would break; for static_assert.

[[nodiscard]] constexpr bool ids_rise(std::span<const field_entry> table) noexcept {
  for (std::size_t i = 1; i < table.size(); ++i)
    if (table[i - 1].id >= table[i].id) return false;
  return true;
}
[[nodiscard]] constexpr bool is_described(const field_entry& f) noexcept {
  return !f.name.empty() && !f.csv_name.empty() && !f.first_kernel.empty() && !f.meaning.empty();
}
/// Of a field of kind number.
[[nodiscard]] constexpr bool fits_word(const field_entry& f) noexcept {
  const bool word = f.size == 1 || f.size == 2 || f.size == 4 || f.size == 8;
  return word && f.bits != 0 && f.shift + f.bits <= f.size * 8U;
}

/// The row of that id in a table by rising id, nullptr where there is none.
[[nodiscard]] inline const field_entry* find_row(std::span<const field_entry> table,
                                                 std::uint32_t id) noexcept {
  const auto found =
      std::lower_bound(table.begin(), table.end(), id,
                       [](const field_entry& f, std::uint32_t wanted) { return f.id < wanted; });
  return found != table.end() && found->id == id ? &*found : nullptr;
}
/// For the handles of the public headers, which may be of no field: every column is empty then.
[[nodiscard]] inline const field_entry& row_or_nothing(const field_entry* entry) noexcept {
  static constexpr field_entry nothing{};
  return entry != nullptr ? *entry : nothing;
}
/// @return whether the row has a sentinel.
[[nodiscard]] inline bool take_sentinel(const field_entry& f, std::uint64_t& out) noexcept {
  if (f.sentinel.present) out = f.sentinel.value;
  return f.sentinel.present;
}

/// Where the lowest bit of a bit field is on this machine. Compilers of big-endian kernels lay bit
/// fields out from the top of the word, and the tables count from the bottom.
[[nodiscard]] constexpr unsigned host_shift(unsigned size, unsigned shift, unsigned bits) noexcept {
  return std::endian::native == std::endian::little ? shift : size * 8U - shift - bits;
}

/// How far the bits of a field of kind number or mask are from the lowest one on this machine.
[[nodiscard]] constexpr unsigned shift_of(const field_entry& f) noexcept {
  return f.kind == field_kind::mask ? f.shift : host_shift(f.size, f.shift, f.bits);
}

/// Reads a field of kind number or mask. @return false where the payload ends before the field
/// does.
[[nodiscard]] inline bool read_number(std::span<const std::byte> payload, const field_entry& field,
                                      std::uint64_t& out) noexcept {
  if (std::size_t{field.at} + field.size > payload.size()) return false;
  const std::byte* from = payload.data() + field.at;
  std::uint64_t word = 0;
  switch (field.size) {
    case 1:
      word = static_cast<std::uint8_t>(*from);
      break;
    case 2: {
      std::uint16_t v;
      std::memcpy(&v, from, sizeof v);
      word = v;
      break;
    }
    case 4: {
      std::uint32_t v;
      std::memcpy(&v, from, sizeof v);
      word = v;
      break;
    }
    case 8:
      std::memcpy(&word, from, sizeof word);
      break;
    default:
      return false;
  }
  if (field.bits < field.size * 8U) {
    word >>= shift_of(field);
    word &= (std::uint64_t{1} << field.bits) - 1U;
  }
  out = word;
  return true;
}

/// Reads accecn_word as a little-endian machine would, so that the number means the same wherever
/// the message was recorded and is read. Without a known layout it is the number that the recording
/// machine would read. @return false where the payload ends before the word does.
[[nodiscard]] bool read_accecn_word(std::span<const std::byte> payload, info_layout layout,
                                    std::uint64_t& out) noexcept;
/// On little-endian machines read_number() does as well.
inline constexpr bool accecn_word_is_made = std::endian::native == std::endian::big;

/// All fields of tcp_info, by rising id.
[[nodiscard]] std::span<const field_entry> tcp_field_table() noexcept;
/// The row of a field, nullptr where it is none.
[[nodiscard]] const field_entry* find_tcp_field(tcp_field field) noexcept;

/// Whether the bit fields of the build host's <linux/tcp.h> lie where the table says. What is no
/// bit field is checked when the library is compiled; where a bit field lies is known at run time
/// only.
[[nodiscard]] bool uapi_bit_fields_agree() noexcept;

}  // namespace tcpinfo::inline v0

#endif
