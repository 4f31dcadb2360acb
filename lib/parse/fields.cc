// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "parse/field_table.h"

namespace tcpinfo::inline v0 {

/// The only way from a handle to its row.
struct field_access {
  static const field_entry* entry(field_descriptor d) noexcept {
    return static_cast<const field_entry*>(d.entry_);
  }
  static field_descriptor make(const field_entry* entry) noexcept {
    field_descriptor d;
    d.entry_ = entry;
    return d;
  }
};

namespace {

constexpr field_entry group_table[] = {
#define TCPINFO_GROUP_FIELD(group, id, at, size, shift, bits, kind, unit, rule, sentinel, csv,    \
                            since, meaning)                                                       \
  TCPINFO_FIELD_ROW(field_id::id, at, size, shift, bits, field_group::group, kind, unknown, unit, \
                    rule, sentinel, #id, csv, since, meaning),
#define TCPINFO_ULP_FIELD(nest, type, id, size, shift, bits, kind, unit, sentinel, csv, since, \
                          meaning)                                                             \
  TCPINFO_FIELD_ROW(field_id::id, 0, size, shift, bits, field_group::ulp_info, kind, unknown,  \
                    unit, changes, sentinel, #id, csv, since, meaning),
#define TCPINFO_TCP_FIELD(name, at, size, shift, bits, layout, unit, rule, sentinel, csv, since, \
                          meaning)                                                               \
  TCPINFO_FIELD_ROW(field(tcp_field::name), at, size, shift, bits, field_group::info, number,    \
                    layout, unit, rule, sentinel, #name, csv, since, meaning),
#define TCPINFO_WITH_INFO_FIELDS
#include <tcpinfo/groups.def>
#undef TCPINFO_WITH_INFO_FIELDS
};

static_assert(ids_rise(group_table),
              "groups are not in order, or fields not in the order of their places");

constexpr bool group_rows_fit() {
  for (const field_entry& f : group_table) {
    if (f.id >> 24U != f.group || !is_described(f)) return false;
    switch (f.kind) {
      case field_kind::number:
      case field_kind::mask:
        if (!fits_word(f)) return false;
        break;
      case field_kind::be16:
        if (f.size != 2) return false;
        break;
      case field_kind::lohi64:
        if (f.size != 8) return false;
        break;
      case field_kind::address:
        if (f.size != 16) return false;
        break;
      case field_kind::text:
      case field_kind::flag:
        break;
    }
  }
  return true;
}
static_assert(group_rows_fit(), "a field does not fit its word, or a column of it is empty");

constexpr bool no_overlap() {
  for (std::size_t i = 1; i < std::size(group_table); ++i) {
    const field_entry& a = group_table[i - 1];
    const field_entry& b = group_table[i];
    // The layouts of tcp_info overlap each other by nature; tcp guards them.
    if (a.group != b.group || b.layout != info_layout::unknown) continue;
    if (a.group == static_cast<std::uint8_t>(field_group::ulp_info) && (a.id >> 8U) != (b.id >> 8U))
      continue;
    if (a.at * 8U + a.shift + a.bits > b.at * 8U + b.shift) return false;
  }
  return true;
}
static_assert(no_overlap(), "fields of one group overlap");

constexpr bool header_is_covered() {
  std::size_t end = 0;
  for (const field_entry& f : group_table) {
    if (f.group != static_cast<std::uint8_t>(field_group::header)) continue;
    if (f.at != end) return false;
    end = f.at + std::size_t{f.size};
  }
  return end == wire::inet_diag_msg_size;
}
static_assert(header_is_covered());

constexpr std::size_t known_types = 23;

constexpr auto known_sizes = [] {
  std::array<std::uint16_t, known_types> sizes{};
  for (const field_entry& f : group_table) {
    const bool fixed = f.group != static_cast<std::uint8_t>(field_group::header) &&
                       f.group != static_cast<std::uint8_t>(field_group::ulp_info) &&
                       f.kind != field_kind::text;
    const auto end = static_cast<std::uint16_t>(f.at + f.size);
    if (fixed && end > sizes[f.group]) sizes[f.group] = end;
  }
  return sizes;
}();
static_assert(known_sizes[static_cast<std::size_t>(field_group::info)] == tcp_info_known_size);

// Lengths of INFO's payload that end inside a field. A table, because every message of a kernel
// older than the library needs the answer.
constexpr auto info_cuts = [] {
  std::array<bool, tcp_info_known_size> cuts{};
  for (const field_entry& f : group_table) {
    // The fields of one layout lie inside a word that is a field of its own: that word decides.
    if (f.group != static_cast<std::uint8_t>(field_group::info) || f.layout != info_layout::unknown)
      continue;
    for (std::size_t length = f.at + std::size_t{1}; length < f.at + std::size_t{f.size}; ++length)
      cuts[length] = true;
  }
  return cuts;
}();

const field_entry& row(field_descriptor d) noexcept {
  return row_or_nothing(field_access::entry(d));
}

}  // namespace

std::span<const field_entry> field_table() noexcept { return group_table; }

const field_entry* find_entry(field_id id) noexcept {
  return find_row(group_table, static_cast<std::uint32_t>(id));
}

const field_entry* entry_of(field_descriptor field) noexcept { return field_access::entry(field); }

std::size_t known_size(std::uint16_t attribute) noexcept {
  return attribute < known_types ? known_sizes[attribute] : 0;
}

bool ends_inside_field(std::uint16_t attribute, std::size_t length) noexcept {
  if (attribute == static_cast<std::uint16_t>(field_group::info))
    return length < info_cuts.size() && info_cuts[length];
  for (const field_entry& f : group_table)
    if (f.group == attribute && f.at < length && length < f.at + std::size_t{f.size}) return true;
  return false;
}

std::string_view group_name(field_group group) noexcept {
  switch (group) {
    case field_group::header:
      return "header";
    case field_group::meminfo:
      return "meminfo";
    case field_group::info:
      return "info";
    case field_group::vegasinfo:
      return "vegasinfo";
    case field_group::cong:
      return "cong";
    case field_group::tos:
      return "tos";
    case field_group::tclass:
      return "tclass";
    case field_group::skmeminfo:
      return "skmeminfo";
    case field_group::shutdown:
      return "shutdown";
    case field_group::dctcpinfo:
      return "dctcpinfo";
    case field_group::protocol:
      return "protocol";
    case field_group::skv6only:
      return "skv6only";
    case field_group::mark:
      return "mark";
    case field_group::bbrinfo:
      return "bbrinfo";
    case field_group::class_id:
      return "class_id";
    case field_group::ulp_info:
      return "ulp_info";
    case field_group::cgroup_id:
      return "cgroup_id";
    case field_group::sockopt:
      return "sockopt";
  }
  return {};
}

std::size_t field_count() noexcept { return std::size(group_table); }

field_descriptor field_at(std::size_t index) noexcept {
  return field_access::make(index < std::size(group_table) ? &group_table[index] : nullptr);
}

field_descriptor describe(field_id id) noexcept { return field_access::make(find_entry(id)); }

field_descriptor find_field(std::string_view csv_name) noexcept {
  for (const field_entry& f : group_table)
    if (f.csv_name == csv_name) return field_access::make(&f);
  return {};
}

field_id field_descriptor::id() const noexcept { return static_cast<field_id>(row(*this).id); }
field_group field_descriptor::group() const noexcept {
  return static_cast<field_group>(row(*this).group);
}
std::string_view field_descriptor::name() const noexcept { return row(*this).name; }
std::string_view field_descriptor::csv_name() const noexcept { return row(*this).csv_name; }
field_type field_descriptor::type() const noexcept {
  const field_entry& f = row(*this);
  switch (f.kind) {
    case field_kind::text:
      return field_type::text;
    case field_kind::address:
      return field_type::address;
    case field_kind::flag:
      return field_type::boolean;
    case field_kind::be16:
      return field_type::u16;
    case field_kind::lohi64:
      return field_type::u64;
    case field_kind::number:
    case field_kind::mask:
      break;
  }
  if (f.bits == 1) return field_type::boolean;
  if (f.bits <= 8) return field_type::u8;
  if (f.bits <= 16) return field_type::u16;
  return f.bits <= 32 ? field_type::u32 : field_type::u64;
}
field_unit field_descriptor::unit() const noexcept { return row(*this).unit; }
std::string_view field_descriptor::first_kernel() const noexcept { return row(*this).first_kernel; }
std::string_view field_descriptor::meaning() const noexcept { return row(*this).meaning; }
change_rule field_descriptor::rule() const noexcept { return row(*this).rule; }
info_layout field_descriptor::layout() const noexcept { return row(*this).layout; }
std::size_t field_descriptor::offset() const noexcept { return row(*this).at; }
std::size_t field_descriptor::size() const noexcept { return row(*this).size; }
unsigned field_descriptor::bits() const noexcept { return row(*this).bits; }
bool field_descriptor::sentinel(std::uint64_t& out) const noexcept {
  return take_sentinel(row(*this), out);
}

}  // namespace tcpinfo::inline v0
