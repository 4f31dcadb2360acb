// SPDX-License-Identifier: Apache-2.0
#include "offline/summaries/group_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "offline/text/times.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

// By group_key.
constexpr std::array<group_key_description, group_key_count> keys = {{
    {"port", "port"},
    {"prefix", "network of the other end"},
    {"as", "autonomous system of the other end"},
    {"cc", "congestion control"},
    {"cgroup", "cgroup"},
    {"process", "process"},
    {"hour", "hour in which they began, UTC"},
    {"minute", "minute in which they began, UTC"},
    {"closed", "end"},
    {"cause", "main cause"},
}};

// `size` characters of 2026-01-31T12:34:56.789Z.
std::string beginning_text(const connection_facts& f, std::size_t size) {
  if (!f.start_s) return {};
  std::array<char, max_moment_size> text;
  timestamp begin;
  begin.seconds = *f.start_s;
  return std::string(text.data(), std::min(format_moment(begin, time_style::utc, text), size));
}
constexpr std::size_t to_the_hour = 13;
constexpr std::size_t to_the_minute = 16;

std::string network_text(const connection_facts& f, const as_table* networks) {
  const std::uint32_t number = networks == nullptr ? as_table::none : networks->find(f.remote);
  if (number == as_table::none) return {};
  const std::string_view name = networks->name_of(number);
  return fmt::format("AS{}{}{}", number, name.empty() ? "" : " ", name);
}

}  // namespace

const group_key_description& describe(group_key key) noexcept {
  return keys[static_cast<std::size_t>(key)];
}

std::string parse_group_keys(std::string_view list, std::vector<group_key>& out) {
  return text::each_item(list, [&out](std::string_view item) -> std::string {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i].name != item) continue;
      const auto key = static_cast<group_key>(i);
      if (std::find(out.begin(), out.end(), key) == out.end()) out.push_back(key);
      return {};
    }
    std::string names;
    for (const group_key_description& k : keys)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", k.name);
    return fmt::format("'{}' is none of {}", item, names);
  });
}

std::string group_of(const connection_facts& f, group_key key, const as_table* networks) {
  switch (key) {
    case group_key::port:
      return f.port == 0 ? std::string() : std::to_string(f.port);
    case group_key::prefix: {
      if (f.remote.is_unspecified()) return {};
      const ip_prefix p = f.network();
      return fmt::format("{}/{}", to_string(p.address), p.length);
    }
    case group_key::network:
      return network_text(f, networks);
    case group_key::congestion_control:
      return std::string(f.congestion_control);
    case group_key::cgroup:
      return std::string(f.cgroup);
    case group_key::process:
      return std::string(f.comm);
    case group_key::hour:
      return beginning_text(f, to_the_hour);
    case group_key::minute:
      return beginning_text(f, to_the_minute);
    case group_key::closed:
      return std::string(f.closed == closing::open ? "open" : closing_name(f.closed));
    case group_key::cause:
      return f.causes ? std::string(analysis::why::name_of(f.causes->main)) : std::string();
  }
  return {};
}

}  // namespace tcpinfo::offline
