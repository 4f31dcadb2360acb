// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "offline/flows/flow_columns.h"
#include "offline/text/name_patterns.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

using widths_of_columns = std::array<std::size_t, flow_column_count>;
constexpr std::size_t between = 2;  // blanks

// Takes away columns until the rest fits into `width`.
void fit(std::vector<std::size_t>& shown, const widths_of_columns& widths, std::size_t width) {
  std::vector<std::size_t> by_rank = shown;
  std::stable_sort(by_rank.begin(), by_rank.end(), [](std::size_t a, std::size_t b) {
    return flow_columns()[a].room < flow_columns()[b].room;
  });
  std::array<bool, flow_column_count> kept{};
  std::size_t used = 0;
  for (const std::size_t i : by_rank) {
    if (flow_columns()[i].room == wide_column) continue;
    const std::size_t more = widths[i] + (used == 0 ? 0 : between);
    // The first is shown however narrow the terminal.
    if (used != 0 && used + more > width) continue;
    kept[i] = true;
    used += more;
  }
  std::erase_if(shown, [&](std::size_t i) { return !kept[i]; });
}

using flows_in_order = std::vector<flow_summary*>;

// The texts of all cells, one behind the other, in pieces of whole rows: nothing that is there is
// copied when more comes.
class text_rows {
 public:
  explicit text_rows(std::size_t cells) : cells_(cells) {}

  // Where the next row's cells are appended, and their sizes are to be written.
  struct row {
    std::string& texts;
    std::uint32_t* sizes;
  };
  [[nodiscard]] row begin_row() {
    if (pieces_.empty() || pieces_.back().texts.size() >= piece_size) {
      pieces_.emplace_back();
      pieces_.back().texts.reserve(piece_size + piece_size / 16);
      pieces_.back().sizes.reserve(piece_size / 8);
    }
    piece& p = pieces_.back();
    const std::size_t before = p.sizes.size();
    p.sizes.resize(before + cells_);
    return {p.texts, p.sizes.data() + before};
  }

  // Calls `fn` with the texts of each row and their sizes until it returns false.
  template <class F>
  void for_each(F&& fn) const {
    for (const piece& p : pieces_) {
      const char* text = p.texts.data();
      for (std::size_t at = 0; at < p.sizes.size(); at += cells_) {
        const std::uint32_t* const sizes = p.sizes.data() + at;
        if (!fn(text, sizes)) return;
        for (std::size_t k = 0; k < cells_; ++k) text += sizes[k];
      }
    }
  }

 private:
  static constexpr std::size_t piece_size = std::size_t{1} << 18;

  struct piece {
    std::string texts;
    std::vector<std::uint32_t> sizes;
  };

  std::size_t cells_;
  std::deque<piece> pieces_;
};

// @return how many columns there was no room for.
std::size_t print_text(output& out, const flows_in_order& flows, const cell_context& c,
                       const flow_print_options& options) {
  const auto columns = flow_columns();
  std::vector<std::size_t> shown = options.columns;
  const bool asked = !shown.empty();
  std::vector<std::size_t> made = shown;
  if (!asked)
    for (std::size_t i = 0; i < columns.size(); ++i) made.push_back(i);
  widths_of_columns widths{};
  std::array<bool, flow_column_count> present{};
  for (const std::size_t i : made) widths[i] = columns[i].heading.size();
  text_rows texts(made.size());
  for (flow_summary* f : flows) {
    const auto [to, sizes] = texts.begin_row();
    std::uint32_t* size_at = sizes;
    for (const std::size_t i : made) {
      const std::size_t begin = to.size();
      if (make_cell(columns[i], *f, c, to).present) present[i] = true;
      const std::size_t size = to.size() - begin;
      widths[i] = std::max(widths[i], size);
      *size_at++ = static_cast<std::uint32_t>(size);
    }
  }
  if (!asked)
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (!columns[i].rare || present[i]) shown.push_back(i);
  const std::size_t all = shown.size();
  if (!asked && options.width != 0) fit(shown, widths, options.width);
  std::size_t line_size = 0;
  std::array<bool, flow_column_count> is_shown{};
  for (const std::size_t i : shown) {
    line_size += widths[i] + between;
    is_shown[i] = true;
  }
  // Blanks first, and the texts into them. `text_of(k)`: of all that was made, in turn.
  const auto line = [&](auto&& text_of) {
    std::string& to = out.buffer();
    const std::size_t begin = to.size();
    to.append(line_size, ' ');
    char* at = to.data() + begin;
    char* end = at;
    for (std::size_t k = 0; k < made.size(); ++k) {
      const std::string_view text = text_of(k);
      const std::size_t i = made[k];
      if (!is_shown[i]) continue;
      char* const cell = columns[i].right ? at + (widths[i] - text.size()) : at;
      std::memcpy(cell, text.data(), text.size());
      end = cell + text.size();
      at += widths[i] + between;
    }
    to.resize(static_cast<std::size_t>(end - to.data()));
  };
  if (options.colour) out.buffer() += "\x1b[1m";
  line([&](std::size_t k) { return columns[made[k]].heading; });
  out.buffer() += options.colour ? "\x1b[0m\n" : "\n";
  texts.for_each([&](const char* text, const std::uint32_t* sizes) {
    line([&](std::size_t k) {
      const std::string_view one(text, sizes[k]);
      text += sizes[k];
      return one;
    });
    return out.put("\n");
  });
  return all - shown.size();
}

void print_json(output& out, const flows_in_order& flows, const cell_context& c,
                const std::vector<std::size_t>& shown) {
  const auto columns = flow_columns();
  std::vector<std::string> keys;
  for (const std::size_t i : shown) {
    append_json_string(keys.emplace_back(), columns[i].name);
    keys.back() += ':';
  }
  std::string text;
  for (flow_summary* f : flows) {
    std::string& to = out.buffer();
    to += '{';
    bool first = true;
    for (std::size_t k = 0; k < shown.size(); ++k) {
      text.clear();
      const flow_cell one = make_cell(columns[shown[k]], *f, c, text);
      if (!one.present) continue;
      if (!first) to += ',';
      first = false;
      to += keys[k];
      if (one.is_text)
        append_json_string(to, text);
      else
        to += text;
    }
    to += "}\n";
    if (!out.written()) return;
  }
}

void print_csv(output& out, const flows_in_order& flows, const cell_context& c,
               const std::vector<std::size_t>& shown) {
  const auto columns = flow_columns();
  const auto line = [&](auto&& put) {
    for (const std::size_t i : shown) {
      if (i != shown.front()) out.buffer() += ',';
      put(i);
    }
    return out.put("\n");
  };
  if (!line([&](std::size_t i) { out.buffer() += columns[i].name; })) return;
  std::string text;
  for (flow_summary* f : flows)
    if (!line([&](std::size_t i) {
          text.clear();
          const flow_cell one = make_cell(columns[i], *f, c, text);
          if (!one.present) return;
          if (one.is_text)
            append_csv_cell(out.buffer(), text);
          else
            out.buffer() += text;
        }))
      return;
}

// What a connection is sorted by, made once.
struct sort_key {
  long double number = 0;
  std::size_t text = 0;  // where it begins
  std::size_t text_size = 0;
  flow_summary* flow = nullptr;
  bool present = false;
  bool by_text = false;
};

// The first of them all, as the options say. Absent values come last, whichever way the others go.
flows_in_order sorted(const flow_list& list, const flows_in_order& flows,
                      const flow_print_options& options) {
  const flow_column& by = flow_columns()[options.sort.value_or(0)];
  cell_texts remembered(options.time);
  const cell_context c{list, remembered, cell_use::sorting, options.why};
  std::vector<sort_key> keys;
  keys.reserve(flows.size());
  std::string texts;
  for (flow_summary* f : flows) {
    const std::size_t begin = texts.size();
    const flow_cell one = make_cell(by, *f, c, texts);
    const bool by_text = one.is_text && !one.sorts_by_number;
    if (!by_text) texts.resize(begin);
    keys.push_back({one.number, begin, texts.size() - begin, f, one.present, by_text});
  }
  const auto is_less = [&texts](const sort_key& a, const sort_key& b) {
    if (!a.by_text || !b.by_text) return a.number < b.number;
    const std::string_view all = texts;
    return all.substr(a.text, a.text_size) < all.substr(b.text, b.text_size);
  };
  const auto is_before = [&](const sort_key& a, const sort_key& b) {
    if (a.present != b.present) return a.present;
    return options.reverse ? is_less(b, a) : is_less(a, b);
  };
  // Files are read by their age, and what was recorded first often is the first already.
  if (!std::is_sorted(keys.begin(), keys.end(), is_before))
    std::stable_sort(keys.begin(), keys.end(), is_before);
  if (options.limit != 0 && keys.size() > options.limit) keys.resize(options.limit);
  flows_in_order first;
  first.reserve(keys.size());
  for (const sort_key& k : keys) first.push_back(k.flow);
  return first;
}

}  // namespace

std::string bit_rate_text(double bytes_per_second) {
  std::string text;
  append_bit_rate(text, bytes_per_second);
  return text;
}

std::string span_text(std::int64_t ns) {
  std::string text;
  append_span(text, ns);
  return text;
}

std::optional<std::size_t> find_flow_column(std::string_view name) {
  const auto columns = flow_columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
    // Without the unit, or the long word before it: what people type.
    if (columns[i].name.starts_with(name) && columns[i].name.size() > name.size() &&
        columns[i].name[name.size()] == '_')
      return i;
  }
  return std::nullopt;
}

std::string flow_column_names() {
  std::string names;
  for (const flow_column& c : flow_columns()) {
    if (!names.empty()) names += ", ";
    names += c.name;
  }
  return names;
}

std::string pick_flow_columns(std::string_view list, std::vector<std::size_t>& out) {
  return text::each_item(list, [&](std::string_view item) -> std::string {
    auto found =
        matches_of(item, flow_column_count, [](std::size_t i) { return flow_columns()[i].name; });
    if (found.empty())
      if (const auto one = find_flow_column(item)) found.push_back(*one);
    if (found.empty())
      return fmt::format("'{}' is none of the columns: {}", item, flow_column_names());
    for (const std::size_t i : found)
      if (std::find(out.begin(), out.end(), i) == out.end()) out.push_back(i);
    return {};
  });
}

bool needs_polls(const flow_print_options& options) {
  const std::size_t missed = *find_flow_column("missed_polls_at_most");
  return options.sort == missed ||
         std::find(options.columns.begin(), options.columns.end(), missed) != options.columns.end();
}

std::size_t print_flows(output& out, const flow_list& list, const std::vector<flow_summary*>& flows,
                        const flow_print_options& options) {
  const flows_in_order rows = sorted(list, flows, options);
  cell_texts remembered(options.time);
  const cell_context c{list, remembered,
                       options.format == flow_format::text ? cell_use::people : cell_use::programs,
                       options.why};
  std::vector<std::size_t> shown = options.columns;
  if (shown.empty()) {
    for (std::size_t i = 0; i < flow_column_count; ++i) shown.push_back(i);
  }
  switch (options.format) {
    case flow_format::text:
      return print_text(out, rows, c, options);
    case flow_format::json:
      print_json(out, rows, c, shown);
      break;
    case flow_format::csv:
      print_csv(out, rows, c, shown);
      break;
  }
  return 0;
}

}  // namespace tcpinfo::offline
