// SPDX-License-Identifier: Apache-2.0
#include "parse/emit_plan.h"

#include "common/decimal.h"
#include "parse/field_table.h"

namespace tcpinfo::inline v0 {
namespace {

// A number, an address (46) or a name of a state, in quotes, and a separator.
constexpr std::size_t max_cell_size = 64;

bit_place place_of(const field_entry& f, std::uint8_t bit) noexcept {
  bit_place p;
  p.at = f.at;
  p.size = f.size;
  p.shift = static_cast<std::uint8_t>(shift_of(f));
  p.mask = f.bits < 64 ? (std::uint64_t{1} << f.bits) - 1U : ~std::uint64_t{0};
  if (bit != emit_column::whole) {
    p.shift = static_cast<std::uint8_t>(p.shift + bit);
    p.mask = 1;
  }
  return p;
}

step_kind kind_of(const emit_column& c, bool sentinel) noexcept {
  const field_entry& f = *c.field;
  if (f.group == static_cast<std::uint8_t>(field_group::ulp_info) ||
      (accecn_word_is_made && f.id == accecn_word_id))
    return step_kind::asked;
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
    case field_kind::mask:
    case field_kind::flag:
      break;
  }
  if (c.style == cell_style::state) return step_kind::state;
  if (c.style == cell_style::ca_state) return step_kind::ca_state;
  const bool flag = c.bit != emit_column::whole || f.bits == 1;
  if (flag && f.size == 1 && f.layout == info_layout::unknown) return step_kind::flags;
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
  if (before.kind != next.kind) return false;
  if (next.kind == step_kind::flags)
    return before.place.at == next.place.at &&
           before.place.shift + before.cells == next.place.shift;
  return is_words(next.kind) &&
         before.place.at + before.place.size * before.cells == next.place.at &&
         next.place.at + next.place.size <= before.place.at + step_block::max_bytes;
}

// Those whose text follows from bytes of the payload alone, and is short.
bool is_remembered(const step& s) noexcept {
  switch (s.kind) {
    case step_kind::address:  // has a memory of its own
    case step_kind::text:
    case step_kind::asked:
      return false;
    default:
      return true;
  }
}

constexpr std::size_t max_number_size = 21;  // with its separator

std::size_t max_text_size(const step& s) noexcept {
  return s.cells * (s.key.size() + (s.place.size == 8 ? max_number_size : 16));
}

// Puts the steps from `first` on into blocks.
void divide(emit_plan& plan, std::size_t first) {
  std::size_t text = 0;
  bool fresh = true;
  for (std::size_t i = first; i < plan.steps.size(); ++i) {
    const step& s = plan.steps[i];
    const std::size_t end =
        s.place.at + std::size_t{s.place.size} * (s.kind == step_kind::flags ? 1U : s.cells);
    const bool remembered = is_remembered(s);
    if (!fresh) {
      step_block& b = plan.blocks.back();
      if (remembered == b.remembers &&
          (!remembered || (s.place.at >= b.at && end <= b.at + step_block::max_bytes &&
                           text + max_text_size(s) <= step_block::max_text))) {
        b.last = i + 1;
        if (end > std::size_t{b.at} + b.size) b.size = static_cast<std::uint16_t>(end - b.at);
        text += max_text_size(s);
        continue;
      }
    }
    step_block b;
    b.first = i;
    b.last = i + 1;
    b.at = s.place.at;
    b.size = static_cast<std::uint16_t>(end - s.place.at);
    text = max_text_size(s);
    b.remembers = remembered && b.size <= step_block::max_bytes && text <= step_block::max_text;
    plan.blocks.push_back(b);
    // What has no memory is alone, unless more of its kind follow.
    fresh = remembered && !b.remembers;
  }
}

}  // namespace

emit_plan make_plan(std::span<const emit_column* const> columns, const row_options& options) {
  emit_plan plan;
  const bool json = options.format == row_format::json;
  for (std::size_t at = 0; at < columns.size();) {
    const std::uint8_t group = columns[at]->field->group;
    const std::size_t first_step = plan.steps.size();
    step_run run;
    run.group = static_cast<field_group>(group);
    run.first = plan.blocks.size();
    for (; at < columns.size() && columns[at]->field->group == group; ++at) {
      step s = make_step(*columns[at], options);
      plan.fixed_size += max_cell_size + s.key.size();
      if (columns[at]->field->kind == field_kind::text) ++plan.texts;
      ++run.cells;
      // In JSON each cell has a key.
      if (!json && plan.steps.size() != first_step && continues(plan.steps.back(), s))
        ++plan.steps.back().cells;
      else
        plan.steps.push_back(std::move(s));
    }
    divide(plan, first_step);
    run.last = plan.blocks.size();
    plan.runs.push_back(run);
  }
  // Copies are made in pieces of a fixed size, beyond the end of the text.
  plan.fixed_size += step_block::max_text;
  return plan;
}

}  // namespace tcpinfo::inline v0
