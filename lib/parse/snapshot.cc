// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "common/attribute_headers.h"
#include "parse/field_table.h"

namespace tcpinfo::inline v0 {
namespace {

constexpr std::size_t attribute_slots =
    23;  // one for each attribute type known, INET_DIAG_SOCKOPT the last

constexpr std::uint8_t tls_nest = 2;
constexpr std::uint8_t mptcp_nest = 3;
// The highest type known in each nest of ULP_INFO: the attribute itself, none, TLS, MPTCP.
constexpr std::array<std::uint16_t, 4> nested_known = {3, 0, 7, 11};
constexpr std::size_t nested_slots = 12;

constexpr std::uint16_t number_of(attribute_type type) noexcept {
  return static_cast<std::uint16_t>(type);
}

constexpr bool is_known(std::uint16_t type) noexcept {
  return type != number_of(attribute_type::none) && type < attribute_slots;
}

/// A payload. An empty one can be present: a null span could not tell that from an absent one.
struct slot {
  bytes_view payload;
  bool present = false;
};

/// The same by its place in the message, so that it holds for another message with the same
/// headers.
struct place {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  bool present = false;
};

}  // namespace

struct snapshot::impl {
  message source;
  info_layout layout = info_layout::unknown;
  std::uint32_t faults = 0;
  std::array<std::uint64_t, 8> types_with{};  // by the bit number of snapshot_fault
  std::size_t unknown = 0;
  std::array<place, attribute_slots> attributes{};
  attribute_headers headers;  // of `source`, where the next message may be known by them
  bool nested = false;        // whether ulp holds anything
  std::array<std::array<slot, nested_slots>, 4> ulp{};

  void note(snapshot_fault fault, std::uint16_t type) noexcept {
    const auto bit = static_cast<std::uint32_t>(fault);
    faults |= bit;
    if (type < 64)
      types_with[static_cast<std::size_t>(std::countr_zero(bit))] |= std::uint64_t{1} << type;
  }

  void reset() noexcept {
    source = {};
    layout = info_layout::unknown;
    faults = 0;
    types_with.fill(0);
    unknown = 0;
    attributes.fill({});
    headers.clear();
    if (nested) ulp.fill({});
    nested = false;
  }

  void decode(const message& m, info_layout l) noexcept {
    // One connection's messages mostly have the same attributes: all that reset() would forget
    // holds.
    if (headers.are_finished() && headers.are_of(m.bytes)) {
      source = m;
      layout = l;
      return;
    }
    reset();
    source = m;
    layout = l;
    const attribute_range range = m.attributes();
    bool remembers = true;
    auto it = range.begin();
    for (; it != range.end(); ++it) {
      remembers =
          remembers && headers.add(m.bytes, offset_of(it->payload) - wire::attribute_header_size);
      take(*it);
    }
    if (!it.remainder().empty()) note(snapshot_fault::malformed_tail, UINT16_MAX);
    if (attributes[number_of(attribute_type::ulp_info)].present) decode_ulp();
    // What is in a nest, or behind the last attribute, no header tells.
    if (remembers && !nested && it.remainder().empty()) headers.finish(m.bytes);
  }

  [[nodiscard]] std::size_t offset_of(bytes_view payload) const noexcept {
    return static_cast<std::size_t>(payload.data() - source.bytes.data());
  }

  [[nodiscard]] slot attribute_at(std::uint16_t type) const noexcept {
    const place& p = attributes[type];
    if (!p.present) return {};
    return {source.bytes.subspan(p.at, p.size), true};
  }

  void take(const attribute& a) noexcept {
    if (!is_known(a.type)) {
      // It stays where it is, in the message: unknown_at() finds it there.
      ++unknown;
      note(snapshot_fault::unknown_attribute, a.type);
      return;
    }
    if (a.is(attribute_type::pad)) return;
    if (a.is(attribute_type::md5sig)) {
      note(snapshot_fault::secret_dropped, a.type);
      return;
    }
    place& p = attributes[a.type];
    if (p.present) {
      note(snapshot_fault::duplicate_attribute, a.type);
      return;
    }
    p = {static_cast<std::uint32_t>(offset_of(a.payload)),
         static_cast<std::uint32_t>(a.payload.size()), true};
    check_length(a);
  }

  void check_length(const attribute& a) noexcept {
    const std::size_t known = known_size(a.type);
    const std::size_t length = a.payload.size();
    if (known == 0 || length == known) return;
    if (length > known) {
      note(snapshot_fault::long_attribute, a.type);
      return;
    }
    note(snapshot_fault::short_attribute, a.type);
    if (ends_inside_field(a.type, length)) note(snapshot_fault::partial_field, a.type);
  }

  void decode_ulp() noexcept {
    nested = true;
    const bytes_view outer = attribute_at(number_of(attribute_type::ulp_info)).payload;
    decode_nest(0, outer);
    for (const std::uint8_t nest : {tls_nest, mptcp_nest})
      if (ulp[0][nest].present) decode_nest(nest, ulp[0][nest].payload);
    for (const field_entry& f : field_table()) {
      if (f.group != static_cast<std::uint8_t>(field_group::ulp_info)) continue;
      const slot& s = slot_of(f);
      if (!s.present || (f.kind != field_kind::number && f.kind != field_kind::mask)) continue;
      if (s.payload.size() < f.size) {
        note(snapshot_fault::short_attribute, number_of(attribute_type::ulp_info));
        if (!s.payload.empty())
          note(snapshot_fault::partial_field, number_of(attribute_type::ulp_info));
      } else if (s.payload.size() > f.size) {
        note(snapshot_fault::long_attribute, number_of(attribute_type::ulp_info));
      }
    }
  }

  void decode_nest(std::size_t nest, bytes_view bytes) noexcept {
    const attribute_range range(bytes);
    auto it = range.begin();
    for (; it != range.end(); ++it) {
      if (it->type == 0 || it->type > nested_known[nest]) {
        note(snapshot_fault::unknown_attribute, number_of(attribute_type::ulp_info));
        continue;  // payload() of the whole still has the bytes
      }
      slot& s = ulp[nest][it->type];
      if (s.present)
        note(snapshot_fault::duplicate_attribute, number_of(attribute_type::ulp_info));
      else
        s = {it->payload, true};
    }
    if (!it.remainder().empty())
      note(snapshot_fault::malformed_nest, number_of(attribute_type::ulp_info));
  }

  /// The payload that a field lies in; the payload may be too short for the field, or absent.
  [[nodiscard]] slot slot_of(const field_entry& f) const noexcept {
    if (f.group == static_cast<std::uint8_t>(field_group::header))
      return {source.bytes.empty() ? bytes_view{} : source.header(), !source.bytes.empty()};
    if (f.group == static_cast<std::uint8_t>(field_group::ulp_info)) {
      const nested_place place = nested_place_of(f.id);
      return ulp[place.nest][place.type];
    }
    return attribute_at(f.group);
  }

  [[nodiscard]] bool value(const field_entry& f, std::uint64_t& out) const noexcept {
    if (f.layout != info_layout::unknown && f.layout != layout) return false;
    const slot s = slot_of(f);
    if (!s.present) return false;
    switch (f.kind) {
      case field_kind::number:
      case field_kind::mask:
        if (accecn_word_is_made && f.id == accecn_word_id)
          return read_accecn_word(s.payload, layout, out);
        return read_number(s.payload, f, out);
      case field_kind::be16: {
        if (s.payload.size() < f.at + 2U) return false;
        const auto high = static_cast<unsigned>(s.payload[f.at]);
        const auto low = static_cast<unsigned>(s.payload[f.at + 1U]);
        out = high << 8U | low;
        return true;
      }
      case field_kind::lohi64: {
        if (s.payload.size() < f.at + 8U) return false;
        const auto low = wire::load<std::uint32_t>(s.payload.data() + f.at);
        const auto high = wire::load<std::uint32_t>(s.payload.data() + f.at + 4);
        out = std::uint64_t{high} << 32U | low;
        return true;
      }
      case field_kind::flag:
        out = 1;
        return true;
      case field_kind::text:
      case field_kind::address:
        break;
    }
    return false;
  }

  [[nodiscard]] bool text(const field_entry& f, std::string_view& out) const noexcept {
    const slot s = slot_of(f);
    if (!s.present || f.kind != field_kind::text) return false;
    const auto* chars = reinterpret_cast<const char*>(s.payload.data());
    const std::size_t length = s.payload.empty() ? 0 : ::strnlen(chars, s.payload.size());
    out = {chars, length};
    return true;
  }

  [[nodiscard]] bool address(const field_entry& f, ip_address& out) const noexcept {
    if (f.kind != field_kind::address || source.bytes.empty()) return false;
    out = f.at == wire::src_at ? source.src() : source.dst();
    return true;
  }
};

snapshot::~snapshot() { delete impl_; }

snapshot::snapshot(snapshot&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}

snapshot& snapshot::operator=(snapshot&& other) noexcept {
  if (this != &other) {
    delete impl_;
    impl_ = std::exchange(other.impl_, nullptr);
  }
  return *this;
}

std::error_code snapshot::decode(const message& m, info_layout layout) noexcept {
  if (m.bytes.size() < wire::inet_diag_msg_size) {
    clear();
    return errc::message_too_short;
  }
  if (layout > info_layout::b) {
    clear();
    return errc::invalid_argument;
  }
  if (impl_ == nullptr) {
    impl_ = new (std::nothrow) impl;
    if (impl_ == nullptr) return errc::out_of_memory;
  }
  impl_->decode(m, layout);
  return {};
}

void snapshot::clear() noexcept {
  if (impl_ != nullptr) impl_->reset();
}

bool snapshot::value(field_id id, std::uint64_t& out) const noexcept {
  const field_entry* entry = find_entry(id);
  return impl_ != nullptr && entry != nullptr && impl_->value(*entry, out);
}

bool snapshot::value(field_descriptor field, std::uint64_t& out) const noexcept {
  const field_entry* entry = entry_of(field);
  return impl_ != nullptr && entry != nullptr && impl_->value(*entry, out);
}

bool snapshot::measured(field_id id, std::uint64_t& out) const noexcept {
  return measured(describe(id), out);
}

bool snapshot::measured(field_descriptor field, std::uint64_t& out) const noexcept {
  std::uint64_t number = 0;
  std::uint64_t sentinel = 0;
  if (!value(field, number) || (field.sentinel(sentinel) && number == sentinel)) return false;
  out = number;
  return true;
}

bool snapshot::text(field_id id, std::string_view& out) const noexcept {
  return text(describe(id), out);
}

bool snapshot::text(field_descriptor field, std::string_view& out) const noexcept {
  const field_entry* entry = entry_of(field);
  return impl_ != nullptr && entry != nullptr && impl_->text(*entry, out);
}

bool snapshot::address(field_id id, ip_address& out) const noexcept {
  return address(describe(id), out);
}

bool snapshot::address(field_descriptor field, ip_address& out) const noexcept {
  const field_entry* entry = entry_of(field);
  return impl_ != nullptr && entry != nullptr && impl_->address(*entry, out);
}

bool snapshot::payload(attribute_type type, bytes_view& out) const noexcept {
  if (impl_ == nullptr || !is_known(number_of(type))) return false;
  const place& p = impl_->attributes[number_of(type)];
  if (p.present) out = {impl_->source.bytes.data() + p.at, p.size};
  return p.present;
}

bool snapshot::untold(attribute_type type, bytes_view& out) const noexcept {
  bytes_view whole;
  if (!payload(type, whole)) return false;
  if (type == attribute_type::cong) return false;  // a text has all of it
  std::size_t told = known_size(number_of(type));
  if (type == attribute_type::ulp_info) {
    const std::uint64_t odd = attributes_with(snapshot_fault::unknown_attribute) |
                              attributes_with(snapshot_fault::long_attribute) |
                              attributes_with(snapshot_fault::duplicate_attribute) |
                              attributes_with(snapshot_fault::malformed_nest);
    if ((odd & attribute_bit(type)) == 0) told = whole.size();
  }
  if (whole.size() <= told) return false;
  out = whole.subspan(told);
  return true;
}

bool snapshot::has(field_group group) const noexcept {
  if (group == field_group::header) return impl_ != nullptr && !impl_->source.bytes.empty();
  bytes_view ignored;
  return payload(static_cast<attribute_type>(group), ignored);
}

std::size_t snapshot::unknown_count() const noexcept {
  return impl_ != nullptr ? impl_->unknown : 0;
}

bool snapshot::unknown_at(std::size_t index, attribute& out) const noexcept {
  if (index >= unknown_count()) return false;
  const attribute_range range = impl_->source.attributes();
  for (auto it = range.begin(); it != range.end(); ++it) {
    if (is_known(it->type)) continue;
    if (index == 0) {
      out = *it;
      return true;
    }
    --index;
  }
  return false;
}

std::uint32_t snapshot::faults() const noexcept { return impl_ != nullptr ? impl_->faults : 0; }

std::uint64_t snapshot::attributes_with(snapshot_fault fault) const noexcept {
  const auto bit = static_cast<std::uint32_t>(fault);
  if (impl_ == nullptr || !std::has_single_bit(bit)) return 0;
  const auto index = static_cast<std::size_t>(std::countr_zero(bit));
  return index < impl_->types_with.size() ? impl_->types_with[index] : 0;
}

message snapshot::source() const noexcept { return impl_ != nullptr ? impl_->source : message{}; }

info_layout snapshot::layout() const noexcept {
  return impl_ != nullptr ? impl_->layout : info_layout::unknown;
}

}  // namespace tcpinfo::inline v0
