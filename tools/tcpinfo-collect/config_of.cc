// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-collect/config_of.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/listen_address.h"
#include "collect/os/netns.h"
#include "collect/os/unix_address.h"
#include "collect/publish_url.h"
#include "collect/publishing/make_outlet.h"
#include "collect/serving/metrics.h"
#include "collect/writing/identity.h"
#include "tcpinfo-collect/bad_flag.h"
#include "tcpinfo-collect/published_rows.h"
#include "text/values.h"
#include "text/whole_number.h"

namespace tcpinfo::tools {
namespace {

constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t second = 1000 * millisecond;
constexpr std::int64_t longest = std::int64_t{10} * 366 * 24 * 3'600'000 * millisecond;

std::int64_t duration_of(const char* flag, const std::string& text, std::int64_t least,
                         const char* least_text) {
  const auto value = text::parse_duration(text);
  if (!value)
    throw bad_flag(fmt::format("{}: '{}' is no duration (examples: 10ms, 1m30s)", flag, text));
  // So that sums of times stay within 64 bits.
  if (*value > longest) throw bad_flag(fmt::format("{}: {} is longer than 10 years", flag, text));
  if (*value < least)
    throw bad_flag(fmt::format("{}: {} is too short, the least is {}", flag, text, least_text));
  return *value;
}

std::uint64_t number_of(const char* flag, const std::string& text, std::uint64_t least,
                        std::uint64_t most) {
  const auto value = text::parse_whole(text);
  if (!value || *value < least || *value > most)
    throw bad_flag(fmt::format("{}: '{}' is no number from {} to {}", flag, text, least, most));
  return *value;
}

std::optional<unsigned> parse_mode(const std::string& text) {
  unsigned mode = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (ec != std::errc{} || end != text.data() + text.size() || mode > 0777) return std::nullopt;
  return mode;
}

unsigned mode_of(const char* flag, const std::string& text) {
  if (const auto mode = parse_mode(text)) return *mode;
  throw bad_flag(fmt::format("{}: '{}' is no file mode (example: 0660)", flag, text));
}

unsigned file_mode_of(const char* flag, const std::string& text) {
  const auto mode = parse_mode(text);
  if (mode && (*mode & 0111) == 0 && (*mode & 0600) == 0600) return *mode;
  throw bad_flag(
      fmt::format("{}: '{}' is no octal mode of a file that its owner reads and writes "
                  "(example: 0644)",
                  flag, text));
}

std::uint64_t size_of(const char* flag, const std::string& text, std::uint64_t least,
                      const char* least_text, std::uint64_t most) {
  const auto value = text::parse_size(text);
  if (!value || *value < least || *value > most)
    throw bad_flag(fmt::format("{}: '{}' is no size of at least {}{}", flag, text, least_text,
                               value && *value > most ? ", or is too large" : ""));
  return *value;
}

collect::record_limits limits_of(const collect_flags& f, std::int64_t interval_ns) {
  collect::record_limits limits;
  limits.sample = number_of("--sample", f.sample, 1, 1'000'000'000);
  limits.thin_ns = duration_of("--thin", f.thin, 0, "0");
  if (limits.thin_ns != 0 && limits.thin_ns <= interval_ns)
    throw bad_flag(
        fmt::format("--thin: {} is no longer than --interval: nothing would be left out", f.thin));
  for (const std::string& list : f.finals_only)
    if (const std::string wrong = text::parse_ports(list, limits.finals_only); !wrong.empty())
      throw bad_flag("--finals-only: " + wrong);
  return limits;
}

collect::sampling_by sampling_of(const std::string& text) {
  if (text == "auto") return collect::sampling_by::automatic;
  if (text == "dump") return collect::sampling_by::dump;
  if (text == "events") return collect::sampling_by::events;
  throw bad_flag(fmt::format("--sampling: '{}' is neither auto, dump nor events", text));
}

collect::owner_level owner_level_of(const std::string& text) {
  if (text == "off") return collect::owner_level::off;
  if (text == "cgroup") return collect::owner_level::cgroup;
  if (text == "process") return collect::owner_level::process;
  throw bad_flag(fmt::format("--owner: '{}' is none of off, cgroup and process", text));
}

collect::layout layout_of(const std::string& text) {
  if (text == "connections") return collect::layout::connections;
  if (text == "segments") return collect::layout::segments;
  throw bad_flag(fmt::format("--layout: '{}' is neither connections nor segments", text));
}

double percent_of(const char* flag, const std::string& text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc{} && end == text.data() + text.size() && (value == 0 || value >= 0.1) &&
      value <= 10'000)
    return value;
  throw bad_flag(fmt::format(
      "{}: '{}' is no percentage of one processor (examples: 10, 0.5, 150; 0 = no limit)", flag,
      text));
}

collect::traffic_labels labels_of(const collect_flags& f) {
  collect::traffic_labels labels;
  std::string_view rest = f.traffic_metrics;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    rest.remove_prefix(more ? comma + 1 : rest.size());
    const auto& names = collect::traffic_label_names;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end())
      labels.wanted[static_cast<std::size_t>(found - names.begin())] = true;
    else if (name == "cause")
      labels.causes = true;
    else
      throw bad_flag(
          fmt::format("--traffic-metrics: '{}' is none of port, cc, prefix, cgroup, cause", name));
  }
  labels.limit = static_cast<std::size_t>(number_of("--label-limit", f.label_limit, 1, 10'000));
  return labels;
}

void check_socket_path(const char* flag, const std::string& path) {
  if (path.size() > collect::unix_address::max_path)
    throw bad_flag(fmt::format("{}: '{}' is longer than {} bytes", flag, path,
                               collect::unix_address::max_path));
}

// Whether two names are of one folder, which need not be there yet.
bool is_one_folder(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  const auto real = [](const std::string& path) {
    std::error_code ec;
    const fs::path found = fs::weakly_canonical(fs::current_path(ec) / path, ec);
    return ((ec ? fs::path(path) : found) / "").lexically_normal();
  };
  return real(a) == real(b);
}

// Where a URL is wrong it may hold a secret, and is not repeated.
void targets_to_config(const collect_flags& f, collect::config& c) {
  const bool rows = f.publish_what == "connections";
  if (!rows && !f.publish_what.empty() && f.publish_what != "blocks")
    throw bad_flag("--publish-what: it is neither blocks nor connections");
  if (!f.publish_what.empty() && f.publish.empty())
    throw bad_flag("--publish-what: without --publish nothing is sent");
  c.make_rows = make_published_rows;
  for (std::size_t i = 0; i < f.publish.size(); ++i) {
    collect::publish_url url;
    const std::string wrong = collect::parse_publish_url(f.publish[i], url);
    if (!wrong.empty()) throw bad_flag(fmt::format("--publish, URL {}: {}", i + 1, wrong));
    if (!collect::can_publish(url.how))
      throw bad_flag(fmt::format("--publish: this program was built without {}",
                                 url.how == collect::publish_by::https  ? "libcurl (https://)"
                                 : url.how == collect::publish_by::nats ? "libnats (nats://)"
                                                                        : "librdkafka (kafka://)"));
    if (rows && collect::takes_segments(url))
      throw bad_flag(fmt::format(
          "--publish-what connections: {} takes whole segments (nats:// and kafka:// take rows)",
          url.name));
    if (rows) {
      url.what = collect::publish_what::connections;
      // Its cursor says nothing of blocks.
      url.name += " (connections)";
    }
    const bool twice = std::any_of(c.publish.begin(), c.publish.end(),
                                   [&url](const auto& other) { return other.name == url.name; });
    if (twice) throw bad_flag(fmt::format("--publish: {} is there twice", url.name));
    // All would be taken for acknowledged, and there would be one copy alone.
    if (url.how == collect::publish_by::file && is_one_folder(url.path, c.output))
      throw bad_flag(fmt::format("--publish: {} is the folder of --output itself", url.name));
    c.publish.push_back(std::move(url));
  }
  if (!c.publish.empty() && c.layout != collect::layout::segments)
    throw bad_flag("--publish: what is sent are segments and their blocks: add --layout segments");
}

void outlets_to_config(const collect_flags& f, collect::config& c) {
  check_socket_path("--eventsocket", f.eventsocket);
  c.event_socket = f.eventsocket;
  if (!f.eventsocket_mode.empty())
    c.event_socket_mode = mode_of("--eventsocket-mode", f.eventsocket_mode);
  c.events_replay = f.events_replay;
  c.events_owner = f.events_owner;
  if (c.events_owner && c.event_socket.empty())
    throw bad_flag("--events-owner: without --eventsocket nobody could hear it");
  if (c.events_owner && c.owner == collect::owner_level::off)
    throw bad_flag(
        "--events-owner: whose connections are is found where --owner is cgroup or process");
  check_socket_path("--query-socket", f.query_socket);
  c.query_socket = f.query_socket;
  c.query_socket_mode = mode_of("--query-socket-mode", f.query_socket_mode);
  if (!f.traffic_metrics.empty()) c.traffic = labels_of(f);
  if (c.traffic && f.prometheus.empty())
    throw bad_flag("--traffic-metrics: without --prometheus nobody could read them");
  if (f.prometheus.empty()) return;
  if (!collect::metrics_available())
    throw bad_flag("--prometheus: this program was built without prometheus-cpp");
  c.prometheus = collect::parse_listen_address(f.prometheus);
  if (!c.prometheus)
    throw bad_flag(
        fmt::format("--prometheus: '{}' is no address and port (examples: 127.0.0.1:9990, :9990)",
                    f.prometheus));
}

}  // namespace

collect::config config_of(const collect_flags& f) {
  collect::config c;
  c.output = f.output;
  c.interval_ns = duration_of("--interval", f.interval, millisecond / 10, "100us");
  c.reps = number_of("--reps", f.reps, 0, ~std::uint64_t{0});
  c.duration_ns = duration_of("--duration", f.duration, 0, "0");
  c.layout = layout_of(f.layout);
  c.rotate_ns = duration_of("--rotate", f.rotate, 1000 * millisecond, "1s");
  c.flush_ns = duration_of("--flush", f.flush, 10 * millisecond, "10ms");
  c.level = static_cast<int>(number_of("--level", f.level, 1, 19));
  c.writers = static_cast<unsigned>(number_of("--writers", f.writers, 0, 64));
  c.sampling = sampling_of(f.sampling);
  c.reconcile_ns = duration_of("--reconcile", f.reconcile, 1000 * millisecond, "1s");
  c.realtime = !f.no_realtime;
  c.cpu_budget = percent_of("--cpu-budget", f.cpu_budget);
  c.include_local = f.include_local;
  c.verbose = f.verbose;
  c.uuid_prefix_file = f.uuid_prefix_file;
  c.max_memory = size_of("--max-memory", f.max_memory, std::uint64_t{64} << 20, "64MiB",
                         std::uint64_t{1} << 50);
  c.max_age_ns = duration_of("--max-age", f.max_age, 0, "0");
  if (c.max_age_ns != 0) c.max_age_ns = duration_of("--max-age", f.max_age, 60 * second, "1m");
  if (f.max_disk != "0")
    c.max_disk =
        size_of("--max-disk", f.max_disk, std::uint64_t{1} << 20, "1MiB", std::uint64_t{1} << 60);
  c.event_buffer = static_cast<std::size_t>(
      size_of("--event-buffer", f.event_buffer, 4096, "4KiB", std::uint64_t{1} << 30));
  c.file_mode = file_mode_of("--file-mode", f.file_mode);
  if (f.anonymize != "none" && f.anonymize != "netblock")
    throw bad_flag(fmt::format("--anonymize: '{}' is neither none nor netblock", f.anonymize));
  c.anonymize =
      f.anonymize == "none" ? collect::anonymize_by::none : collect::anonymize_by::netblock;
  c.owner = owner_level_of(f.owner);
  c.limits = limits_of(f, c.interval_ns);
  c.exclude_files = f.exclude_file;
  c.netns = f.netns;
  for (const std::string& one : c.netns)
    if (!collect::is_netns_name(one))
      throw bad_flag(fmt::format(
          "--netns: '{}' is no name or path (examples: blue, /proc/1234/ns/net, all)", one));
  outlets_to_config(f, c);
  targets_to_config(f, c);
  for (const std::string& list : f.exclude_srcport)
    if (const std::string wrong = text::parse_ports(list, c.exclude_sports); !wrong.empty())
      throw bad_flag("--exclude-srcport: " + wrong);
  for (const std::string& list : f.exclude_dstip)
    if (const std::string wrong = text::parse_prefixes(list, c.exclude_destinations);
        !wrong.empty())
      throw bad_flag("--exclude-dstip: " + wrong);
  if (!c.uuid_prefix_file.empty()) {
    std::string prefix;
    if (const auto ec = collect::read_uuid_prefix(c.uuid_prefix_file, prefix))
      throw bad_flag(fmt::format("--uuid-prefix-file: {}: {}", c.uuid_prefix_file, ec.message()));
  }
  return c;
}

}  // namespace tcpinfo::tools
