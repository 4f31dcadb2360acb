// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "common/message_of.h"
#include "offline/commands/commands.h"
#include "offline/commands/flow_reading.h"
#include "offline/filters/unmet.h"
#include "text/counted.h"

namespace tcpinfo::offline {

int end_status(output& out, bool trouble, const say& complain) {
  out.flush();
  if (out.error() != 0) {
    complain("standard output: " + message_of(out.error()));
    return exit_trouble;
  }
  if (out.closed()) return exit_done;
  return trouble ? exit_trouble : exit_done;
}

int list_flows(output& out, const list_options& options, const say& complain) {
  const bool records = options.exact || needs_polls(options.print) || needs_polls(options.where);
  const flow_details details = options.why ? flow_details::causes
                               : records   ? flow_details::records
                                           : flow_details::none;
  read_flows flows(flow_list::rtts::exact);
  read_all_flows(options.paths, options.reading, details, complain, flows);
  flow_print_options print = options.print;
  if (options.why) print.why = &flows.why;
  const std::size_t passed = flows.wanted.size();
  keep_met(flows.wanted, flows.list, print.why, options.where);
  const std::size_t left_out = print_flows(out, flows.list, flows.wanted, print);
  if (left_out != 0 && options.notes && out.flush())
    complain(fmt::format("{} columns do not fit this terminal: --columns shows them", left_out));
  bool trouble = flows.trouble;
  if (!out.closed()) {
    if (tell_late(flows.why, complain)) trouble = true;
    if (passed != 0 && flows.wanted.empty())
      complain(fmt::format("of {} none meets --where", text::counted(passed, "connection")));
    if (tell_unmet_or_none(options.reading.filter, flows.counts, flows.unread, complain))
      trouble = true;
  }
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
