// SPDX-License-Identifier: Apache-2.0
//
// Asks a running collector (tcpinfo-collect --query-socket) for the latest records of a connection.
#ifndef TCPINFO_OFFLINE_LIVE_QUERY_CLIENT_H
#define TCPINFO_OFFLINE_LIVE_QUERY_CLIENT_H

#include <cstdint>
#include <string>
#include <string_view>

#include "offline/filters/wanted_connection.h"

namespace tcpinfo::offline {

/// What came back.
struct query_answer {
  int status = 0;     ///< of HTTP: 200 with lines of an archive, 404 where nothing is known
  std::string body;   ///< else one line that says why
  std::string fault;  ///< why there is no whole answer; empty where there is one
};

/// The path of the request; empty where a collector cannot be asked by that name, because it has no
/// cookie.
[[nodiscard]] std::string query_path(const connection_name& name);

/// Sends one request and reads its answer. Throws std::bad_alloc.
/// @param socket the path of the collector's socket
/// @param patience_ns how long all of it may take
[[nodiscard]] query_answer ask_collector(const std::string& socket, std::string_view path,
                                         std::int64_t patience_ns = 30'000'000'000);

/// Calls the collector and asks nothing. @return why it cannot be asked; empty where it can.
[[nodiscard]] std::string why_no_collector(const std::string& socket);

/// The message about that.
[[nodiscard]] std::string no_collector(std::string_view socket, std::string_view why);

}  // namespace tcpinfo::offline

#endif
