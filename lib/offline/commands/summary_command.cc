// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/summary_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/message_of.h"
#include "offline/filters/unmet.h"
#include "offline/networks/as_file.h"
#include "offline/summaries/distributions.h"
#include "offline/summaries/summary_print.h"

namespace tcpinfo::offline {
namespace {

// Why nothing can be said by that; empty where something can.
std::string why_not(group_key key, const std::vector<connection_facts>& all,
                    const summary_options& options) {
  const auto none = [&all](auto&& has) { return std::none_of(all.begin(), all.end(), has); };
  if (key == group_key::network && options.as_file.empty())
    return "by autonomous system: --asn names a routing table";
  if (key == group_key::cgroup && none([](const connection_facts& f) { return !f.cgroup.empty(); }))
    return "by cgroup: no connection has an owner that was recorded";
  if (key == group_key::process && none([](const connection_facts& f) { return !f.comm.empty(); }))
    return "by process: no connection has a process that was recorded";
  if (key == group_key::cause &&
      none([](const connection_facts& f) { return f.causes.has_value(); }))
    return "by cause: no record has counters, or no time passed between two";
  return {};
}

}  // namespace

int read_networks(const std::string& path, as_table& to, const say& complain) {
  if (path.empty()) return exit_done;
  bool trouble = false;
  const int error = read_as_file(path, to, [&](const input_fault& f) {
    trouble = true;
    complain(fmt::format("--asn: {}", to_string(f)));
    return true;
  });
  if (error != 0) {
    complain(fmt::format("--asn: {}: {}", path, message_of(error)));
    return exit_usage;
  }
  return trouble ? exit_trouble : exit_done;
}

int summarize_flows(output& out, const summary_options& options, const say& complain) {
  as_table networks;
  const int status = read_networks(options.as_file, networks, complain);
  if (status == exit_usage) return status;
  bool trouble = status != exit_done;
  read_flows flows;
  read_all_flows(options.paths, options.reading,
                 options.why ? flow_details::causes : flow_details::none, complain, flows);
  if (tell_late(flows.why, complain)) trouble = true;
  std::vector<connection_facts> all;
  all.reserve(flows.wanted.size());
  for (flow_summary* f : flows.wanted)
    all.push_back(facts_of(*f, options.why ? &flows.why : nullptr));
  std::vector<group_key> by;
  std::vector<std::string> left_out;
  const bool asked = !options.by.empty();
  for (std::size_t i = 0; i < (asked ? options.by.size() : group_key_count); ++i) {
    const group_key key = asked ? options.by[i] : static_cast<group_key>(i);
    if (!asked && key == group_key::minute) continue;  // of a day 1,440 lines
    if (std::string why = why_not(key, all, options); why.empty())
      by.push_back(key);
    else
      left_out.push_back(std::move(why));
  }
  const connection_summary summary =
      summarize(all, by, options.as_file.empty() ? nullptr : &networks, options.limit);
  if (options.format == summary_format::json)
    append_summary_json(out.buffer(), summary);
  else if (options.format == summary_format::html)
    append_summary_html(out.buffer(), summary, left_out);
  else
    append_summary_text(out.buffer(), summary, left_out);
  out.flush();
  if (!out.closed()) {
    // In JSON there is no place for sentences.
    if (options.format == summary_format::json && asked)
      for (const std::string& sentence : left_out) complain("left out: " + sentence);
    if (tell_unmet_or_none(options.reading.filter, flows.counts, flows.unread, complain))
      trouble = true;
  }
  return end_status(out, trouble || flows.trouble, complain);
}

}  // namespace tcpinfo::offline
