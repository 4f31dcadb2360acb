// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_list.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>

namespace tcpinfo::offline {

flow_summary* flow_list::add(const input_record& r, bool wanted) {
  if (context_ != r.context) {
    context_ = r.context;
    latest_ = nullptr;
    if (!context_->run.empty()) run_ = polls_.run_number(context_->poller());
  }
  if (!r.has_message) return nullptr;
  // Poll numbers without a run could be of several runs.
  const bool polled = r.poll != no_poll && !context_->run.empty();
  if (polled) polls_.see(run_, r.poll);
  if (!wanted) return nullptr;

  const std::uint64_t cookie = r.m.cookie();
  if (latest_ == nullptr || latest_cookie_ != cookie || latest_->is_left_by(r.m)) {
    const std::string base = r.connection_key();
    std::string key = base;
    if (const auto times = times_reused_.find(base); times != times_reused_.end())
      key += fmt::format(" {}", times->second);
    auto it = flows_.find(key);
    if (it != flows_.end() && it->second.is_left_by(r.m)) {
      // The socket was disconnected and connected again: another connection with the same UUID.
      key = fmt::format("{} {}", base, ++times_reused_[base]);
      it = flows_.end();
    }
    if (it == flows_.end()) {
      const bool of_capture = r.parsed == nullptr;
      // Archives hold connections only; a dump has also sockets that are none.
      if (of_capture && (r.m.dport() == 0 || r.m.dst().is_unspecified())) return nullptr;
      if (r.m.state() == static_cast<std::uint8_t>(tcp_state::listen)) return nullptr;
      it = flows_.try_emplace(key, std::string(r.uuid())).first;
    }
    latest_ = &it->second;
    latest_cookie_ = cookie;
    latest_->saw_sequence(*context_);
  }
  if (decoded_.decode(r.m, context_->layout)) return nullptr;
  latest_->add(r, decoded_);
  if (polled) latest_->saw_poll(run_, r.poll);
  ++snapshots_;
  return latest_;
}

std::vector<flow_summary*> flow_list::flows() {
  std::vector<flow_summary*> all;
  all.reserve(flows_.size());
  for (auto& [key, f] : flows_) all.push_back(&f);
  return all;
}

std::optional<std::uint64_t> flow_list::silent_polls(const flow_summary& f) const {
  if (f.polls().empty() || passed_over_) return std::nullopt;
  std::uint64_t silent = 0;
  for (const poll_span& p : f.polls()) silent += polls_.silent(p.run, p.first, p.last);
  return silent;
}

}  // namespace tcpinfo::offline
