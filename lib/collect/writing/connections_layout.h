// SPDX-License-Identifier: Apache-2.0
//
// The layout of one file for each connection (--layout connections): owns the flow logs of a
// writer's connections, and decides when each is written: when a frame is full, when the oldest
// snapshot has waited long enough, when memory runs short, and at the end.
#ifndef TCPINFO_COLLECT_WRITING_CONNECTIONS_LAYOUT_H
#define TCPINFO_COLLECT_WRITING_CONNECTIONS_LAYOUT_H

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <system_error>

#include "collect/writing/archive_writer.h"
#include "collect/writing/ended_flows.h"
#include "collect/writing/known_flows.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/record_sink.h"
#include "collect/writing/waiting_memory.h"
#include "collect/writing/wake_policy.h"
#include "collect/writing/write_schedule.h"
#include "collect/writing/written_flows.h"

namespace tcpinfo::collect {

class connections_layout final : public record_sink {
 public:
  explicit connections_layout(const sink_context& context)
      : context_(context.shared),
        archives_(context_),
        observer_(context.observer),
        memory_(context.memory),
        schedule_(flows_, context_.settings.flush_ns - wake_pause_ns(context_.settings)) {
    if (!context_.settings.query_socket.empty()) known_.emplace();
  }

  [[nodiscard]] std::error_code open() override { return archives_.open(); }
  void take(const snapshot_header& header, bytes_view message, std::int64_t now_ns) override;
  [[nodiscard]] bool write_portion(std::int64_t now_ns) override;
  void keep_budget(std::int64_t now_ns) override;
  void answer(const wanted_flow& wanted, recent_answer& out, std::int64_t now_ns) override;
  [[nodiscard]] std::int64_t next_ns(std::int64_t latest) const noexcept override {
    return schedule_.next_ns(latest);
  }
  void finish() override;
  void give_up() noexcept override;

 private:
  [[nodiscard]] written_flow& flow_of(const snapshot_header& header, bytes_view message,
                                      std::int64_t now_ns);
  [[nodiscard]] flow_log* write(flow_log& flow, std::int64_t now_ns);
  /// Runs `deed` on the flow, keeping the account of memory and of what is due.
  template <class F>
  bool with_account(flow_log& flow, std::int64_t now_ns, F&& deed);

  const writer_context& context_;
  archive_writer archives_;
  record_observer& observer_;
  waiting_memory& memory_;
  // Connections stay and snapshots go: with memory of their own the former do not keep what the
  // latter leave from being given back.
  std::pmr::unsynchronized_pool_resource flow_memory_;
  written_flows flows_{&flow_memory_};
  write_schedule schedule_;
  ended_flows former_;
  std::optional<known_flows> known_;  // where somebody may ask
  std::int64_t budget_retry_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
