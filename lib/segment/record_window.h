// SPDX-License-Identifier: Apache-2.0
//
// What is flushed together: records of any archives, as they come. Of each is kept what changed in
// it, in a log that is linked archive by archive. block_layout makes blocks of it.
#ifndef TCPINFO_SEGMENT_RECORD_WINDOW_H
#define TCPINFO_SEGMENT_RECORD_WINDOW_H

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include "segment/archive_directory.h"
#include "segment/format.h"
#include "segment/growing.h"
#include "segment/message_layout.h"
#include "segment/moment_table.h"

namespace tcpinfo::inline v0::segment_format {

/// By what parts are sorted; of what has no cookie by the archive's number alone.
struct part_place {
  bool unnamed = false;
  std::uint32_t context = 0;
  std::uint64_t cookie = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const part_place&, const part_place&) noexcept = default;
};

/// One thread at a time. Throws std::bad_alloc, having changed nothing that shows.
class record_window {
 public:
  /// Memory that the records may take, in bytes.
  void set_limit(std::size_t bytes) noexcept { limit_ = bytes; }
  // As segment_writer's.
  [[nodiscard]] std::error_code begin(const segment_archive& given, std::uint32_t& number);
  [[nodiscard]] std::error_code revise(std::uint32_t number, const segment_archive& given);
  [[nodiscard]] std::error_code add(std::uint32_t number, const timestamp& time, const message& m,
                                    const record_extras& extras, encode_notes* notes);
  [[nodiscard]] std::error_code add_line(std::uint32_t number, std::string_view line);

  [[nodiscard]] std::uint32_t records() const noexcept { return records_; }
  [[nodiscard]] bool is_empty() const noexcept { return records_ == 0; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  void clear() noexcept;

  // For the layout.

  /// The records of an archive, no more than one block takes: those that go beyond are a part of
  /// their own, which goes on.
  struct part {
    archive_entry about;
    part_place place;
    std::uint32_t number = 0;  // of the archive
    std::uint32_t first = 0;   // in the log; 0: none
    std::uint32_t last = 0;
    std::uint32_t cells = 0;               // words of its messages
    std::uint32_t bytes = 0;               // in a block, about
    std::optional<std::int64_t> first_ns;  // of its first record, where that is a message
    std::uint32_t layout = ~0U;            // of the message before
    std::vector<std::uint32_t> places =
        {};  // by slot: of its latest words in `state_`, plus one; 0: none
  };
  struct slot {
    std::uint16_t type = 0;
    std::uint32_t size = 0;  // bytes
    std::uint32_t words = 0;
  };
  // An entry of the log: where the next one of the part stands (0: none), as 32 bits; then varints:
  // what the stream of heads has, with the window's number of the shape and log_thinned above it.
  // Of a line its size and its bytes. Of a message the number of its moment; as the head has it,
  // the end, what was carried, how much was left out; for each slot of its shape first_words, 32
  // bits each, or changes, each the word's number plus two and the folded difference, and
  // end_of_slot.
  static constexpr std::uint32_t log_end_of_slot = 0;
  static constexpr std::uint32_t log_first_words = 1;
  static constexpr std::uint32_t log_change = 2;
  static constexpr std::uint64_t log_thinned = std::uint64_t{1} << 32U;

  /// The parts that have records, in the order of blocks: by prefix and cookie.
  void sort_into(std::vector<part*>& parts);
  [[nodiscard]] const std::byte* log() const noexcept { return log_.data(); }
  [[nodiscard]] const std::byte* log_end() const noexcept { return log_.end(); }
  [[nodiscard]] std::span<const slot> slots() const noexcept { return slots_; }
  [[nodiscard]] std::span<const std::vector<std::uint16_t>> shapes() const noexcept {
    return shapes_;
  }
  [[nodiscard]] moment_table& moments() noexcept { return moments_; }
  [[nodiscard]] archive_directory& directory() noexcept { return directory_; }

 private:
  static constexpr std::uint32_t no_layout = ~0U;

  [[nodiscard]] part& new_part();
  [[nodiscard]] part_place place_of(const segment_archive& given, const archive_entry& about);
  [[nodiscard]] part& part_for(std::uint32_t number, std::size_t bytes, std::size_t cells);
  [[nodiscard]] std::error_code layout_of(part& p, const message& m);
  [[nodiscard]] bool add_slots(message_layout& layout);
  [[nodiscard]] std::byte* log_words(part& p, const message& m, const message_layout& layout,
                                     std::byte* to);
  void link(part& p, std::uint32_t entry, std::size_t bytes) noexcept;
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept;

  std::size_t limit_ = least_window;
  archive_directory directory_;
  std::vector<part> parts_;  // the first part_count_ are in use; the others keep their memory
  std::size_t part_count_ = 0;
  growing<std::uint32_t> current_;  // by archive: number of its latest part
  std::string latest_path_;         // of the archive that was begun last
  part_place latest_place_;         // the same
  std::vector<slot> slots_;
  std::unordered_map<std::uint32_t, std::uint32_t> slot_numbers_;  // by type and size
  std::vector<std::vector<std::uint16_t>> shapes_;
  std::vector<message_layout> layouts_;
  message_layout other_;  // of a message whose layout is not kept
  moment_table moments_;
  byte_stream log_;
  growing<std::uint32_t> state_;
  std::size_t places_bytes_ = 0;   // of the parts, that are in use
  std::size_t places_memory_ = 0;  // that they keep
  std::uint32_t records_ = 0;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
