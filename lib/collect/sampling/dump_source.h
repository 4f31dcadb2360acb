// SPDX-License-Identifier: Apache-2.0
//
// Dumps all connections at each poll, and reads destroy events. Queries single sockets when asked.
#ifndef TCPINFO_COLLECT_SAMPLING_DUMP_SOURCE_H
#define TCPINFO_COLLECT_SAMPLING_DUMP_SOURCE_H

#include <atomic>
#include <memory>
#include <utility>

#include "collect/sampling/connection_states.h"
#include "collect/sampling/kept_answers.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

class dump_source final : public source {
 public:
  /// `kept` may be null.
  explicit dump_source(const source_options& options,
                       std::unique_ptr<kept_answers> kept = nullptr) noexcept
      : options_(options), kept_(std::move(kept)), gentle_(options.gentle) {}

  [[nodiscard]] std::error_code probe(message_sink& sink) noexcept override;
  [[nodiscard]] std::error_code open() override;
  [[nodiscard]] poll_report dump(message_sink& sink) noexcept override {
    return dump_states(connection_states, sink);
  }
  [[nodiscard]] poll_report dump_connecting(message_sink& sink) noexcept override {
    poll_report report = dump_states(state_bit(tcp_state::syn_sent), sink);
    report.complete = false;
    return report;
  }
  [[nodiscard]] std::error_code drain(message_sink& sink) noexcept override;
  [[nodiscard]] int descriptor() const noexcept override;
  [[nodiscard]] std::error_code query(const socket_id& id, message_sink& sink) noexcept override;
  void query_all(std::span<const socket_id> ids, answer_callback fn, void* user) noexcept override;
  [[nodiscard]] std::int64_t event_overflows() const noexcept override;
  [[nodiscard]] std::error_code ends_refused() const noexcept override { return ends_refused_; }
  [[nodiscard]] bool has_heard_an_end() const noexcept override {
    // Where so much is told that some is lost, the kernel is not silent.
    return heard_an_end_ || events_.counter(dump_counter::overflows) > 0;
  }
  void give_way_no_more() noexcept override { gentle_.store(false, std::memory_order_relaxed); }
  /// In place of open(): for dump() only.
  [[nodiscard]] std::error_code open_dumps() noexcept { return dumps_.open(); }

 private:
  std::error_code dump_of(dump_families kind, message_sink& sink, poll_report& report) noexcept;
  void give_way() noexcept;
  [[nodiscard]] poll_report dump_states(std::uint32_t states, message_sink& sink) noexcept;

  source_options options_;
  diag_socket dumps_;
  const std::unique_ptr<kept_answers> kept_;  // of queries_
  // A socket of its own: a socket runs one dump at a time, and a query must not wait for it.
  diag_socket queries_;
  destroy_listener events_;
  std::error_code ends_refused_;
  std::uint32_t states_ = connection_states;  // of the running dump
  unsigned datagrams_ = 0;
  bool heard_an_end_ = false;  // or there is none to be heard of
  bool in_datagram_ = false;   // the sink has had a message of the datagram read last
  std::atomic<bool> gentle_;
  bool one_dump_ = true;        // one request for both families works, until the kernel refuses it
  bool kernel_filters_ = true;  // the kernel takes our filter program
};

}  // namespace tcpinfo::collect

#endif
