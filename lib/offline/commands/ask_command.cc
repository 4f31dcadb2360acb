// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/ask_command.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/tcp.h>

#include <span>
#include <string_view>

#include "offline/live/query_client.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

/// Prints what a collector said. @return whether all of it could be read.
bool print_answer(output& out, std::string_view lines, const snapshot_print_options& how,
                  const say& complain) {
  archive_reader reader;
  if (const auto ec = reader.open_memory(std::as_bytes(std::span(lines)))) {
    complain("the answer: " + ec.message());
    return false;
  }
  snapshot_printer printer(how);
  bool good = true;
  std::string uuid;
  snapshot_label label;
  info_layout layout = running_kernel_layout();
  record r;
  for (bool more = true;;) {
    const auto ec = reader.next(r, more);
    if (!more) return good;
    metadata about;
    if (ec) {
      complain(fmt::format("the answer: {}: {}", reader.line_number(), ec.message()));
      good = false;
    } else if (r.get_metadata(about)) {
      uuid = about.uuid;
      label.uuid = uuid;
      label.sequence = about.sequence;
      label.opened = about.opened;
      layout = layout_of_kernel(about.kernel);
    } else if (!r.view().bytes.empty()) {
      label.time = r.time();
      label.poll = r.poll();
      label.ended = r.ended();
      label.carried = r.carried();
      label.thinned = r.thinned();
      (void)printer.print(out.buffer(), label, r.view(), layout);
      if (!out.written()) return good;
    }
  }
}

}  // namespace

int ask_for_connection(output& out, const ask_options& options, const say& complain) {
  const std::string path = query_path(options.connection);
  if (path.empty()) {
    complain(fmt::format("'{}' has no cookie at its end: a collector knows connections by it",
                         options.connection.text));
    return exit_usage;
  }
  const query_answer said = ask_collector(options.socket, path);
  if (!said.fault.empty()) {
    complain(no_collector(options.socket, said.fault));
    return exit_trouble;
  }
  if (said.status != 200) {
    complain(fmt::format("'{}': {}", options.connection.text,
                         std::string_view(said.body).substr(0, said.body.find('\n'))));
    return exit_trouble;
  }
  bool good = true;
  if (options.print)
    good = print_answer(out, said.body, *options.print, complain);
  else
    out.put(said.body);
  return end_status(out, !good, complain);
}

}  // namespace tcpinfo::offline
