// SPDX-License-Identifier: Apache-2.0
//
// The columns of `tcpinfo-dump ls`, and what stands in them.
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_COLUMNS_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_COLUMNS_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "offline/flows/flow_list.h"
#include "offline/flows/why_list.h"
#include "offline/text/address_text.h"
#include "offline/text/moment_text.h"

namespace tcpinfo::offline {

/// What a cell is made for.
enum class cell_use : std::uint8_t {
  people,    ///< text that may be shown; "-" where there is nothing
  programs,  ///< a text as it is, or a number as it is to be written; nothing where it is absent
  sorting,   ///< a text, or `number` alone
};

/// What remembers the texts of the connection before. The connections must not change meanwhile.
struct cell_texts {
  explicit cell_texts(time_style style) noexcept : times(style) {}

  moment_text times;
  address_text local;
  address_text remote;
  // What several columns show of the same connection.
  const flow_summary* owner_of = nullptr;
  owner_facts owner;
  const flow_summary* cause_of = nullptr;
  std::optional<analysis::why::live_verdict> cause;
};

/// What cells are made with.
struct cell_context {
  const flow_list& list;
  cell_texts& texts;
  cell_use use;
  why_list* why = nullptr;  ///< where causes were asked for
};

/// One value of one connection, whose text is appended to what stands there already: a list has
/// millions of them.
struct flow_cell {
  explicit flow_cell(std::string& to) noexcept : text(to) {}

  std::string& text;
  bool present = false;
  bool is_text = false;  ///< in JSON it stands in quotes
  bool sorts_by_number = false;
  long double number = 0;  ///< for sorting: nanoseconds since 1970 fit
};

/// Where room is short, columns get it in the order of these numbers.
using column_rank = std::uint8_t;
/// On a terminal only where it was asked for.
inline constexpr column_rank wide_column = 255;

struct flow_column {
  std::string_view heading;  ///< for people
  std::string_view name;     ///< for programs
  column_rank room;
  bool right;
  void (*make)(flow_summary&, const cell_context&, flow_cell&);
  bool rare = false;  ///< for people only where there is something in it, or it was asked for
};

inline constexpr std::size_t flow_column_count = 36;

/// By number.
[[nodiscard]] std::span<const flow_column, flow_column_count> flow_columns() noexcept;

/// Makes one cell.
inline flow_cell make_cell(const flow_column& c, flow_summary& f, const cell_context& with,
                           std::string& to) {
  const std::size_t before = to.size();
  flow_cell made(to);
  c.make(f, with, made);
  if (with.use == cell_use::people && to.size() == before) to += '-';
  return made;
}

/// 1234567 bytes a second as "9.88Mbit/s".
void append_bit_rate(std::string& to, double bytes_per_second);
/// 61234000000 ns as "1m1.234s", with the digits that matter.
void append_span(std::string& to, std::int64_t ns);

}  // namespace tcpinfo::offline

#endif
