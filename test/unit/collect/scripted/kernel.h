// SPDX-License-Identifier: Apache-2.0
//
// The sockets of a test, and the events of their ends.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_KERNEL_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_KERNEL_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include "unit/made_socket.h"

/// The kernel of a test.
struct scripted_kernel {
  std::map<std::uint64_t, made_socket> sockets;  ///< what a dump and a query show
  std::vector<made_socket> events;               ///< destroy events that are queued
  std::error_code dump_fault;  ///< of the next dumps; it shows half of the sockets
  std::int64_t overflows = 0;
  std::error_code ends_refused;  ///< why no ends are told
  bool silent = false;           ///< none was told yet
  std::uint64_t polls = 0;
  std::uint64_t queries = 0;
  /// Called before each poll with its number, from 1.
  std::function<void(scripted_kernel&, std::uint64_t)> before_poll;

  /// The same, but the event can be read only at the last of so many tries.
  void destroy_later(std::uint64_t cookie, int tries) {
    late_ = sockets.at(cookie);
    late_->state = tcpinfo::tcp_state::close;
    late_tries_ = tries;
    sockets.erase(cookie);
  }
  /// Before events are read.
  void let_late_come() {
    if (!late_ || --late_tries_ > 0) return;
    events.push_back(*late_);
    late_.reset();
  }

  /// The socket ends: its destroy event is queued.
  void destroy(std::uint64_t cookie) {
    events.push_back(sockets.at(cookie));
    events.back().state = tcpinfo::tcp_state::close;
    sockets.erase(cookie);
  }

 private:
  std::optional<made_socket> late_;
  int late_tries_ = 0;
};

#endif
