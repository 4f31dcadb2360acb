// SPDX-License-Identifier: Apache-2.0
//
// A writer's segment on the disk: the file that its blocks are appended to, and the blocks that
// could not be written yet. They wait in their order, compressed.
#ifndef TCPINFO_COLLECT_WRITING_SEGMENT_FILE_H
#define TCPINFO_COLLECT_WRITING_SEGMENT_FILE_H

#include <tcpinfo/archive.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "collect/writing/question.h"
#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

/// Blocks that were flushed together, besides their bytes.
struct block_facts {
  std::uint32_t records = 0;
  std::uint32_t blocks = 0;
  std::int64_t first_ns = 0;  ///< of its oldest record, since 1970: the day of a file
  std::int64_t since_ns = 0;  ///< monotonic, when that came: the file's age, if it begins one
  encode_notes notes = {};
  bool begins_file = false;  ///< it is the first of a segment, whatever was written before
};

/// One thread's. Throws std::bad_alloc.
class segment_file {
 public:
  /// So many bytes at the end of a file are read by who asks for the latest records: with 100,000
  /// records a second some 15 seconds, and half a second of work.
  static constexpr std::uint64_t recent_bytes = std::uint64_t{4} << 20;

  /// `number`: of the writer.
  segment_file(const writer_context& context, unsigned number)
      : context_(context), writer_(number) {}

  /// Writes a block, or keeps it behind those that wait. Where memory for that is missing it is
  /// given up and counted.
  void add(bytes_view frame, const block_facts& facts, std::int64_t now_ns) noexcept;
  /// Writes what waits, but no sooner than retry_ns(). False: some still waits, and the fault is
  /// counted and said.
  [[nodiscard]] bool write(std::int64_t now_ns) noexcept;
  /// Gives up the oldest block that waits, counting its records as lost and saying why ("… and
  /// {why}").
  void drop_oldest(std::string_view why);

  [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
  /// Of blocks that wait.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }
  [[nodiscard]] std::uint64_t waiting_records() const noexcept;
  /// Monotonic; after a failed write, not before.
  [[nodiscard]] std::int64_t retry_ns() const noexcept { return retry_ns_; }

  /// Of the file now being written; 0: there is none yet.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Monotonic, of its first record.
  [[nodiscard]] std::int64_t since_ns() const noexcept { return since_ns_; }
  /// Of the record that names the folder of the file that the next block goes to, since 1970; 0:
  /// that block names it.
  [[nodiscard]] std::int64_t first_ns() const noexcept;
  /// Whether it holds all blocks since the last end(), and nothing else: an index fits.
  [[nodiscard]] bool is_whole() const noexcept { return whole_; }
  /// Says where the latest records are, and what is not written yet.
  void tell(recent_answer& out, std::int64_t now_ns) const;
  /// Appends the index, if any, and hands the file over to the finalizer. Without a file nothing
  /// happens. Where it throws it can be called again, with any index.
  void end(bytes_view index);

 private:
  struct waiting_block {
    std::vector<std::byte> frame;
    block_facts facts;
  };

  [[nodiscard]] std::error_code append(bytes_view frame, const block_facts& facts);
  [[nodiscard]] std::error_code choose_name(std::int64_t first_ns);
  void note_block(std::uint64_t bytes) noexcept;
  [[nodiscard]] bool try_append(bytes_view frame, const block_facts& facts,
                                std::int64_t now_ns) noexcept;
  [[nodiscard]] std::error_code append_index(bytes_view index) noexcept;
  void next_file() noexcept;

  const writer_context& context_;
  const unsigned writer_;
  std::uint64_t number_ = 0;  // of the file among the writer's
  std::string folder_;
  std::string complete_;
  std::string part_;
  std::uint64_t size_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t records_ = 0;
  std::int64_t since_ns_ = 0;
  std::int64_t first_ns_ = 0;
  std::deque<std::uint64_t> recent_;  // where the latest blocks begin, some recent_bytes of them
  std::string former_;                // complete name of the file before this one
  bool whole_ = true;
  bool ended_ = false;  // it waits for the finalizer to take it

  std::deque<waiting_block> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::int64_t retry_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
