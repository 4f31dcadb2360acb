// SPDX-License-Identifier: Apache-2.0
#include "offline/byte_order.h"

#include <tcpinfo/parse.h>
#include <algorithm>
#include <bit>
#include <span>

namespace tcpinfo::offline {
namespace {

using writable = std::span<std::byte>;

void reverse(writable bytes) { std::reverse(bytes.begin(), bytes.end()); }

/// A bit field, by where little-endian compilers put it; big-endian ones count from the top.
struct bit_field {
  unsigned shift;
  unsigned bits;
};

/// The bit fields of a word that is in this machine's byte order already, put where this machine's
/// compiler would have put them. Bits of no field are dropped.
void move_bit_fields(writable word, const std::vector<bit_field>& fields) {
  const unsigned width = static_cast<unsigned>(word.size()) * 8;
  const auto place = [width](const bit_field& f, bool little) {
    return little ? f.shift : width - f.shift - f.bits;
  };
  constexpr bool little_here = std::endian::native == std::endian::little;
  const auto byte_at = [&word](std::size_t significance) -> std::byte& {
    return word[little_here ? significance : word.size() - 1 - significance];
  };
  std::uint64_t from = 0;
  for (std::size_t i = 0; i < word.size(); ++i)
    from |= static_cast<std::uint64_t>(byte_at(i)) << (8 * i);
  std::uint64_t to = 0;
  for (const bit_field& f : fields) {
    const std::uint64_t mask = (std::uint64_t{1} << f.bits) - 1;
    to |= (from >> place(f, !little_here) & mask) << place(f, little_here);
  }
  for (std::size_t i = 0; i < word.size(); ++i)
    byte_at(i) = static_cast<std::byte>(to >> (8 * i) & 0xffU);
}

/// Turns the fields of one group in its header or payload.
void turn_group(writable bytes, field_group group, info_layout layout) {
  std::size_t turned_to = 0;  // fields come in the order of their places; words are turned once
  for (std::size_t i = 0; i < field_count(); ++i) {
    const field_descriptor f = field_at(i);
    if (f.group() != group || f.type() == field_type::text || f.type() == field_type::address)
      continue;
    if (f.layout() != info_layout::unknown && f.layout() != layout) continue;
    // The last word of tcp_info: with a known layout its parts are turned, not the whole.
    const bool parts_follow = layout != info_layout::unknown && group == field_group::info &&
                              f.id() == field(tcp_field::accecn_word);
    if (parts_follow) continue;
    if (f.id() == field_id::sport || f.id() == field_id::dport) continue;  // network order
    if (f.offset() < turned_to || f.offset() + f.size() > bytes.size()) continue;
    const writable word = bytes.subspan(f.offset(), f.size());
    turned_to = f.offset() + f.size();
    // Two numbers of 32 bits, the low one first on every machine.
    if (f.id() == field_id::cookie || f.id() == field_id::bbr_bw) {
      reverse(word.first(4));
      reverse(word.last(4));
      continue;
    }
    reverse(word);
    if (f.bits() == f.size() * 8) continue;
    std::vector<bit_field> fields;
    for (std::size_t j = i; j < field_count(); ++j) {
      const field_descriptor g = field_at(j);
      if (g.group() != group || g.offset() != f.offset() || g.size() != f.size()) continue;
      if (g.layout() != f.layout() || g.bits() == g.size() * 8) continue;
      const auto bit = static_cast<std::uint32_t>(g.id()) & 0xffffU;
      fields.push_back({bit - static_cast<unsigned>(g.offset()) * 8, g.bits()});
    }
    move_bit_fields(word, fields);
  }
}

/// Attributes inside ULP_INFO: everything but the name is a number as long as its payload.
void turn_nest(writable bytes, unsigned depth) {
  constexpr std::uint16_t name = 1;  // at the outer level; 2 and 3 are nests there
  while (bytes.size() >= wire::attribute_header_size) {
    reverse(bytes.first(2));
    reverse(bytes.subspan(2, 2));
    const auto length = wire::load<std::uint16_t>(bytes.data());
    const auto type = static_cast<std::uint16_t>(wire::load<std::uint16_t>(bytes.data() + 2) &
                                                 wire::attribute_type_mask);
    if (length < wire::attribute_header_size || length > bytes.size()) return;
    const writable payload =
        bytes.subspan(wire::attribute_header_size, length - wire::attribute_header_size);
    if (depth > 0)
      reverse(payload);
    else if (type != name)
      turn_nest(payload, depth + 1);
    const std::size_t next = wire::align4(length);
    bytes = next < bytes.size() ? bytes.subspan(next) : writable{};
  }
}

}  // namespace

message turn_byte_order(const message& m, info_layout layout, std::vector<std::byte>& out) {
  out.assign(m.bytes.begin(), m.bytes.end());
  const writable all(out);
  turn_group(all.first(wire::inet_diag_msg_size), field_group::header, layout);
  const attribute_range range = m.attributes();
  for (auto it = range.begin(); it != range.end(); ++it) {
    const auto at = static_cast<std::size_t>(it->payload.data() - m.bytes.data());
    const writable payload = all.subspan(at, it->payload.size());
    if (it->is(attribute_type::ulp_info))
      turn_nest(payload, 0);
    else if (it->type < 64)
      turn_group(payload, static_cast<field_group>(it->type), layout);
  }
  return {bytes_view(out)};
}

}  // namespace tcpinfo::offline
