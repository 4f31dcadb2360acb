// SPDX-License-Identifier: Apache-2.0
//
// The layout of many connections in one file (--layout segments). A snapshot goes at once into the
// block that is being made, which keeps what has changed since the connection's snapshot before.
// The block is written when it is full, when its oldest record has waited long enough, and at the
// end. Of a connection no more is kept than what its next record needs, and what its records in the
// segment come to (segment_summaries).
#ifndef TCPINFO_COLLECT_WRITING_SEGMENTS_LAYOUT_H
#define TCPINFO_COLLECT_WRITING_SEGMENTS_LAYOUT_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "collect/writing/archive_path.h"
#include "collect/writing/ended_flows.h"
#include "collect/writing/flow_archive.h"
#include "collect/writing/former_files.h"
#include "collect/writing/known_flows.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/record_sink.h"
#include "collect/writing/segment_file.h"
#include "collect/writing/segment_summaries.h"
#include "collect/writing/waiting_memory.h"
#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

/// A segment is followed by the next one at this size, in bytes, however old it is.
inline constexpr std::uint64_t largest_segment = std::uint64_t{256} << 20;

class segments_layout final : public record_sink {
 public:
  explicit segments_layout(const sink_context& context);

  [[nodiscard]] std::error_code open() override;
  void take(const snapshot_header& header, bytes_view message, std::int64_t now_ns) override;
  [[nodiscard]] bool write_portion(std::int64_t now_ns) override;
  void keep_budget(std::int64_t now_ns) override;
  void answer(const wanted_flow& wanted, recent_answer& out, std::int64_t now_ns) override;
  [[nodiscard]] std::int64_t next_ns(std::int64_t latest) const noexcept override;
  void finish() override;
  void give_up() noexcept override;

 private:
  struct segment_flow : flow_archive {
    observed_flow observed;
    open_summary summary;
    std::uint64_t block = 0;   // in which it is `number`
    std::uint32_t number = 0;  // as segment_writer::begin() gave it
    bool begun = false;        // there are records of its archive, in this block or before
  };

  [[nodiscard]] segment_flow& flow_of(const snapshot_header& header, bytes_view message);
  void forget(std::uint64_t cookie, bool may_return, std::int64_t now_ns);
  void add(segment_flow& flow, const snapshot_header& header, bytes_view message,
           std::uint64_t shape, std::int64_t now_ns);
  [[nodiscard]] std::error_code try_add(segment_flow& flow, const snapshot_header& header,
                                        const message& m);
  [[nodiscard]] std::error_code add_as_text(const segment_flow& flow, const snapshot_header& header,
                                            const message& m);
  [[nodiscard]] segment_archive archive_of(const segment_flow& flow, const metadata& about) const;
  [[nodiscard]] std::error_code begin(segment_flow& flow);
  void look_for_owners() noexcept;
  void tell_owner(segment_flow& flow) noexcept;
  void end_archive(segment_flow& flow, std::int64_t now_ns) noexcept;
  void summarize(segment_flow& flow, std::int64_t now_ns) noexcept;
  void add_to_summary(segment_flow& flow, const snapshot_header& header, bytes_view message,
                      std::uint64_t shape) noexcept;
  void begin_summary(segment_flow& flow) noexcept;
  [[nodiscard]] bool flush_summaries(std::int64_t now_ns);
  void summarize_all(std::int64_t now_ns);
  [[nodiscard]] bool flush(std::int64_t now_ns);
  [[nodiscard]] bool write_all();
  void rotate(std::int64_t now_ns);
  void begin_segment(std::int64_t now_ns);
  [[nodiscard]] std::int64_t block_due_ns() const noexcept;
  [[nodiscard]] std::int64_t rotation_due_ns() const noexcept;
  void account() noexcept;

  const writer_context& context_;
  record_observer& observer_;
  waiting_memory& memory_;
  const std::int64_t hold_ns_;  // how long a record may wait here
  former_files former_files_;
  ended_flows former_;
  std::optional<known_flows> known_;  // where somebody may ask
  archive_path path_;
  record_encoder lines_;
  std::vector<char> text_;
  std::vector<std::byte> anonymous_;

  std::pmr::unsynchronized_pool_resource flow_memory_;
  std::pmr::unordered_map<std::uint64_t, segment_flow> flows_{&flow_memory_};  // by cookie

  segment_writer block_;
  segment_summaries summaries_{block_};
  std::uint64_t block_number_ = 1;
  std::vector<std::uint64_t> unsettled_;  // cookies, of connections in the block; owners may change
  block_facts facts_;                     // of the block that is being made
  std::int64_t latest_ns_ = 0;            // time of the latest record, since 1970
  std::int64_t block_retry_ns_ = 0;
  bool begins_file_ = false;     // its segment's first, though the file before was not ended
  bool block_given_up_ = false;  // what waits in it is counted
  segment_file file_;
  std::int64_t rotate_retry_ns_ = 0;
  std::size_t accounted_ = 0;
};

}  // namespace tcpinfo::collect

#endif
