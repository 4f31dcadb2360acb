// SPDX-License-Identifier: Apache-2.0
//
// Steps of the start that may be refused. Each says in the log why, and returns exit_ok or the exit
// status: exit_trouble where the same flags may do at the next start, else exit_usage.
#ifndef TCPINFO_COLLECT_STARTUP_H
#define TCPINFO_COLLECT_STARTUP_H

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/serving/event_server.h"
#include "collect/serving/metrics.h"
#include "collect/serving/query_server.h"
#include "collect/writing/output_lock.h"
#include "collect/writing/uuid_prefixes.h"

namespace tcpinfo::collect {

/// The text of an error of netlink, with a hint where one is known.
[[nodiscard]] std::string describe(const std::error_code& ec);
/// Whether it is one of threads, descriptors or memory: there may be some at the next start.
[[nodiscard]] bool is_shortage(const std::error_code& ec) noexcept;

/// Makes the output directory and takes its lock.
[[nodiscard]] int claim_output(const std::string& output, output_lock& lock);
/// Files that can never be finalized are found out now, not at their end.
[[nodiscard]] int check_finalizing(os& system, const std::string& output);
/// @return the exit status; for want of a thread for `what`.
[[nodiscard]] int refuse_thread(std::string_view what, const std::error_code& ec);
/// `events` stays null where no event socket is wanted. `prefixes` outlives it.
[[nodiscard]] int start_events(const config& settings, const uuid_prefixes& prefixes,
                               std::unique_ptr<event_server>& events);
/// `socket` stays closed where nobody may ask. Whoever calls is heard when a server has started.
[[nodiscard]] int open_query_socket(const config& settings, event_listener& socket);
/// Only where the socket is open.
[[nodiscard]] int start_queries(const event_listener& socket, query_server& queries);
/// Whether metrics could be served there, before the output directory is made.
[[nodiscard]] int check_metrics_address(const config& settings);
[[nodiscard]] int start_metrics(const config& settings, metrics_endpoint& metrics);

}  // namespace tcpinfo::collect

#endif
