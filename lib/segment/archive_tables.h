// SPDX-License-Identifier: Apache-2.0
//
// The archives of a block that is read, as archive_directory has written them.
#ifndef TCPINFO_SEGMENT_ARCHIVE_TABLES_H
#define TCPINFO_SEGMENT_ARCHIVE_TABLES_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/segment.h>

#include "segment/archive_directory.h"
#include "segment/block_streams.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time.
class archive_tables {
 public:
  /// Reads the block's tables. May throw std::bad_alloc.
  /// @param records of the block: the archives have so many
  /// @return false where they are not what a writer makes.
  [[nodiscard]] bool read(const read_streams& streams, std::uint32_t records);
  /// In the order of the block; `opened_ns` is held against the start.
  [[nodiscard]] const std::vector<archive_entry>& entries() const noexcept { return entries_; }

  /// Makes one of them the present one. May throw std::bad_alloc.
  /// @param first_ns time of its first record, where that is a message
  /// @return false where its times are none; never without starts_with_first, for read() has looked
  /// at the others.
  [[nodiscard]] bool choose(std::size_t number, std::optional<std::int64_t> first_ns);
  /// The present one. Views are valid until the next choose() or read().
  [[nodiscard]] const segment_archive& chosen() const noexcept { return about_; }
  /// None is, then.
  void forget() noexcept {
    about_ = {};
    forget_names();
  }

 private:
  using context = std::array<std::uint32_t, context_texts>;

  [[nodiscard]] bool read_texts(bytes_view texts);
  [[nodiscard]] bool read_contexts(bytes_view contexts);
  [[nodiscard]] bool read_entries(bytes_view archives, std::uint32_t records);
  [[nodiscard]] std::string_view text(std::uint32_t number) const noexcept {
    return number == 0 ? std::string_view() : texts_[number - 1];
  }
  void forget_names() noexcept {
    metadata_ = {};
    metadata_.byte_order = {};
    made_names_ = {};
    made_path_ = {};
  }
  [[nodiscard]] bool choose_times(const archive_entry& e, std::optional<std::int64_t> first_ns);
  void choose_names(const archive_entry& e);
  void choose_path(const archive_entry& e);
  void make_names(const archive_entry& e);
  void make_path(const archive_entry& e);

  std::vector<std::byte> text_bytes_;    // archives are told of beyond the end of their block
  std::vector<std::string_view> texts_;  // in text_bytes_
  std::vector<context> contexts_;
  std::vector<archive_entry> entries_;

  // What metadata_ with uuid_ in it, and path_ with the same UUID in it, were made of latest: of
  // another archive of the same nothing is different but the cookie's lower digits, number and
  // times.
  struct made_names {
    std::uint32_t context = 0;
    bool any = false;
    std::uint64_t cookie = 0;  // that they were made for
    [[nodiscard]] bool hold(const archive_entry& e) const noexcept {
      // Cookies of a block are near each other.
      return any && e.has(has_cookie) && e.context == context && (e.cookie ^ cookie) >> 32U == 0;
    }
  };
  struct made_path {
    std::int64_t day = 0;
    std::uint64_t sequence = 0;
    std::size_t digits_at = 0;
    std::size_t size = 0;  // 0: nothing was
    [[nodiscard]] bool holds(const archive_entry& e) const noexcept {
      return size != 0 && e.day == day && e.sequence == sequence;
    }
  };

  std::string uuid_;
  std::string path_;
  made_names made_names_;
  made_path made_path_;
  metadata metadata_;
  segment_archive about_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
