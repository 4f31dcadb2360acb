// SPDX-License-Identifier: Apache-2.0
//
// Sends what is recorded to one target of --publish. What was recorded is read from the output
// directory, behind the writers and on a thread of its own: these segments are the log, and how far
// the target has acknowledged them is in the cursor. So nothing is lost while the target is away,
// no memory is taken for it, and recording never waits. After a fault, a kill or a power cut the
// same is sent once more: at least once.
#ifndef TCPINFO_COLLECT_PUBLISHING_PUBLISHER_H
#define TCPINFO_COLLECT_PUBLISHING_PUBLISHER_H

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "collect/connection_rows.h"
#include "collect/os/os.h"
#include "collect/publish_url.h"
#include "collect/publishing/block_file.h"
#include "collect/publishing/cursor.h"
#include "collect/publishing/outlet.h"
#include "collect/publishing/segment_streams.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/publish_counts.h"

namespace tcpinfo::collect {

class publisher {
 public:
  /// `system` and `counts` outlive it.
  /// @param rows makes what is sent of the blocks; null: they are sent as they are
  publisher(os& system, std::string output, const publish_url& url, std::unique_ptr<outlet> to,
            publish_counts& counts, std::unique_ptr<connection_rows> rows = nullptr);
  ~publisher() { finish(); }
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;

  /// Reads the cursor. Before anything else. One that is damaged says that nothing is acknowledged.
  /// @return why it cannot be read
  [[nodiscard]] std::error_code open();
  /// @return why there can be no thread.
  [[nodiscard]] std::error_code start();
  /// Recording has ended: sends what is there, as long as that succeeds, for a few seconds at most.
  void tell_end() noexcept;
  /// Waits for that, and ends the thread.
  void finish() noexcept;

  /// Looks once, and sends what is there. Not while the thread runs.
  /// @return whether all was acknowledged
  bool look();

  /// Whether the target has acknowledged all of a segment. Any thread.
  [[nodiscard]] bool has(const stream_key& stream, std::uint64_t segment) const;

  [[nodiscard]] const std::string& cursor_path() const noexcept { return cursor_.path(); }

 private:
  void work();
  [[nodiscard]] bool is_ending() noexcept;
  [[nodiscard]] bool may_go_on() noexcept;
  [[nodiscard]] bool send_stream(const stream_key& key, const segment_stream& stream);
  [[nodiscard]] bool send_blocks(const stream_key& key, std::uint64_t number,
                                 const found_segment& segment, bool ended, bool& done);
  [[nodiscard]] std::error_code take_batch(const stream_key& key, bool ended, stream_position& to,
                                           std::size_t& row, bool& fresh);
  [[nodiscard]] std::error_code add_block(const found_block& found, std::uint64_t segment,
                                          std::size_t& row);
  [[nodiscard]] bool send_segment(const stream_key& key, std::uint64_t number,
                                  const found_segment& segment);
  [[nodiscard]] bool take(const send_result& result, const stream_key& key,
                          const stream_position& to, std::uint64_t messages, std::uint64_t bytes);
  void pass_over(const block_batch::block& block);
  void gone(const stream_key& key, std::uint64_t number, const found_segment& segment);
  void pass_gap(const stream_key& key, std::uint64_t number);
  [[nodiscard]] stream_position position_of(const stream_key& key, std::uint64_t segment) const;
  void set(const stream_key& key, const stream_position& to);
  [[nodiscard]] bool is_behind(const stream_key& key, std::uint64_t number) const;
  [[nodiscard]] bool unread(const stream_key& key, std::uint64_t number, const std::string& path,
                            std::error_code ec);
  [[nodiscard]] bool give_up(const stream_key& key, std::uint64_t number);
  void complete(const stream_key& key, std::uint64_t number);
  void lost(const stream_key& key, std::uint64_t first, std::uint64_t last);
  void remember(const segment_streams& there);
  void forget_old(const segment_streams& there);
  void measure(const segment_streams& there);
  void save(bool now);
  [[nodiscard]] bool failed(const std::string& path, std::error_code ec);
  [[nodiscard]] bool failed(std::string_view why);

  os& system_;
  const std::string output_;
  const std::string name_;
  const bool segments_;  // whole ones
  const std::unique_ptr<outlet> to_;
  const std::unique_ptr<connection_rows> rows_;
  const may_wait may_ = [this] { return may_go_on(); };
  publish_counts& counts_;
  cursor cursor_;
  log_limit limit_{60'000'000'000};
  log_limit too_large_limit_{60'000'000'000};

  block_file file_;
  block_batch batch_;
  std::map<stream_key, stream_position> tried_;  // sent, and not acknowledged
  // Segments of which a disk does not give all, by how often they were tried.
  std::map<std::pair<stream_key, std::uint64_t>, int> unreadable_;
  // Of each stream, the first and the last segment that this run has seen.
  std::map<stream_key, std::pair<std::uint64_t, std::uint64_t>> seen_;
  bool away_ = false;  // the last try failed
  bool unsaved_ = false;
  std::int64_t saved_ns_ = 0;
  std::int64_t end_ns_ = 0;  // monotonic; when to give up, while ending

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  stream_positions positions_;  // changed by the publisher's thread
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
