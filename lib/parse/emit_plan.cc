// SPDX-License-Identifier: Apache-2.0
#include "parse/emit_plan.h"

#include <tcpinfo/decimal.h>

namespace tcpinfo::inline v0 {
namespace {

// A number, an address (46) or a name of a state, in quotes, and a separator.
constexpr std::size_t max_cell_size = 64;

bit_place place_of(const field_entry& f, std::uint8_t bit) noexcept {
  bit_place p;
  p.at = f.at;
  p.size = f.size;
  p.shift = static_cast<std::uint8_t>(host_shift(f.size, f.shift, f.bits));
  p.mask = f.bits < 64 ? (std::uint64_t{1} << f.bits) - 1U : ~std::uint64_t{0};
  if (bit != emit_column::whole) {
    p.shift = static_cast<std::uint8_t>(p.shift + bit);
    p.mask = 1;
  }
  return p;
}

step_kind kind_of(const emit_column& c, bool sentinel) noexcept {
  const field_entry& f = *c.field;
  if (f.group == static_cast<std::uint8_t>(field_group::ulp_info)) return step_kind::nested;
  switch (f.kind) {
    case field_kind::be16:
      return step_kind::be16;
    case field_kind::lohi64:
      return step_kind::lohi64;
    case field_kind::address:
      return step_kind::address;
    case field_kind::text:
      return step_kind::text;
    case field_kind::number:
    case field_kind::flag:
      break;
  }
  if (c.style == cell_style::state) return step_kind::state;
  if (c.style == cell_style::ca_state) return step_kind::ca_state;
  const bool whole = c.bit == emit_column::whole && f.bits == f.size * 8U;
  if (!whole || sentinel || f.layout != info_layout::unknown) return step_kind::bits;
  switch (f.size) {
    case 1:
      return step_kind::u8;
    case 2:
      return step_kind::u16;
    case 4:
      return step_kind::u32;
    default:
      return step_kind::u64;
  }
}

bool is_words(step_kind kind) noexcept { return kind <= step_kind::u64; }

step make_step(const emit_column& c, const row_options& options) {
  const field_entry& f = *c.field;
  step s;
  s.column = &c;
  s.has_sentinel = f.sentinel.present && !options.keep_sentinels;
  s.sentinel = f.sentinel.value;
  s.kind = kind_of(c, s.has_sentinel);
  s.boolean = c.type == field_type::boolean;
  s.by_layout = f.layout != info_layout::unknown;
  s.place = place_of(f, c.bit);
  if (c.layout_a != nullptr) s.a = place_of(*c.layout_a, c.bit);
  if (options.format == row_format::json) {
    s.key += '"';
    s.key += c.name;
    s.key += "\":";
  }
  return s;
}

// Whether `next` only goes on where `before` ends.
bool continues(const step& before, const step& next) noexcept {
  return is_words(next.kind) && before.kind == next.kind &&
         before.place.at + before.place.size * before.cells == next.place.at;
}

}  // namespace

emit_plan make_plan(std::span<const emit_column* const> columns, const row_options& options) {
  emit_plan plan;
  const bool json = options.format == row_format::json;
  for (const emit_column* c : columns) {
    const auto group = static_cast<field_group>(c->field->group);
    step s = make_step(*c, options);
    plan.fixed_size += max_cell_size + s.key.size();
    if (c->field->kind == field_kind::text) ++plan.texts;
    if (plan.runs.empty() || plan.runs.back().group != group)
      plan.runs.push_back({group, plan.steps.size(), plan.steps.size(), 0});
    step_run& run = plan.runs.back();
    ++run.cells;
    // In JSON each cell has a key.
    if (!json && run.first != run.last && continues(plan.steps.back(), s)) {
      ++plan.steps.back().cells;
      continue;
    }
    plan.steps.push_back(std::move(s));
    run.last = plan.steps.size();
  }
  return plan;
}

}  // namespace tcpinfo::inline v0
