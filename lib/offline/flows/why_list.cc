// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/why_list.h"

#include <fmt/format.h>

#include <utility>

namespace tcpinfo::offline {

void why_list::add(const flow_summary& flow, const input_record& r) {
  const auto [it, is_new] = entries_.try_emplace(&flow);
  entry& e = it->second;
  if (is_new) e.open = std::make_unique<analysis::why::examiner>();
  const auto ns = r.moment_ns();
  if (!ns) return;
  if (e.open == nullptr) {
    ++late_;
    return;
  }
  if (decoded_.decode(r.m, r.context->layout)) return;  // too short: its reader refused it already
  if (!e.open->add(decoded_, *ns)) ++late_;
  decoded_.clear();
  if (r.m.state() != static_cast<std::uint8_t>(tcp_state::close)) return;
  judge(flow, e);
}

void why_list::judge(const flow_summary& flow, entry& e) {
  // Where the other end connected, the time at which it opened is that of the handshake's end.
  const auto opened = flow.opened();
  if (!opened.is_zero() && flow.opened_here().value_or(true))
    if (const auto ns = opened.unix_nanoseconds(); ns && *ns >= 0) e.open->set_opened(*ns);
  e.verdicts = e.open->verdicts();
  e.open.reset();
}

const why_verdicts& why_list::of(const flow_summary& flow) {
  entry& e = entries_[&flow];
  if (e.open != nullptr) judge(flow, e);
  return e.verdicts;
}

std::optional<analysis::why::live_verdict> main_cause(const flow_summary& flow, why_list* why) {
  if (why == nullptr) return flow.causes().verdict();
  const why_verdicts& verdicts = why->of(flow);
  if (verdicts.empty()) return std::nullopt;
  // The way that carried most is the first one.
  return analysis::why::live_verdict{verdicts.front().main, verdicts.front().share};
}

std::string late_records(std::uint64_t count) {
  return fmt::format(
      "{} records came after later ones of their connection, and were not used to tell why", count);
}

}  // namespace tcpinfo::offline
