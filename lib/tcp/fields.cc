// SPDX-License-Identifier: Apache-2.0

#include "tcp/field_entry.h"

namespace tcpinfo::inline v0 {

/// The only way from a handle to its row.
struct tcp_field_access {
  static const field_entry* entry(tcp_field_descriptor d) noexcept {
    return static_cast<const field_entry*>(d.entry_);
  }
  static tcp_field_descriptor make(const field_entry* entry) noexcept {
    tcp_field_descriptor d;
    d.entry_ = entry;
    return d;
  }
};

namespace {

// The number of INET_DIAG_INFO; parse numbers its groups by attribute.
constexpr std::uint8_t info_group = 2;

constexpr field_entry table[] = {
#define TCPINFO_TCP_FIELD(name, at, size, shift, bits, layout, unit, rule, sentinel, csv, since, \
                          meaning)                                                               \
  TCPINFO_FIELD_ROW(tcp_field::name, at, size, shift, bits, info_group, number, layout, unit,    \
                    rule, sentinel, #name, csv, since, meaning),
#include <tcpinfo/tcp_info_fields.def>
};

constexpr bool rows_fit() {
  for (const field_entry& f : table) {
    if (!fits_word(f) || f.at % f.size != 0 || !is_described(f)) return false;
    if (f.at + std::size_t{f.size} > tcp_info_known_size) return false;
    if (f.sentinel.present && f.bits < 64 && f.sentinel.value >> f.bits != 0) return false;
  }
  return true;
}
static_assert(rows_fit(), "a field does not fit its word, or a column of it is empty");
static_assert(ids_rise(table), "fields are not in the order of their places");

constexpr bool no_overlap(info_layout layout) {
  std::size_t end = 0;
  for (const field_entry& f : table) {
    if (f.layout != layout) continue;
    const std::size_t begin = f.at * 8U + std::size_t{f.shift};
    if (begin < end) return false;
    end = begin + f.bits;
  }
  return true;
}
static_assert(no_overlap(info_layout::unknown) && no_overlap(info_layout::a) &&
                  no_overlap(info_layout::b),
              "fields of one layout overlap");

// All of the struct is covered but the five bits of the byte at 7 that no kernel uses.
constexpr std::size_t covered_bits(info_layout layout) {
  std::size_t sum = 0;
  for (const field_entry& f : table)
    if (f.layout == layout) sum += f.bits;
  return sum;
}
static_assert(covered_bits(info_layout::unknown) == tcp_info_known_size * 8 - 5);
static_assert(covered_bits(info_layout::a) == 32 && covered_bits(info_layout::b) == 32);

const field_entry& row(tcp_field_descriptor d) noexcept {
  return row_or_nothing(tcp_field_access::entry(d));
}

}  // namespace

std::span<const field_entry> tcp_field_table() noexcept { return table; }

const field_entry* find_tcp_field(tcp_field field) noexcept {
  return find_row(table, static_cast<std::uint32_t>(field));
}

bool read_tcp_field(std::span<const std::byte> payload, info_layout layout, tcp_field field,
                    std::uint64_t& out) noexcept {
  const field_entry* entry = find_tcp_field(field);
  if (entry == nullptr) return false;
  if (entry->layout != info_layout::unknown && entry->layout != layout) return false;
  if (accecn_word_is_made && field == tcp_field::accecn_word)
    return read_accecn_word(payload, layout, out);
  return read_number(payload, *entry, out);
}

bool read_accecn_word(std::span<const std::byte> payload, info_layout layout,
                      std::uint64_t& out) noexcept {
  if (!read_number(payload, *find_tcp_field(tcp_field::accecn_word), out)) return false;
  if (layout == info_layout::unknown) return true;
  out = 0;
  for (const field_entry& f : table) {
    std::uint64_t part = 0;
    if (f.layout != layout || !read_number(payload, f, part)) continue;
    const std::size_t begin = (f.at - (tcp_info_known_size - 4)) * 8 + f.shift;
    out |= part << begin;
  }
  return true;
}

std::size_t tcp_field_count() noexcept { return std::size(table); }

tcp_field_descriptor tcp_field_at(std::size_t index) noexcept {
  return tcp_field_access::make(index < std::size(table) ? &table[index] : nullptr);
}

tcp_field_descriptor describe(tcp_field field) noexcept {
  return tcp_field_access::make(find_tcp_field(field));
}

tcp_field tcp_field_descriptor::id() const noexcept {
  return static_cast<tcp_field>(row(*this).id);
}
std::string_view tcp_field_descriptor::name() const noexcept { return row(*this).name; }
std::string_view tcp_field_descriptor::csv_name() const noexcept { return row(*this).csv_name; }
field_unit tcp_field_descriptor::unit() const noexcept { return row(*this).unit; }
std::string_view tcp_field_descriptor::first_kernel() const noexcept {
  return row(*this).first_kernel;
}
std::string_view tcp_field_descriptor::meaning() const noexcept { return row(*this).meaning; }
std::size_t tcp_field_descriptor::offset() const noexcept { return row(*this).at; }
std::size_t tcp_field_descriptor::size() const noexcept { return row(*this).size; }
unsigned tcp_field_descriptor::bit_shift() const noexcept { return row(*this).shift; }
unsigned tcp_field_descriptor::bits() const noexcept { return row(*this).bits; }
change_rule tcp_field_descriptor::rule() const noexcept { return row(*this).rule; }
info_layout tcp_field_descriptor::layout() const noexcept { return row(*this).layout; }
bool tcp_field_descriptor::sentinel(std::uint64_t& out) const noexcept {
  return take_sentinel(row(*this), out);
}

}  // namespace tcpinfo::inline v0
