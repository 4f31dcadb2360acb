// SPDX-License-Identifier: Apache-2.0
#include "offline/filter_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "offline/times.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

std::vector<std::uint16_t> ports_of(const char* flag, const std::string& text) {
  std::vector<std::uint16_t> ports;
  if (text.empty()) return ports;
  if (const std::string wrong = text::parse_ports(text, ports); !wrong.empty())
    throw bad_value(fmt::format("{}: {}", flag, wrong));
  return ports;
}

std::vector<ip_prefix> prefixes_of(const char* flag, const std::string& text) {
  std::vector<ip_prefix> prefixes;
  if (text.empty()) return prefixes;
  if (const std::string wrong = text::parse_prefixes(text, prefixes); !wrong.empty())
    throw bad_value(fmt::format("{}: {}", flag, wrong));
  return prefixes;
}

std::optional<timestamp> moment_of(const char* flag, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto t = parse_moment(text);
  if (!t)
    throw bad_value(
        fmt::format("{}: '{}' is no time (examples: 2026-01-31T12:00:00Z, 2026-01-31, 1769860800)",
                    flag, text));
  return t;
}

void add(CLI::App& app, const char* name, std::string& to, const char* meaning, const char* type) {
  app.add_option(name, to, meaning)
      ->type_name(type)
      ->group("Filters")
      ->check([](const std::string& text) { return text.empty() ? "empty value" : ""; });
}

}  // namespace

void declare_of_connections(CLI::App& app, filter_flags& f) {
  app.add_option("--uuid", f.uuid, "only these connections")
      ->type_name("UUID")
      ->group("Filters")
      ->take_all()
      ->allow_extra_args(false)  // what follows the UUID is a file
      ->delimiter(',');
  add(app, "--port", f.port, "ports at either end", "LIST");
  add(app, "--sport", f.sport, "local ports", "LIST");
  add(app, "--dport", f.dport, "remote ports", "LIST");
  add(app, "--host", f.host, "addresses or prefixes at either end", "LIST");
  add(app, "--src", f.src, "local addresses or prefixes", "LIST");
  add(app, "--dst", f.dst, "remote addresses or prefixes", "LIST");
  add(app, "--state", f.state, "TCP states, as the kernel or ss names them", "LIST");
}

void declare(CLI::App& app, filter_flags& f, bool thins) {
  declare_of_connections(app, f);
  add(app, "--since", f.since, "records of this moment and later", "TIME");
  add(app, "--until", f.until, "records before this moment", "TIME");
  if (thins)
    add(app, "--every", f.every,
        "one record in this time; the first, the last and changes of state always", "DURATION");
}

filter_options to_filter_options(const filter_flags& f) {
  filter_options o;
  o.uuids = f.uuid;
  o.ports = ports_of("--port", f.port);
  o.sports = ports_of("--sport", f.sport);
  o.dports = ports_of("--dport", f.dport);
  o.hosts = prefixes_of("--host", f.host);
  o.srcs = prefixes_of("--src", f.src);
  o.dsts = prefixes_of("--dst", f.dst);
  if (!f.state.empty()) {
    const auto states = parse_states(f.state);
    if (!states)
      throw bad_value(fmt::format(
          "--state: '{}' is no list of TCP states (example: ESTABLISHED,close-wait)", f.state));
    o.states = *states;
  }
  o.since = moment_of("--since", f.since);
  o.until = moment_of("--until", f.until);
  if (!f.every.empty()) {
    const auto every = text::parse_duration(f.every);
    if (!every)
      throw bad_value(fmt::format("--every: '{}' is no duration (examples: 10ms, 1m30s)", f.every));
    o.every_ns = *every;
  }
  return o;
}

}  // namespace tcpinfo::offline
