// SPDX-License-Identifier: Apache-2.0
//
// What a row of given columns takes, worked out before the first row: which bytes of which payload
// become which cells.
#ifndef TCPINFO_PARSE_EMIT_PLAN_H
#define TCPINFO_PARSE_EMIT_PLAN_H

#include <tcpinfo/parse.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "parse/emit_columns.h"

namespace tcpinfo::inline v0 {

/// How a step makes its cells.
enum class step_kind : std::uint8_t {
  u8,   ///< whole words one after the other, a cell each
  u16,  //
  u32,
  u64,
  flags,  ///< single bits of a byte, one after the other, a cell each
  bits,   ///< some bits of a word, or a whole one that has a sentinel
  be16,   //
  lohi64,
  address,  //
  text,
  state,
  ca_state,
  asked,  ///< by the snapshot's accessors, slowly: rare fields, inside ULP_INFO or of several words
};

/// Where a number's bits are.
struct bit_place {
  std::uint16_t at = 0;
  std::uint8_t size = 0;
  std::uint8_t shift = 0;
  std::uint64_t mask = 0;
};

struct step {
  step_kind kind = step_kind::u8;
  bool boolean = false;  ///< true or false in JSON
  bool has_sentinel = false;
  bool by_layout = false;   ///< `a` holds for layout a, `place` for layout b, else there is no cell
  std::uint16_t cells = 1;  ///< more than one for whole words and flags only
  bit_place place;
  bit_place a;
  std::uint64_t sentinel = 0;
  const emit_column* column = nullptr;
  std::string key;  ///< JSON: "name":
};

/// Steps whose bytes lie close together. Records of one connection differ in few places. So a block
/// remembers the bytes and the text of the row before: equal bytes have equal text, which is
/// copied.
struct step_block {
  static constexpr std::size_t max_bytes = 32;
  static constexpr std::size_t max_text = 192;

  std::size_t first = 0;  ///< of the plan's steps
  std::size_t last = 0;
  bool remembers = false;
  std::uint16_t at = 0;  ///< in the payload
  std::uint16_t size = 0;

  // Of the latest row; no text: nothing is known.
  std::uint16_t text_size = 0;
  std::array<std::byte, max_bytes> bytes;
  std::array<char, max_text> text;
};

/// Blocks on the payload of one attribute, or on the header.
struct step_run {
  field_group group = field_group::header;
  std::size_t first = 0;  ///< of the plan's blocks
  std::size_t last = 0;
  std::size_t cells = 0;
};

struct emit_plan {
  std::vector<step> steps;
  std::vector<step_block> blocks;
  std::vector<step_run> runs;
  std::size_t fixed_size = 0;  ///< room for all but texts
  std::size_t texts = 0;       ///< cells of texts
};

/// May throw std::bad_alloc.
[[nodiscard]] emit_plan make_plan(std::span<const emit_column* const> columns,
                                  const row_options& options);

}  // namespace tcpinfo::inline v0

#endif
