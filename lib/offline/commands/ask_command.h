// SPDX-License-Identifier: Apache-2.0
//
// The latest records of a connection from a running collector (tcpinfo-dump ask).
#ifndef TCPINFO_OFFLINE_COMMANDS_ASK_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_ASK_COMMAND_H

#include <optional>
#include <string>

#include "offline/commands/commands.h"
#include "offline/commands/print_command.h"
#include "offline/filters/wanted_connection.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

/// Where a collector that is told nothing else listens.
inline constexpr const char* usual_query_socket = "/run/tcpinfo/query.sock";

struct ask_options {
  connection_name connection;
  std::string socket = usual_query_socket;
  /// How records are printed; nullopt: as lines of archives, metadata records among them.
  std::optional<snapshot_print_options> print = {};
};

/// tcpinfo-dump ask
[[nodiscard]] int ask_for_connection(output& out, const ask_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
