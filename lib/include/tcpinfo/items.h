// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Reading has one form, whatever is read: a range of items, each of which is a value, or a fault
/// and its place.
///
///     for (const auto& item : reader.items()) {
///       if (!item) {
///         std::cerr << "line " << item.place().line << ": " << item.error().message() << '\n';
///         continue;
///       }
///       use(*item);
///     }
///
/// The loop ends at the end of what is read. archive_reader, stream_reader and event_client have
/// such a range; each says which faults there are and what comes after them.
#ifndef TCPINFO_ITEMS_H
#define TCPINFO_ITEMS_H

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// What one step of reading brought. Values are frozen; new ones are appended.
enum class read_status : std::uint32_t {
  value = 0,    ///< a value
  fault = 1,    ///< something is wrong; reading goes on behind it, or the end follows
  not_yet = 2,  ///< nothing has come yet: only of what does not wait (event_client_options)
  end = 3,      ///< there is no more
};

/// Where in what is read an item is. Plain data.
struct read_place {
  std::uint64_t line = 0;    ///< number of the line, from 1; 0 where there are no lines
  std::uint64_t offset = 0;  ///< bytes of decompressed text before it
  /// Same line and same offset.
  friend bool operator==(const read_place&, const read_place&) noexcept = default;
};

/// One step of reading. A handle: the value is the range's (or the caller's, where it was given to
/// items()), and valid until the next step. Copy freely; use by one thread at a time.
template <class Value>
class read_item final {
 public:
  using value_type = Value;  ///< what is read

  /// Of nothing: status() is `end`.
  read_item() noexcept = default;
  /// For ranges.
  read_item(read_status status, const Value* value, std::error_code error,
            read_place place) noexcept
      : value_(status == read_status::value ? value : nullptr),
        error_(error),
        place_(place),
        status_(status) {}

  /// Whether there is a value.
  [[nodiscard]] explicit operator bool() const noexcept { return value_ != nullptr; }
  /// Which of the four it is.
  [[nodiscard]] read_status status() const noexcept { return status_; }
  /// What is wrong; no error where there is a value, and at the end.
  [[nodiscard]] const std::error_code& error() const& noexcept TCPINFO_LIFETIMEBOUND {
    return error_;
  }
  /// The same of an item that ends here: a copy.
  [[nodiscard]] std::error_code error() const&& noexcept { return error_; }
  /// Where it is. Each reader says what it counts.
  [[nodiscard]] read_place place() const noexcept { return place_; }

  /// The value, valid until the next step of the range. Only where there is one: else undefined.
  [[nodiscard]] const Value& value() const noexcept { return *value_; }
  /// The same.
  [[nodiscard]] const Value& operator*() const noexcept { return *value_; }
  /// The same.
  [[nodiscard]] const Value* operator->() const noexcept { return value_; }

 private:
  const Value* value_ = nullptr;
  std::error_code error_;
  read_place place_;
  read_status status_ = read_status::end;
};

/// The range that items() gives: read once, from its begin() on. It refers to the reader, which
/// must outlive it and must not be used otherwise while it is read. `Step` is the reader's own: a
/// function object with `value_type` and
/// `read_status operator()(value_type& out, std::error_code& fault, read_place& place, bool& last)`
/// that does not throw; `last` says that the end follows. One thread at a time.
template <class Step>
class read_range final {
 public:
  using value_type = typename Step::value_type;  ///< what is read
  using item_type = read_item<value_type>;       ///< what a step brings

  /// An input iterator; end() is std::default_sentinel.
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  ///< for std::iterator_traits
    using value_type = item_type;                       ///< what it walks over
    using difference_type = std::ptrdiff_t;             ///< of no use: iterators have no distance
    using pointer = const item_type*;                   ///< what operator->() gives
    using reference = const item_type&;                 ///< what operator*() gives

    iterator() noexcept = default;
    /// At the item that `range` has read last.
    explicit iterator(read_range& range) noexcept : range_(&range) {}

    /// The item it is at; the range's, valid until the next step.
    const item_type& operator*() const noexcept { return range_->item_; }
    /// The same.
    const item_type* operator->() const noexcept { return &range_->item_; }
    /// Reads the next item.
    iterator& operator++() noexcept {
      (void)range_->next();
      return *this;
    }
    /// The same, but gives nothing back.
    void operator++(int) noexcept { (void)range_->next(); }
    /// Whether there is nothing more: the end, or nothing yet (read_range::status() tells).
    friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
      return it.range_ == nullptr || it.range_->status() == read_status::end ||
             it.range_->status() == read_status::not_yet;
    }

   private:
    read_range* range_ = nullptr;
  };

  /// Reads by `step` into a value of its own.
  explicit read_range(Step step) noexcept : step_(std::move(step)), value_(&own_) {}
  /// Reads by `step` into `value`, whose memory serves for one input after the other; it must
  /// outlive the range.
  read_range(Step step, value_type& value TCPINFO_LIFETIMEBOUND) noexcept
      : step_(std::move(step)), value_(&value) {}
  read_range(const read_range&) = delete;
  read_range& operator=(const read_range&) = delete;

  /// Reads the first item, or the next one where something was read before.
  [[nodiscard]] iterator begin() noexcept TCPINFO_LIFETIMEBOUND {
    (void)next();
    return iterator(*this);
  }
  /// What an iterator equals when there is nothing more.
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

  /// For who does not want a loop: reads the next item. `end` again and again at the end.
  [[nodiscard]] const item_type& next() noexcept TCPINFO_LIFETIMEBOUND {
    if (over_) {
      item_ = {};
      return item_;
    }
    std::error_code fault;
    read_place place;
    bool last = false;
    const read_status status = step_(*value_, fault, place, last);
    over_ = last || status == read_status::end;
    item_ = item_type(status, value_, fault, place);
    return item_;
  }

  /// Of the latest item: after the loop it tells the end from nothing yet.
  [[nodiscard]] read_status status() const noexcept { return item_.status(); }

 private:
  Step step_;
  value_type own_{};
  value_type* value_;
  item_type item_;
  bool over_ = false;
};

}  // namespace tcpinfo::inline v0

#endif
