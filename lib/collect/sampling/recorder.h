// SPDX-License-Identifier: Apache-2.0
//
// Decides which messages become records, and makes these: the flow table tells what has changed, a
// header says what the record is, a writer takes both. Tells the flow listener which connections
// open and close.
#ifndef TCPINFO_COLLECT_SAMPLING_RECORDER_H
#define TCPINFO_COLLECT_SAMPLING_RECORDER_H

#include <tcpinfo/cache.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/sampling/current_exclusions.h"
#include "collect/sampling/detached_flows.h"
#include "collect/sampling/mini_sockets.h"
#include "collect/sampling/poll_observer.h"
#include "collect/sampling/poll_state.h"
#include "collect/sampling/record_policy.h"
#include "collect/sampling/sampler_context.h"
#include "collect/sampling/source.h"
#include "collect/sampling/thinning.h"
#include "collect/sampling/told_times.h"
#include "collect/sampling/writer_dispatch.h"

namespace tcpinfo::collect {

/// One sampler's, on its thread. Its message_sink part is what a source delivers; it hears of no
/// absences.
class recorder final : public message_sink {
 public:
  /// All outlive it. `table` is the sampler's; the recorder keeps messages in it.
  recorder(const sampler_context& context, const sampled_netns& where, const poll_state& poll,
           poll_observer& polls, flow_table& table);
  ~recorder() override;
  recorder(const recorder&) = delete;
  recorder& operator=(const recorder&) = delete;

  // What a source delivers.

  void on_datagram() noexcept override { read_ns_ = system_.realtime_ns(); }
  /// A socket as a poll shows it: becomes a record where it has changed.
  socket_outcome on_socket(const message& m) noexcept override;
  /// Becomes a final record. Waits in the recorder while its writer has no room.
  void on_destroyed(const message& m) noexcept override;
  void on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept override;
  /// Times of connections that are not recorded are not kept: nothing more may ever be heard of
  /// them.
  void on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept override;

  // Connections.

  /// Whether the flow table has it.
  [[nodiscard]] bool knows(std::uint64_t cookie) const noexcept;
  /// What events have told of it; zeros where they told nothing.
  [[nodiscard]] told_times::times told_of(std::uint64_t cookie) const noexcept {
    return told_.get(cookie);
  }
  /// Whether it is detached, or its final record waits for room.
  [[nodiscard]] bool is_detached(std::uint64_t cookie) const noexcept {
    return detached_.find(cookie) != nullptr;
  }
  /// Ends a connection, in the table, of whose end no destroy event tells: at `ended_ns`, since
  /// 1970.
  /// @param may_come the event may still come: the recorder remembers the connection as detached
  /// @return false where memory or a writer's room is short: nothing has changed
  [[nodiscard]] bool end_without_event(std::uint64_t cookie, std::int64_t ended_ns, bool may_come);
  /// Ends the connections that the exclusions name now. They end in the archive, not in the kernel.
  /// @return false where some are left: memory or a writer's room is short
  [[nodiscard]] bool end_excluded();

  // The sampler's loop.

  /// What comes next is read now, in no datagram.
  void read_now() noexcept { on_datagram(); }
  /// Gives final messages that wait to their writers, as far as these have room.
  void retry_pending() noexcept;
  [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }
  /// A dump of the last poll left out changes that could not be kept: a next one shows them again.
  /// @return whether any message was not kept since the last call
  [[nodiscard]] bool take_not_kept() noexcept;
  /// Counts what the poll has seen, and forgets mini sockets of long ago.
  void end_poll() noexcept;
  /// Nothing more comes: counts what was left out by policy and may have become a record yet.
  void end_run() noexcept;
  /// Wakes the writers, where `next_ns` (monotonic), the next occasion, would be too late.
  void wake_writers(std::int64_t next_ns) noexcept;

 private:
  struct pending_final {
    std::vector<std::byte> bytes;
    std::int64_t time_ns;
  };

  /// What is told of a connection that opens.
  struct opening {
    socket_id id;
    owner_clues clues;
  };

  /// What became of a change.
  enum class offered { recorded, left_out, no_room };

  [[nodiscard]] bool record(const flow_update& update) noexcept;
  [[nodiscard]] offered offer_by_policy(snapshot_header& header,
                                        const flow_update& update) noexcept;
  [[nodiscard]] offered offer_thinned(snapshot_header& header, const flow_update& update) noexcept;
  void count_opened(const snapshot_header& first) noexcept;
  [[nodiscard]] bool record_final(const message& m, std::int64_t time_ns) noexcept;
  [[nodiscard]] bool began_here(const message& final, std::int64_t time_ns) const noexcept;
  [[nodiscard]] bool is_of_earlier_run(const message& final, std::int64_t time_ns) const noexcept;
  [[nodiscard]] bool opens_nothing(const message& m) noexcept;
  [[nodiscard]] bool restore(const detached_flows::flow& held) noexcept;
  [[nodiscard]] snapshot_header header_of(const message& m, std::int64_t time_ns) const noexcept;
  [[nodiscard]] bool push(const snapshot_header& header, bytes_view message) noexcept {
    // The first poll shows everything there is at once, more than a queue may hold. Nothing is due
    // yet and nobody relies on the collector: the one time that the sampler waits for a writer.
    return writers_.push(header, message, poll_.first);
  }
  [[nodiscard]] bool push_left_out(std::uint64_t cookie) noexcept;
  [[nodiscard]] bool push_gone(std::uint64_t cookie) noexcept;
  [[nodiscard]] opening opening_of(const message& m) const noexcept;
  void tell_opened(const opening& what, std::int64_t time_ns) noexcept;
  void tell_closed(std::uint64_t cookie, std::int64_t time_ns) noexcept;
  void tell_reused(const opening& what, std::int64_t time_ns) noexcept;
  void count_detached() noexcept;
  /// Since 1970, of a monotonic time.
  [[nodiscard]] std::int64_t wall_ns(std::int64_t time_ns) const noexcept {
    return system_.realtime_ns() - (system_.monotonic_ns() - time_ns);
  }

  os& system_;
  const uuid_prefixes& prefixes_;
  const sequence_index& earlier_;
  statistics& counts_;
  observations& observed_;
  flow_listener* const listener_;
  const std::uint32_t netns_;
  const current_exclusions& unwanted_;
  const poll_state& poll_;
  poll_observer& polls_;
  flow_table& table_;
  const record_policy policy_;
  thinning thinning_;
  writer_dispatch writers_;

  std::int64_t read_ns_ = 0;     // since 1970, when the source read what it gives now
  bool not_kept_ = false;        // since take_not_kept()
  std::uint64_t seen_ = 0;       // sockets, not yet counted where all threads read
  std::uint64_t snapshots_ = 0;  // made, not yet counted
  told_times told_;
  mini_sockets minis_;
  detached_flows detached_;
  std::int64_t detached_counted_ = 0;  // of them, in counts_
  std::deque<pending_final> pending_;
  std::size_t pending_bytes_ = 0;
};

}  // namespace tcpinfo::collect

#endif
