// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/filter_flags.h"

#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>

#include "offline/text/times.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

// Hands each value to `parse`, which adds to what it has and says what is wrong.
template <class F>
void each_value(const char* flag, const std::vector<std::string>& values, F&& parse) {
  for (const std::string& value : values)
    if (const std::string wrong = parse(value); !wrong.empty())
      throw bad_value(fmt::format("{}: {}", flag, wrong));
}

std::vector<std::uint16_t> ports_of(const char* flag, const std::vector<std::string>& values) {
  std::vector<std::uint16_t> ports;
  each_value(flag, values,
             [&](const std::string& value) { return text::parse_ports(value, ports); });
  return ports;
}

std::vector<text::host_prefix> hosts_of(const char* flag, const std::vector<std::string>& values,
                                        const text::interface_finder& find) {
  std::vector<text::host_prefix> hosts;
  each_value(flag, values,
             [&](const std::string& value) { return text::parse_hosts(value, find, hosts); });
  return hosts;
}

timestamp now() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return {t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec), 0};
}

std::optional<timestamp> moment_of(const char* flag, const std::string& text,
                                   const timestamp& now) {
  if (text.empty()) return std::nullopt;
  timestamp t;
  if (const std::string wrong = parse_moment(text, now, t); !wrong.empty())
    throw bad_value(fmt::format("{}: {}", flag, wrong));
  return t;
}

std::string refuse_empty(const std::string& text) { return text.empty() ? "empty value" : ""; }

void add(CLI::App& app, const char* name, std::string& to, const char* meaning, const char* type) {
  app.add_option(name, to, meaning)->type_name(type)->group("Filters")->check(refuse_empty);
}

}  // namespace

CLI::Option* add_list(CLI::App& app, const char* name, std::vector<std::string>& to,
                      const char* meaning) {
  return app.add_option(name, to, meaning)
      ->type_name("LIST")
      ->expected(1)
      ->allow_extra_args(false)  // what follows its value is a file
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(refuse_empty);
}

void declare_of_connections(CLI::App& app, filter_flags& f) {
  const auto list = [&app](const char* name, std::vector<std::string>& to, const char* meaning) {
    return add_list(app, name, to, meaning)->group("Filters");
  };
  list("--uuid", f.uuid, "only these connections; a cookie alone will do")->type_name("UUID");
  list("--port", f.port, "ports and ranges of them at either end");
  list("--sport", f.sport, "local ports");
  list("--dport", f.dport, "remote ports");
  list("--host", f.host, "addresses or prefixes at either end");
  list("--src", f.src, "local addresses or prefixes");
  list("--dst", f.dst, "remote addresses or prefixes");
  list("--state", f.state, "TCP states and groups of them, as the kernel or ss names them");
}

void declare_times(CLI::App& app, filter_flags& f) {
  add(app, "--since", f.since, "records of this moment and later", "TIME");
  add(app, "--until", f.until, "records before this moment", "TIME");
}

void declare_owners(CLI::App& app, filter_flags& f) {
  const auto pattern = [&app](const char* name, std::vector<std::string>& to, const char* meaning,
                              const char* type) {
    add_list(app, name, to, meaning)->group("Filters")->type_name(type);
  };
  pattern("--cgroup", f.cgroup, "connections of owners whose control group matches", "PATTERN");
  pattern("--comm", f.comm, "connections of processes of this name or pattern", "NAME");
}

void declare(CLI::App& app, filter_flags& f, bool thins) {
  declare_of_connections(app, f);
  declare_owners(app, f);
  declare_times(app, f);
  if (thins)
    add(app, "--every", f.every,
        "one record in this time; the first, the last and changes of state always", "DURATION");
}

filter_options to_filter_options(const filter_flags& f,
                                 const text::interface_finder& find_interface) {
  filter_options o;
  std::vector<uuid_list::item> uuids;
  std::vector<ends_list::item> ends;
  each_value("--uuid", f.uuid, [&](const std::string& value) {
    return text::each_item(value, [&](std::string_view item) {
      uuids.push_back({std::string(item), std::string(item)});
      return std::string();
    });
  });
  for (const connection_name& name : f.named)
    if (name.ends)
      ends.push_back({*name.ends, name.text});
    else
      uuids.push_back({name.uuid, name.text});
  o.uuids = uuid_list(uuids);
  o.ends = ends_list(ends);
  o.ports = ports_of("--port", f.port);
  o.sports = ports_of("--sport", f.sport);
  o.dports = ports_of("--dport", f.dport);
  o.hosts = hosts_of("--host", f.host, find_interface);
  o.srcs = hosts_of("--src", f.src, find_interface);
  o.dsts = hosts_of("--dst", f.dst, find_interface);
  o.cgroups = f.cgroup;
  o.comms = f.comm;
  each_value("--state", f.state,
             [&](const std::string& value) { return parse_states(value, o.states); });
  // One now for both, so that they say the same of each other at midnight, too.
  const timestamp here = now();
  o.since = moment_of("--since", f.since, here);
  o.until = moment_of("--until", f.until, here);
  if (o.since && o.until && compare(*o.since, *o.until) >= 0)
    throw bad_value(fmt::format("--since: '{}' is not before --until '{}': no record is between",
                                f.since, f.until));
  if (!f.every.empty()) {
    const auto every = text::parse_duration(f.every);
    if (!every)
      throw bad_value(fmt::format("--every: '{}' is no duration (examples: 10ms, 1m30s)", f.every));
    o.every_ns = *every;
  }
  return o;
}

}  // namespace tcpinfo::offline
