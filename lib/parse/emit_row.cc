// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/parse.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "common/decimal.h"
#include "common/known_part.h"
#include "parse/emit_plan.h"
#include "parse/emit_text.h"

namespace tcpinfo::inline v0 {
namespace {

// The addresses of a connection are the same in all its rows.
struct known_address {
  ip_address address;
  std::array<char, 48> text{};
  std::size_t size = 0;
};

std::uint64_t load_word(const std::byte* from, std::size_t size) noexcept {
  switch (size) {
    case 1:
      return static_cast<std::uint8_t>(*from);
    case 2:
      return wire::load<std::uint16_t>(from);
    case 4:
      return wire::load<std::uint32_t>(from);
    default:
      return wire::load<std::uint64_t>(from);
  }
}

std::uint64_t word_at(const std::byte* from) noexcept { return wire::load<std::uint64_t>(from); }

// Of at most 32 bytes, where a call of memcmp() takes longer than comparing does.
bool are_same(const std::byte* a, const std::byte* b, std::size_t size) noexcept {
  if (size < 8) {
    for (std::size_t at = 0; at < size; ++at)
      if (a[at] != b[at]) return false;
    return true;
  }
  // The last word may overlap the one before.
  std::uint64_t different = word_at(a + size - 8) ^ word_at(b + size - 8);
  for (std::size_t at = 0; at + 8 < size; at += 8) different |= word_at(a + at) ^ word_at(b + at);
  return different == 0;
}

class row_cursor {
 public:
  row_cursor(const snapshot& s, row_format format, std::array<known_address, 2>& addresses,
             char* to) noexcept
      : s_(s),
        layout_(s.layout()),
        addresses_(addresses),
        to_(to),
        format_(format),
        separator_(format == row_format::tsv ? '\t' : ','),
        json_(format == row_format::json) {}

  void run(emit_plan& plan, const step_run& r) noexcept {
    bytes_view payload;
    if (r.group == field_group::header) {
      payload = s_.source().header();
    } else if (!s_.payload(static_cast<attribute_type>(r.group), payload)) {
      nothing(r.cells);
      return;
    }
    step_block* const last = plan.blocks.data() + r.last;
    for (step_block* b = plan.blocks.data() + r.first; b != last; ++b) block(plan, *b, payload);
  }

  [[nodiscard]] char* end() const noexcept { return to_; }

 private:
  void block(const emit_plan& plan, step_block& b, bytes_view payload) noexcept {
    const bool is_there = payload.size() >= std::size_t{b.at} + b.size;
    if (b.text_size != 0 && is_there && are_same(b.bytes.data(), payload.data() + b.at, b.size)) {
      copy(b);
      return;
    }
    const bool remembers = b.remembers && is_there;
    char* const start = to_;
    for (std::size_t i = b.first; i < b.last; ++i) take(plan.steps[i], payload);
    if (!remembers) return;
    std::memcpy(b.bytes.data(), payload.data() + b.at, b.size);
    b.text_size = static_cast<std::uint16_t>(to_ - start);
    std::memcpy(b.text.data(), start, b.text_size);
  }

  // Pieces of a fixed size are single instructions; the text is followed by room.
  void copy(const step_block& b) noexcept {
    for (std::size_t at = 0; at < b.text_size; at += 32)
      std::memcpy(to_ + at, b.text.data() + at, 32);
    to_ += b.text_size;
  }

  void take(const step& s, bytes_view payload) noexcept {
    switch (s.kind) {
      case step_kind::u8:
        return words<std::uint8_t>(s, payload);
      case step_kind::u16:
        return words<std::uint16_t>(s, payload);
      case step_kind::u32:
        return words<std::uint32_t>(s, payload);
      case step_kind::u64:
        return words<std::uint64_t>(s, payload);
      case step_kind::flags:
        return flags(s, payload);
      case step_kind::bits:
        return bits(s, payload);
      case step_kind::be16:
        if (payload.size() < s.place.at + 2U) return nothing(1);
        return number(s, static_cast<std::uint32_t>(payload[s.place.at]) << 8U |
                             static_cast<std::uint32_t>(payload[s.place.at + 1U]));
      case step_kind::lohi64:
        if (payload.size() < s.place.at + 8U) return nothing(1);
        return number(
            s,
            wire::load<std::uint32_t>(payload.data() + s.place.at) |
                std::uint64_t{wire::load<std::uint32_t>(payload.data() + s.place.at + 4)} << 32U);
      case step_kind::address:
        return address(s);
      case step_kind::text: {
        const auto* chars = reinterpret_cast<const char*>(payload.data());
        return text(s, {chars, payload.empty() ? 0 : ::strnlen(chars, payload.size())});
      }
      case step_kind::asked:
        return ask(s);
      case step_kind::state:
      case step_kind::ca_state: {
        if (payload.size() <= s.place.at) return nothing(1);
        const auto code = static_cast<std::uint8_t>(payload[s.place.at]);
        const std::string_view name =
            s.kind == step_kind::state ? state_name(code) : ca_state_name(code);
        return named(s, code, name);
      }
    }
  }

  template <class T>
  void words(const step& s, bytes_view payload) noexcept {
    const std::size_t at = s.place.at;
    const std::size_t there =
        payload.size() > at ? std::min<std::size_t>((payload.size() - at) / sizeof(T), s.cells) : 0;
    const std::byte* from = payload.data() + at;
    if (json_) {
      if (there != 0) number(s, wire::load<T>(from));
      return;
    }
    char* to = to_;
    for (std::size_t i = 0; i < there; ++i, from += sizeof(T)) {
      const T v = wire::load<T>(from);
      if constexpr (sizeof(T) == 8)
        to = write_decimal(to, v);
      else
        to = write_decimal(to, std::uint32_t{v});
      *to++ = separator_;
    }
    to_ = to;
    nothing(s.cells - there);
  }

  void flags(const step& s, bytes_view payload) noexcept {
    if (payload.size() <= s.place.at) return nothing(s.cells);
    unsigned v = static_cast<unsigned>(payload[s.place.at]) >> s.place.shift;
    if (json_) return number(s, v & 1U);
    for (std::size_t i = 0; i < s.cells; ++i, v >>= 1U) {
      *to_++ = static_cast<char>('0' + (v & 1U));
      *to_++ = separator_;
    }
  }

  void bits(const step& s, bytes_view payload) noexcept {
    const bit_place* p = &s.place;
    if (s.by_layout && layout_ != info_layout::b) {
      if (layout_ != info_layout::a || s.a.size == 0) return nothing(1);
      p = &s.a;
    }
    if (payload.size() < std::size_t{p->at} + p->size) return nothing(1);
    const std::uint64_t v = load_word(payload.data() + p->at, p->size) >> p->shift & p->mask;
    if (s.has_sentinel && v == s.sentinel) return nothing(1);
    number(s, v);
  }

  void number(const step& s, std::uint64_t v) noexcept {
    if (json_) {
      key(s);
      if (s.boolean) {
        const std::string_view text = v != 0 ? "true" : "false";
        std::memcpy(to_, text.data(), text.size());
        to_ += text.size();
        *to_++ = separator_;
        return;
      }
    }
    to_ = write_decimal(to_, v);
    *to_++ = separator_;
  }

  void named(const step& s, std::uint8_t code, std::string_view name) noexcept {
    if (json_) key(s);
    if (json_) *to_++ = '"';
    if (name.empty()) {
      to_ = write_decimal(to_, std::uint32_t{code});
    } else {
      std::memcpy(to_, name.data(), name.size());
      to_ += name.size();
    }
    if (json_) *to_++ = '"';
    *to_++ = separator_;
  }

  void address(const step& s) noexcept {
    const message m = s_.source();
    const bool local = s.place.at == wire::src_at;
    const ip_address a = local ? m.src() : m.dst();
    known_address& known = addresses_[local ? 0 : 1];
    if (known.size == 0 || !(known.address == a)) {
      known.address = a;
      known.size = format_ip_address(a, known.text);
    }
    if (json_) key(s);
    if (json_) *to_++ = '"';
    std::memcpy(to_, known.text.data(), known.text.size());
    to_ += known.size;
    if (json_) *to_++ = '"';
    *to_++ = separator_;
  }

  void text(const step& s, std::string_view chars) noexcept {
    if (json_) key(s);
    to_ = write_text_cell(to_, format_, chars);
    *to_++ = separator_;
  }

  // A rare field, through the snapshot's public accessors.
  void ask(const step& s) noexcept {
    const auto id = static_cast<field_id>(s.column->field->id);
    if (s.column->field->kind == field_kind::text) {
      std::string_view chars;
      if (!s_.text(id, chars)) return nothing(1);
      return text(s, chars);
    }
    std::uint64_t v = 0;
    if (!s_.value(id, v) || (s.has_sentinel && v == s.sentinel)) return nothing(1);
    number(s, v);
  }

  void key(const step& s) noexcept {
    std::memcpy(to_, s.key.data(), s.key.size());
    to_ += s.key.size();
  }

  void nothing(std::size_t cells) noexcept {
    if (json_) return;
    for (std::size_t i = 0; i < cells; ++i) to_[i] = separator_;
    to_ += cells;
  }

  const snapshot& s_;
  info_layout layout_;
  std::array<known_address, 2>& addresses_;
  char* to_;
  row_format format_;
  char separator_;
  bool json_;
};

}  // namespace

struct row_writer::impl {
  emit_plan plan;
  row_format format = row_format::csv;
  info_layout layout = info_layout::unknown;  // of the latest row
  std::array<known_address, 2> addresses;
};

row_writer::row_writer(row_writer&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}

row_writer& row_writer::operator=(row_writer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

row_writer::~row_writer() { delete impl_; }

std::error_code row_writer::prepare(std::span<const column_descriptor> columns,
                                    const row_options& given) noexcept {
  row_options options;
  if (const std::error_code ec = read_known(given, options)) return ec;
  if (options.format > row_format::json) return errc::invalid_argument;
  for (const std::uint8_t byte : options.reserved)
    if (byte != 0) return errc::invalid_argument;
  try {
    std::vector<const emit_column*> known;
    known.reserve(columns.size());
    for (const column_descriptor d : columns) {
      const emit_column* c = column_of(d);
      if (c == nullptr) return errc::invalid_argument;
      known.push_back(c);
    }
    emit_plan plan = make_plan(known, options);
    if (impl_ == nullptr) impl_ = new impl;
    impl_->plan = std::move(plan);
    impl_->format = options.format;
  } catch (...) {
    return errc::out_of_memory;
  }
  return {};
}

std::size_t row_writer::max_row_size(const snapshot& s) const noexcept {
  if (impl_ == nullptr) return 0;
  std::size_t texts = 0;
  if (impl_->plan.texts != 0) {
    bytes_view payload;
    for (const attribute_type type : {attribute_type::cong, attribute_type::ulp_info})
      if (s.payload(type, payload)) texts += max_text_cell(payload.size());
    texts *= impl_->plan.texts;
  }
  return impl_->plan.fixed_size + texts;
}

std::error_code row_writer::write(const snapshot& s, std::span<char> out,
                                  std::size_t& written) noexcept {
  written = 0;
  if (impl_ == nullptr) return errc::not_open;
  if (out.size() < max_row_size(s)) return errc::buffer_too_small;
  if (impl_->plan.runs.empty() || s.source().bytes.empty()) return {};
  // Texts remembered from rows of another layout are worth nothing.
  if (impl_->layout != s.layout())
    for (step_block& b : impl_->plan.blocks) b.text_size = 0;
  impl_->layout = s.layout();
  row_cursor cursor(s, impl_->format, impl_->addresses, out.data());
  for (const step_run& r : impl_->plan.runs) cursor.run(impl_->plan, r);
  // Each cell was followed by a separator.
  const auto size = static_cast<std::size_t>(cursor.end() - out.data());
  written = size == 0 ? 0 : size - 1;
  return {};
}

}  // namespace tcpinfo::inline v0
