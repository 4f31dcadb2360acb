// SPDX-License-Identifier: Apache-2.0
#include <system_error>

#include "offline/commands.h"
#include "offline/inputs.h"

namespace tcpinfo::offline {

int end_status(output& out, bool trouble, const say& complain) {
  out.flush();
  if (out.error() != 0) {
    complain("standard output: " + std::generic_category().message(out.error()));
    return exit_trouble;
  }
  if (out.closed()) return exit_done;
  return trouble ? exit_trouble : exit_done;
}

int list_flows(output& out, const list_options& options, const say& complain) {
  bool trouble = false;
  const auto on_fault = [&](const input_fault& f) {
    trouble = true;
    complain(to_string(f));
    return true;
  };
  input_walk walk(options.paths, {.captures = true}, on_fault);
  input_reader reader(on_fault, {.captures = true, .max_window_log = options.max_window_log});
  record_filter filter(options.filter);
  flow_list list;
  input_record r;
  std::string path;
  while (walk.next(path)) {
    if (!reader.open(path)) continue;
    while (reader.next(r)) {
      if (r.says_nothing()) on_fault({r.context->file, r.line, nothing_said});
      list.add(r, filter.wants_in_any_state(r));
    }
  }
  std::vector<flow_summary*> wanted;
  for (flow_summary* f : list.flows())
    if (filter.wants_state(f->state())) wanted.push_back(f);
  print_flows(out, list, wanted, options.print);
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
