// SPDX-License-Identifier: Apache-2.0
//
// What somebody who watches connections has chosen by keys, and the screen that comes of it.
#ifndef TCPINFO_OFFLINE_LIVE_TOP_VIEW_H
#define TCPINFO_OFFLINE_LIVE_TOP_VIEW_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "offline/live/screen.h"
#include "offline/live/time_line.h"
#include "offline/live/top_model.h"

namespace tcpinfo::offline {

/// One thread's. Throws std::bad_alloc.
class top_view {
 public:
  /// Steps of time lines are as long as the time between two looks.
  top_view(const top_model& model, top_order order, bool reversed, std::int64_t step_ns)
      : model_(model), order_(order), reversed_(reversed), step_ns_(step_ns) {}

  /// @return false where it is to end
  [[nodiscard]] bool press(const key& pressed);
  [[nodiscard]] screen draw(const screen_size& size, bool utf8);

  /// Whether the numbers stay as they are.
  [[nodiscard]] bool frozen() const noexcept { return frozen_; }
  /// The connection whose time line is open; 0: none.
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_; }
  /// Where one is open.
  [[nodiscard]] time_line& line() { return *line_; }
  /// Said below the table until the next key; a fault, say.
  void set_notice(std::string text) { notice_ = std::move(text); }

 private:
  [[nodiscard]] std::vector<const watched_flow*> shown() const;
  void type(const key& pressed);
  [[nodiscard]] bool press_in_line(const key& pressed);
  void choose(const key& pressed);
  [[nodiscard]] bool set_order(char character);
  void move(std::ptrdiff_t by);
  void open_selected();
  void settle(const std::vector<const watched_flow*>& rows, std::size_t room);
  [[nodiscard]] screen draw_table(const screen_size& size, bool utf8);
  [[nodiscard]] screen draw_line(const screen_size& size, bool utf8) const;
  [[nodiscard]] std::string status() const;

  const top_model& model_;
  top_order order_;
  bool reversed_;
  const std::int64_t step_ns_;
  std::string filter_;
  bool typing_ = false;
  bool frozen_ = false;
  bool help_ = false;
  // Which row is chosen: by its connection, which may change its place; where it has gone, by it.
  std::uint64_t selected_ = 0;
  std::size_t place_ = 0;
  std::size_t top_ = 0;   // the first row that is seen
  std::size_t room_ = 1;  // rows that are seen
  std::uint64_t opened_ = 0;
  std::string title_;     // of the time line
  std::size_t back_ = 0;  // steps that the time line was scrolled back
  std::optional<time_line> line_;
  std::string notice_;
};

}  // namespace tcpinfo::offline

#endif
