// SPDX-License-Identifier: Apache-2.0
//
// The archives of a window of records or summaries, with what their metadata has in common. Blocks
// are made of some of them each: what a block names has numbers of its own in it.
#ifndef TCPINFO_SEGMENT_ARCHIVE_DIRECTORY_H
#define TCPINFO_SEGMENT_ARCHIVE_DIRECTORY_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include "segment/format.h"
#include "segment/growing.h"
#include "segment/renumbering.h"
#include "segment/text_table.h"

namespace tcpinfo::inline v0::segment_format {

/// What is said of an archive; texts and contexts by their numbers in the window.
struct archive_entry {
  std::uint32_t flags = 0;
  std::uint32_t context = 0;
  std::uint64_t cookie = 0;
  std::uint64_t sequence = 0;
  std::int64_t start_ns = 0;
  std::int64_t opened_ns = 0;
  std::int64_t day = 0;       // of the path, since 1970
  std::uint32_t records = 0;  // in the block
  std::uint32_t path = 0;     // number of a text
  std::uint32_t uuid = 0;     // number of a text; where there is no cookie
  std::uint32_t group = 0;    // of contexts that differ in owners only; never written

  [[nodiscard]] bool has(std::uint32_t flag) const noexcept { return (flags & flag) != 0; }
};

/// One thread at a time. Throws std::bad_alloc, having changed nothing that shows.
class archive_directory {
 public:
  /// What segment_writer::begin() asks for. What was set of `entry` after an error is not used.
  [[nodiscard]] std::error_code describe(const segment_archive& given, archive_entry& entry);
  /// Of two that have metadata: whether their UUIDs have the same prefix, or none.
  [[nodiscard]] bool have_same_prefix(const archive_entry& a,
                                      const archive_entry& b) const noexcept {
    return contexts_[a.context][0] == contexts_[b.context][0];
  }
  void clear() noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  /// What texts and contexts take in a block that has them all, at most.
  [[nodiscard]] std::size_t block_bytes() const noexcept {
    return texts_.bytes() + 3 * texts_.all().size() + 3 * context_texts * contexts_.size();
  }

  /// Writes these archives of a block: texts, contexts and archives, each its own stream.
  void put(std::span<const archive_entry* const> entries, byte_stream& texts, byte_stream& contexts,
           byte_stream& archives);

 private:
  using context = std::array<std::uint32_t, context_texts>;  // numbers of texts plus one, 0: none

  struct context_hash {
    [[nodiscard]] std::size_t operator()(const context& c) const noexcept {
      std::size_t sum = 0;
      for (const std::uint32_t n : c) sum = (sum ^ n) * std::size_t{0x9e3779b1U} + (sum >> 15U);
      return sum;
    }
  };

  [[nodiscard]] std::uint32_t number_of(const context& wanted);
  [[nodiscard]] std::error_code set_about(const metadata& about, archive_entry& entry);
  void set_path(std::string_view path, std::string_view uuid, archive_entry& entry);

  text_table texts_;
  std::vector<context> contexts_;
  std::unordered_map<context, std::uint32_t, context_hash> context_numbers_;
  std::unordered_map<context, std::uint32_t, context_hash> groups_;  // by contexts without owners
  renumbering block_texts_;
  renumbering block_contexts_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
