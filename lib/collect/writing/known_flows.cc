// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/known_flows.h"

#include <tcpinfo/message.h>

#include <algorithm>
#include <array>
#include <functional>
#include <new>
#include <utility>

namespace tcpinfo::collect {
namespace {

bool is_of(const text::endpoint_pair& a, const text::endpoint_pair& b) noexcept {
  return (a.one == b.one && a.other == b.other) || (a.one == b.other && a.other == b.one);
}

}  // namespace

void known_flows::see(std::uint64_t cookie, recorded_netns& netns, bytes_view message) noexcept
    try {
  // The head alone, changed as the one that is recorded.
  std::array<std::byte, wire::inet_diag_msg_size> head{};
  if (message.size() < head.size()) return;
  std::copy_n(message.begin(), head.size(), head.begin());
  netns.addresses.apply(head);
  const socket_id id = tcpinfo::message{head}.id();
  known& flow = all_[cookie];
  flow = {};
  flow.ends = {{id.src.unmapped(), id.sport}, {id.dst.unmapped(), id.dport}};
  flow.number = ++last_number_;
} catch (const std::bad_alloc&) {
}

void known_flows::end(std::uint64_t cookie, std::string_view file, std::int64_t now_ns) noexcept {
  const auto found = all_.find(cookie);
  if (found == all_.end()) return;
  try {
    found->second.file = file;
    ended_.push_back({cookie, now_ns});
    found->second.ended_ns = now_ns;
  } catch (const std::bad_alloc&) {
    all_.erase(found);
  }
  forget_old(now_ns);
}

void known_flows::forget_old(std::int64_t now_ns) noexcept {
  while (!ended_.empty() &&
         (ended_.size() > most_ended || now_ns - ended_.front().ended_ns > kept_ns)) {
    const auto found = all_.find(ended_.front().cookie);
    if (found != all_.end() && found->second.ended_ns == ended_.front().ended_ns) all_.erase(found);
    ended_.pop_front();
  }
}

std::vector<std::uint64_t> known_flows::find(const wanted_flow& wanted, std::int64_t now_ns) {
  forget_old(now_ns);
  std::vector<std::uint64_t> cookies;
  if (!wanted.ends) {
    if (all_.contains(wanted.cookie)) cookies.push_back(wanted.cookie);
    return cookies;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;  // number and cookie
  for (const auto& [cookie, flow] : all_)
    if (is_of(flow.ends, *wanted.ends)) found.emplace_back(flow.number, cookie);
  std::sort(found.begin(), found.end(), std::greater<>());
  if (found.size() > most_asked_flows) found.resize(most_asked_flows);
  for (const auto& [number, cookie] : found) cookies.push_back(cookie);
  return cookies;
}

const known_flows::known* known_flows::of(std::uint64_t cookie) const noexcept {
  const auto found = all_.find(cookie);
  return found == all_.end() ? nullptr : &found->second;
}

}  // namespace tcpinfo::collect
