// SPDX-License-Identifier: Apache-2.0
//
// What a block of records says before its columns: archives, shapes, heads, moments. All of it is
// checked before it is used: what is wrong with a block that has the right checksum was written so.
#ifndef TCPINFO_SEGMENT_BLOCK_TABLES_H
#define TCPINFO_SEGMENT_BLOCK_TABLES_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include <tcpinfo/bytes.h>
#include <tcpinfo/segment.h>

#include "segment/archive_tables.h"
#include "segment/block_streams.h"
#include "segment/format.h"
#include "segment/moment_table.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// What a block's head says.
struct block_head {
  std::uint8_t version = 0;
  std::uint8_t kind = 0;
  std::uint16_t features = 0;
  std::uint32_t size = 0;
  std::uint64_t checksum = 0;
  std::uint64_t records_before = 0;
  std::uint32_t records = 0;
  std::uint32_t number = 0;
};
/// `block` begins with the magic and has at least head_size bytes.
[[nodiscard]] block_head read_head(bytes_view block) noexcept;
/// The checksum that the head of `block` should have.
[[nodiscard]] std::uint64_t checksum_of(bytes_view block) noexcept;

/// One thread at a time.
class block_tables {
 public:
  struct slot {
    std::uint16_t type = 0;
    std::uint32_t size = 0;  // bytes
    std::uint32_t words = 0;
    std::uint32_t rows = 0;
  };
  /// Records with the same head, one after the other.
  struct run {
    std::uint32_t head = 0;
    std::uint32_t count = 0;
  };
  struct shape {
    std::vector<std::uint16_t> slots;
    std::uint32_t rows = 0;
    std::size_t message_size = 0;
  };

  /// `block` must outlive the reading, and its checksum is right.
  /// @return errc::bad_block, unknown_feature, out_of_memory: there is nothing to read then.
  [[nodiscard]] std::error_code open(bytes_view block) noexcept;

  [[nodiscard]] taker of(stream which) const noexcept {
    return taker(segment_format::of(streams_, which));
  }
  [[nodiscard]] archive_tables& archives() noexcept { return archives_; }
  [[nodiscard]] const archive_tables& archives() const noexcept { return archives_; }
  [[nodiscard]] const std::vector<slot>& slots() const noexcept { return slots_; }
  [[nodiscard]] std::size_t shape_count() const noexcept { return shape_count_; }
  [[nodiscard]] const shape& shape_at(std::size_t number) const noexcept { return shapes_[number]; }
  [[nodiscard]] std::uint32_t records() const noexcept { return records_; }
  /// The highest number that the mode of a column may have.
  [[nodiscard]] std::uint64_t highest_mode() const noexcept {
    return static_cast<std::uint64_t>(column_mode::some) +
           ((features_ & has_planes) != 0 ? in_planes : 0);
  }
  /// The heads of all records.
  [[nodiscard]] const std::vector<run>& runs() const noexcept { return runs_; }
  [[nodiscard]] const std::vector<moment>& moments() const noexcept { return moments_; }
  /// Whether each message has a moment of its own, in their order.
  [[nodiscard]] bool has_own_moments() const noexcept { return own_moments_; }

 private:
  [[nodiscard]] bool read_slots();
  [[nodiscard]] bool read_shapes();
  [[nodiscard]] bool read_heads(std::uint32_t records);
  [[nodiscard]] bool check_thinned() const noexcept;
  [[nodiscard]] bool read_moments();

  read_streams streams_;
  archive_tables archives_;
  std::vector<slot> slots_;
  std::vector<shape> shapes_;  // the first shape_count_ are in use; the others keep their memory
  std::size_t shape_count_ = 0;
  std::uint32_t records_ = 0;
  std::uint16_t features_ = 0;
  std::vector<run> runs_;
  std::vector<moment> moments_;
  bool own_moments_ = false;
};

/// The moments of the messages, one after the other.
class moment_cursor {
 public:
  moment_cursor() noexcept = default;
  explicit moment_cursor(const block_tables& tables) noexcept
      : moments_(&tables.moments()),
        numbers_(tables.of(stream::moment_numbers)),
        own_(tables.has_own_moments()) {}
  /// Of the next message; null where there is none.
  [[nodiscard]] const moment* next() noexcept {
    std::uint32_t number = expected_;
    if (!own_) number += unfold(static_cast<std::uint32_t>(numbers_.varint()));
    if (!numbers_.ok() || number >= moments_->size()) return nullptr;
    expected_ = number + 1;
    return &(*moments_)[number];
  }
  /// Of the next `count` messages: those of the table itself where they follow each other in it,
  /// else in `room`, which grows. False where there are not so many. May throw std::bad_alloc.
  [[nodiscard]] bool next(std::size_t count, std::vector<moment>& room,
                          std::span<const moment>& out);
  /// The same as the first, which stays the next.
  [[nodiscard]] const moment* peek() const noexcept {
    moment_cursor copy = *this;
    return copy.next();
  }

 private:
  const std::vector<moment>* moments_ = nullptr;
  taker numbers_;
  std::uint32_t expected_ = 0;
  bool own_ = false;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
