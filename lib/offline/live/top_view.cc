// SPDX-License-Identifier: Apache-2.0
#include "offline/live/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/lower_case.h"
#include "offline/live/sparkline.h"
#include "offline/live/time_line_text.h"
#include "offline/live/top_table.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view keys_of_table =
    "q quit  enter open  < > sort  r reverse  / filter  f freeze  ? help";
constexpr std::string_view keys_of_line = "q back  arrows scroll  f freeze";

constexpr std::array<std::string_view, 14> help_lines = {
    "up, down, page up, page down, home, end: choose a connection",
    "enter: its time line (escape: back)",
    "<, >: sort by the column before, behind",
    "b: sort by rate, both ways together",
    "n: by what it sends",
    "i: by what it receives",
    "x: by what it sends again",
    "t: by round-trip time",
    "c: by cause: those that wait first",
    "o: by owner, where that is known",
    "r: the other way round",
    "/: only rows with this text (enter: keep it, escape: all)",
    "f, blank: freeze, and go on",
    "q: end",
};

constexpr std::array<std::pair<char, top_order>, top_order_count> order_keys = {{
    {'b', top_order::rate},
    {'n', top_order::sent},
    {'i', top_order::received},
    {'x', top_order::retransmitted},
    {'t', top_order::rtt},
    {'c', top_order::cause},
    {'o', top_order::owner},
}};

bool contains(std::string_view text, std::string_view part) noexcept {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower_case(a) == lower_case(b); }) != text.end();
}

}  // namespace

std::vector<const watched_flow*> top_view::shown() const {
  std::vector<const watched_flow*> rows = model_.rows(order_, reversed_);
  if (!filter_.empty())
    std::erase_if(rows,
                  [this](const watched_flow* f) { return !contains(search_text(*f), filter_); });
  return rows;
}

bool top_view::press(const key& pressed) {
  if (pressed.kind == key_kind::none || pressed.kind == key_kind::resized) return true;
  if (pressed.kind == key_kind::gone) return false;
  notice_.clear();
  if (typing_) {
    type(pressed);
    return true;
  }
  if (std::exchange(help_, false)) return true;
  if (opened_ != 0) return press_in_line(pressed);
  if (pressed.kind == key_kind::character && pressed.character == 'q') return false;
  choose(pressed);
  return true;
}

void top_view::type(const key& pressed) {
  switch (pressed.kind) {
    case key_kind::character:
      filter_ += pressed.character;
      break;
    case key_kind::backspace:
      if (!filter_.empty()) filter_.pop_back();
      break;
    case key_kind::escape:
      filter_.clear();
      typing_ = false;
      break;
    case key_kind::enter:
      typing_ = false;
      break;
    default:
      break;
  }
}

bool top_view::press_in_line(const key& pressed) {
  const std::size_t steps = line_->steps().size();
  const std::size_t most = steps == 0 ? 0 : steps - 1;
  switch (pressed.kind) {
    case key_kind::escape:
    case key_kind::backspace:
      opened_ = 0;
      line_.reset();
      break;
    case key_kind::down:
      back_ = std::min(back_ + 1, most);
      break;
    case key_kind::page_down:
      back_ = std::min(back_ + room_, most);
      break;
    case key_kind::up:
      back_ -= std::min<std::size_t>(back_, 1);
      break;
    case key_kind::page_up:
      back_ -= std::min(back_, room_);
      break;
    case key_kind::first:
      back_ = 0;
      break;
    case key_kind::last:
      back_ = most;
      break;
    case key_kind::character:
      if (pressed.character == 'q') {
        opened_ = 0;
        line_.reset();
      } else if (pressed.character == 'f' || pressed.character == ' ') {
        frozen_ = !frozen_;
      }
      break;
    default:
      break;
  }
  return true;
}

void top_view::choose(const key& pressed) {
  const auto page = static_cast<std::ptrdiff_t>(room_);
  const auto all = static_cast<std::ptrdiff_t>(model_.totals().flows);
  switch (pressed.kind) {
    case key_kind::up:
      return move(-1);
    case key_kind::down:
      return move(1);
    case key_kind::page_up:
      return move(-page);
    case key_kind::page_down:
      return move(page);
    case key_kind::first:
      return move(-all);
    case key_kind::last:
      return move(all);
    case key_kind::enter:
      return open_selected();
    case key_kind::escape:
      filter_.clear();
      return;
    case key_kind::character:
      break;
    default:
      return;
  }
  if (set_order(pressed.character)) return;
  switch (pressed.character) {
    case 'r':
      reversed_ = !reversed_;
      break;
    case 'f':
    case ' ':
      frozen_ = !frozen_;
      break;
    case '/':
      typing_ = true;
      break;
    case '?':
    case 'h':
      help_ = true;
      break;
    default:
      break;
  }
}

bool top_view::set_order(char character) {
  const std::size_t count = model_.knows_owners() ? top_order_count : top_order_count - 1;
  const auto now = static_cast<std::size_t>(order_);
  if (character == '<' || character == '>') {
    order_ = static_cast<top_order>((now + (character == '>' ? 1 : count - 1)) % count);
    return true;
  }
  for (const auto& [key, order] : order_keys) {
    if (key != character || static_cast<std::size_t>(order) >= count) continue;
    order_ = order;
    return true;
  }
  return false;
}

void top_view::move(std::ptrdiff_t by) {
  const std::vector<const watched_flow*> rows = shown();
  if (rows.empty()) return;
  settle(rows, room_);
  const auto last = static_cast<std::ptrdiff_t>(rows.size()) - 1;
  place_ = static_cast<std::size_t>(
      std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(place_) + by, 0, last));
  selected_ = rows[place_]->id.cookie;
}

void top_view::open_selected() {
  const std::vector<const watched_flow*> rows = shown();
  if (rows.empty()) return;
  settle(rows, room_);
  const watched_flow& flow = *rows[place_];
  opened_ = flow.id.cookie;
  title_ = ends_text(flow.id);
  back_ = 0;
  line_.emplace(step_ns_);
}

// Finds the chosen row again, and which rows are seen.
void top_view::settle(const std::vector<const watched_flow*>& rows, std::size_t room) {
  room_ = std::max<std::size_t>(room, 1);
  if (rows.empty()) {
    place_ = top_ = 0;
    return;
  }
  const auto found = std::find_if(rows.begin(), rows.end(), [this](const watched_flow* f) {
    return f->id.cookie == selected_;
  });
  // Who chose nothing yet sees the first ones, whichever they are.
  if (selected_ != 0 && found != rows.end())
    place_ = static_cast<std::size_t>(found - rows.begin());
  place_ = std::min(place_, rows.size() - 1);
  if (selected_ != 0) selected_ = rows[place_]->id.cookie;
  top_ = std::min(top_, rows.size() > room_ ? rows.size() - room_ : 0);
  top_ = std::min(top_, place_);
  if (place_ >= top_ + room_) top_ = place_ + 1 - room_;
}

std::string top_view::status() const {
  if (typing_) return fmt::format("filter: {}_", filter_);
  std::string text;
  if (!notice_.empty()) text = notice_ + "  ";
  if (frozen_) text += "FROZEN  ";
  if (!filter_.empty()) text += fmt::format("filter: {}  ", filter_);
  return text + std::string(opened_ != 0 ? keys_of_line : keys_of_table);
}

screen top_view::draw(const screen_size& size, bool utf8) {
  screen lines;
  if (size.lines < 3 || size.columns < 10) return lines;
  if (help_)
    for (const std::string_view one : help_lines) lines.push_back({std::string(one)});
  else
    lines = opened_ != 0 ? draw_line(size, utf8) : draw_table(size, utf8);
  lines.resize(size.lines - 1);
  lines.push_back({status(), line_style::faint});
  for (screen_line& line : lines) line.text = cut(line.text, size.columns, utf8);
  return lines;
}

screen top_view::draw_table(const screen_size& size, bool utf8) {
  const std::vector<const watched_flow*> rows = shown();
  // Totals, the heading, and the line of keys take three.
  settle(rows, size.lines - 3);
  const std::size_t end = std::min(rows.size(), top_ + room_);
  table_style style;
  style.utf8 = utf8;
  style.owners = model_.knows_owners();
  style.width = size.columns;
  style.spark_width = 20;
  const auto texts = table_lines(std::span(rows).subspan(top_, end - top_), style);
  screen lines;
  lines.push_back({fmt::format("{}  by {}{}", totals_text(model_.totals()), name_of(order_),
                               reversed_ ? ", reversed" : "")});
  lines.push_back({texts[0], line_style::heading});
  for (std::size_t i = top_; i < end; ++i)
    lines.push_back({texts[i - top_ + 1], i == place_ ? line_style::selected : line_style::plain});
  return lines;
}

screen top_view::draw_line(const screen_size& size, bool utf8) const {
  const watched_flow* const flow = model_.find(opened_);
  screen lines;
  lines.push_back({flow != nullptr ? title_ : title_ + "  (it has ended)", line_style::heading});
  if (flow != nullptr)
    for (std::string& text : fact_lines(*flow)) lines.push_back({std::move(text)});
  for (std::string& text : spark_lines(*line_, size.columns, utf8))
    lines.push_back({std::move(text)});
  for (std::string& text : line_->sentences()) lines.push_back({std::move(text)});
  const std::size_t room = size.lines - 1 - std::min(size.lines - 1, lines.size() + 1);
  bool heading = true;
  for (std::string& text : step_lines(*line_, back_, room))
    lines.push_back(
        {std::move(text), std::exchange(heading, false) ? line_style::heading : line_style::plain});
  return lines;
}

}  // namespace tcpinfo::offline
