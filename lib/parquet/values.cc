// SPDX-License-Identifier: Apache-2.0
#include "parquet/values.h"

#include <algorithm>

#include "common/utf8.h"

namespace tcpinfo::parquet {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// As cells of the other formats have it: U+FFFD for each byte.
std::string made_utf8(std::string_view text) {
  std::string good;
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    if (size != 0) {
      good += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    good += "\xef\xbf\xbd";
    text.remove_prefix(1);
  }
  return good;
}

}  // namespace

const std::deque<std::string>& column_values::texts() const {
  static const std::deque<std::string> none;
  return texts_ ? texts_->texts : none;
}

void column_values::push_text(std::string_view text) {
  if (!texts_) texts_ = std::make_unique<text_store>();
  text_store& t = *texts_;
  if (!t.any || text != t.last_raw) {
    t.last = is_utf8(text) ? number_of(text) : number_of(made_utf8(text));
    t.last_raw = text;
    t.any = true;
  }
  push(t.last, false);
}

std::uint32_t column_values::number_of(std::string_view text) {
  if (!texts_) texts_ = std::make_unique<text_store>();
  text_store& t = *texts_;
  if (const auto found = t.numbers.find(text); found != t.numbers.end()) return found->second;
  const auto number = static_cast<std::uint32_t>(t.texts.size());
  t.texts.emplace_back(text);
  t.numbers.emplace(t.texts.back(), number);
  t.bytes += text.size();
  return number;
}

void column_values::spread() {
  const std::size_t rows = rows_;
  uniform_ = false;
  rows_ = 0;
  push_many(value_, null_, rows);
}

void column_values::push_many(std::uint64_t value, bool null, std::size_t count) {
  if (count == 0) return;
  if (uniform_) {
    if (rows_ == 0 || (null == null_ && value == value_)) {
      value_ = value;
      null_ = null;
      rows_ += count;
      return;
    }
    spread();
  }
  if (null && present_.empty()) present_.assign(rows_, 1);
  if (null || !present_.empty()) present_.insert(present_.end(), count, null ? 0 : 1);
  if (is_wide())
    wide_.insert(wide_.end(), count, value);
  else
    narrow_.insert(narrow_.end(), count, static_cast<std::uint32_t>(value));
  rows_ += count;
}

void column_values::append(const column_values& from, std::size_t first, std::size_t count) {
  std::vector<std::uint32_t> numbers;
  for (const std::string& text : from.texts()) numbers.push_back(number_of(text));
  if (count == 0) return;
  if (from.uniform_) {
    const bool renumbered = type_ == value_type::text && !from.null_;
    push_many(renumbered ? numbers[from.value_] : from.value_, from.null_, count);
    return;
  }
  if (uniform_) spread();
  append_cells(from, first, count);
  if (type_ != value_type::text) return;
  // Nulls have number 0, which is one of a text, too.
  for (std::size_t i = rows_ - count; i < rows_; ++i)
    if (narrow_[i] < numbers.size()) narrow_[i] = numbers[narrow_[i]];
}

void column_values::append_cells(const column_values& from, std::size_t first, std::size_t count) {
  const auto copy = [first, count](auto& to, const auto& source) {
    const auto at = source.begin() + static_cast<std::ptrdiff_t>(first);
    to.insert(to.end(), at, at + static_cast<std::ptrdiff_t>(count));
  };
  if (!from.present_.empty()) {
    if (present_.empty()) present_.assign(rows_, 1);
    copy(present_, from.present_);
  } else if (!present_.empty()) {
    present_.insert(present_.end(), count, 1);
  }
  if (is_wide())
    copy(wide_, from.wide_);
  else
    copy(narrow_, from.narrow_);
  rows_ += count;
}

void column_values::gather(std::span<const std::uint32_t> order, std::vector<std::uint64_t>& values,
                           std::vector<std::uint32_t>& levels) const {
  if (uniform_) {
    if (null_)
      levels.insert(levels.end(), rows_, 0);
    else
      values.insert(values.end(), rows_, value_);
    return;
  }
  const auto all = [&](const auto& cells) {
    if (order.empty() && present_.empty()) {
      values.insert(values.end(), cells.begin(), cells.end());
      return;
    }
    values.reserve(values.size() + rows_);
    if (!present_.empty()) levels.reserve(levels.size() + rows_);
    for (std::size_t i = 0; i < rows_; ++i) {
      const std::size_t row = order.empty() ? i : order[i];
      if (!present_.empty()) {
        levels.push_back(present_[row]);
        if (present_[row] == 0) continue;
      }
      values.push_back(cells[row]);
    }
  };
  if (is_wide())
    all(wide_);
  else
    all(narrow_);
}

void column_values::clear() {
  uniform_ = true;
  null_ = false;
  value_ = 0;
  rows_ = 0;
  narrow_.clear();
  wide_.clear();
  present_.clear();
  if (!texts_) return;
  texts_->numbers.clear();
  texts_->texts.clear();
  texts_->bytes = 0;
  texts_->last_raw.clear();
  texts_->any = false;
}

std::size_t column_values::memory() const {
  constexpr std::size_t around_text = 96;  // the string, its key and the node of the map
  return narrow_.capacity() * sizeof(narrow_[0]) + wide_.capacity() * sizeof(wide_[0]) +
         present_.capacity() + (texts_ ? texts_->bytes : 0) + texts().size() * around_text;
}

}  // namespace tcpinfo::parquet
