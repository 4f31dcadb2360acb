// SPDX-License-Identifier: Apache-2.0
//
// Texts that are kept once.
#ifndef TCPINFO_SEGMENT_TEXT_TABLE_H
#define TCPINFO_SEGMENT_TEXT_TABLE_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tcpinfo::inline v0::segment_format {

class text_table {
 public:
  /// The text's number, from 0. May throw std::bad_alloc, having added nothing.
  [[nodiscard]] std::uint32_t number_of(std::string_view text) {
    if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
    try {
      numbers_.emplace(texts_.back(), number);
    } catch (...) {
      texts_.pop_back();
      throw;
    }
    bytes_ += text.size();
    return number;
  }
  void clear() noexcept {
    numbers_.clear();
    texts_.clear();
    bytes_ = 0;
  }
  [[nodiscard]] const std::deque<std::string>& all() const noexcept { return texts_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::deque<std::string> texts_;  // which stay where they are
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::size_t bytes_ = 0;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
