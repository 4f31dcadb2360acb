// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/captures/byte_order.h"

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

constexpr bool little_here = std::endian::native == std::endian::little;

/// The bit fields of a word, put from where the compilers of one byte order lay them out to where
/// those of the other do. The word's bytes are in this machine's order.
void move_bit_fields(writable word, const std::vector<bit_field>& fields, turn way) {
  const unsigned width = static_cast<unsigned>(word.size()) * 8;
  const auto place = [width](const bit_field& f, bool little) {
    return little ? f.shift : width - f.shift - f.bits;
  };
  const bool from_little = (way == turn::to_ours) != little_here;
  const auto byte_at = [&word](std::size_t significance) -> std::byte& {
    return word[little_here ? significance : word.size() - 1 - significance];
  };
  std::uint64_t from = 0;
  for (std::size_t i = 0; i < word.size(); ++i)
    from |= static_cast<std::uint64_t>(byte_at(i)) << (8 * i);
  std::uint64_t to = 0;
  for (const bit_field& f : fields) {
    const std::uint64_t mask = (std::uint64_t{1} << f.bits) - 1;
    to |= (from >> place(f, from_little) & mask) << place(f, !from_little);
  }
  for (std::size_t i = 0; i < word.size(); ++i)
    byte_at(i) = static_cast<std::byte>(to >> (8 * i) & 0xffU);
}

/// Turns the fields of one group in its header or payload.
void turn_group(writable bytes, field_group group, info_layout layout, turn way) {
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
    if (way == turn::to_ours) reverse(word);
    if (f.bits() != f.size() * 8) {
      std::vector<bit_field> fields;
      unsigned end = 0;
      for (std::size_t j = i; j < field_count(); ++j) {
        const field_descriptor g = field_at(j);
        if (g.group() != group || g.offset() != f.offset() || g.size() != f.size()) continue;
        if (g.layout() != f.layout() || g.bits() == g.size() * 8) continue;
        const unsigned bit = static_cast<std::uint32_t>(g.id()) & 0xffffU;
        fields.push_back({bit - static_cast<unsigned>(g.offset()) * 8, g.bits()});
        end = fields.back().shift + g.bits();
      }
      // Bits that have no name yet are kept.
      const unsigned width = static_cast<unsigned>(word.size()) * 8;
      if (end < width) fields.push_back({end, width - end});
      move_bit_fields(word, fields, way);
    }
    if (way == turn::to_theirs) reverse(word);
  }
}

/// The header of the attribute at the start of `bytes`, turned to this machine's order or from it.
/// @return the attribute's length and type; a length of 0 where it is malformed.
struct turned_header {
  std::size_t length = 0;
  std::uint16_t type = 0;
};
turned_header turn_header(writable bytes, turn way) {
  if (bytes.size() < wire::attribute_header_size) return {};
  const auto both = [&bytes] {
    reverse(bytes.first(2));
    reverse(bytes.subspan(2, 2));
  };
  if (way == turn::to_ours) both();
  const auto length = wire::load<std::uint16_t>(bytes.data());
  const auto type = wire::load<std::uint16_t>(bytes.data() + 2);
  if (way == turn::to_theirs) both();
  if (length < wire::attribute_header_size || length > bytes.size()) return {};
  return {length, static_cast<std::uint16_t>(type & wire::attribute_type_mask)};
}

writable after(writable bytes, std::size_t length) {
  const std::size_t next = wire::align4(length);
  return next < bytes.size() ? bytes.subspan(next) : writable{};
}

/// Attributes inside ULP_INFO: everything but the name is a number as long as its payload.
void turn_nest(writable bytes, unsigned depth, turn way) {
  constexpr std::uint16_t name = 1;  // at the outer level; 2 and 3 are nests there
  while (!bytes.empty()) {
    const turned_header header = turn_header(bytes, way);
    if (header.length == 0) return;
    const writable payload =
        bytes.subspan(wire::attribute_header_size, header.length - wire::attribute_header_size);
    if (depth > 0)
      reverse(payload);
    else if (header.type != name)
      turn_nest(payload, depth + 1, way);
    bytes = after(bytes, header.length);
  }
}

}  // namespace

message turn_byte_order(const message& m, info_layout layout, std::vector<std::byte>& out,
                        turn way) {
  out.assign(m.bytes.begin(), m.bytes.end());
  const writable all(out);
  turn_group(all.first(wire::inet_diag_msg_size), field_group::header, layout, way);
  const attribute_range range = m.attributes();
  for (auto it = range.begin(); it != range.end(); ++it) {
    const auto at = static_cast<std::size_t>(it->payload.data() - m.bytes.data());
    const writable payload = all.subspan(at, it->payload.size());
    if (it->is(attribute_type::ulp_info))
      turn_nest(payload, 0, way);
    else if (it->type < 64)
      turn_group(payload, static_cast<field_group>(it->type), layout, way);
  }
  return {bytes_view(out)};
}

message turn_kernel_message(const message& m, info_layout layout, std::vector<std::byte>& out) {
  std::vector<std::byte> ours(m.bytes.begin(), m.bytes.end());
  writable rest = writable(ours).subspan(wire::inet_diag_msg_size);
  while (!rest.empty()) {
    const turned_header header = turn_header(rest, turn::to_ours);
    if (header.length == 0) break;
    rest = after(rest, header.length);
  }
  return turn_byte_order({bytes_view(ours)}, layout, out);
}

}  // namespace tcpinfo::offline
