// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-collect: records every TCP connection of this machine. Flags and main; the work is done
// by lib/collect.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "collect/collector.h"
#include "collect/control/control.h"
#include "collect/control/peer_flags.h"
#include "collect/listen_address.h"
#include "collect/os/capabilities.h"
#include "collect/os/netns.h"
#include "collect/serving/event_listener.h"
#include "collect/serving/metrics.h"
#include "collect/telemetry/log.h"
#include "collect/writing/identity.h"
#include "text/standard_output.h"
#include "text/values.h"

namespace {

namespace collect = tcpinfo::collect;
namespace text = tcpinfo::text;

constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t second = 1000 * millisecond;
constexpr std::int64_t longest = std::int64_t{10} * 366 * 24 * 3'600'000 * millisecond;

// A value that cannot be used: what() is the whole line to print.
class bad_value : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The flags as they were typed.
struct flags {
  std::string output = ".";
  std::string interval = "10ms";
  std::string reps = "0";
  std::string duration = "0";
  std::string rotate = "10m";
  std::string flush = "5s";
  std::string level = "3";
  std::string writers = "0";
  std::string sampling = "auto";
  std::string reconcile = "10s";
  std::string cpu_budget = "0";
  std::string max_memory = "256MiB";
  std::string max_age = "0";
  std::string max_disk = "0";
  std::vector<std::string> exclude_srcport;
  std::vector<std::string> exclude_dstip;
  std::vector<std::string> exclude_file;
  std::string anonymize = "none";
  std::string file_mode = "0640";
  std::string event_buffer = "32MiB";
  std::string uuid_prefix_file;
  std::string prometheus;
  std::string eventsocket;
  std::string eventsocket_mode;
  std::vector<std::string> netns;
  bool no_realtime = false;
  bool events_replay = false;
  bool include_local = false;
  bool verbose = false;
};

std::int64_t duration_of(const char* flag, const std::string& text, std::int64_t least,
                         const char* least_text) {
  const auto value = text::parse_duration(text);
  if (!value)
    throw bad_value(fmt::format("{}: '{}' is no duration (examples: 10ms, 1m30s)", flag, text));
  // So that sums of times stay within 64 bits.
  if (*value > longest) throw bad_value(fmt::format("{}: {} is longer than 10 years", flag, text));
  if (*value < least)
    throw bad_value(fmt::format("{}: {} is too short, the least is {}", flag, text, least_text));
  return *value;
}

std::uint64_t number_of(const char* flag, const std::string& text, std::uint64_t least,
                        std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    throw bad_value(fmt::format("{}: '{}' is no number from {} to {}", flag, text, least, most));
  return value;
}

std::optional<unsigned> parse_mode(const std::string& text) {
  unsigned mode = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (ec != std::errc{} || end != text.data() + text.size() || mode > 0777) return std::nullopt;
  return mode;
}

unsigned mode_of(const char* flag, const std::string& text) {
  if (const auto mode = parse_mode(text)) return *mode;
  throw bad_value(fmt::format("{}: '{}' is no file mode (example: 0660)", flag, text));
}

unsigned file_mode_of(const char* flag, const std::string& text) {
  const auto mode = parse_mode(text);
  if (mode && (*mode & 0111) == 0 && (*mode & 0600) == 0600) return *mode;
  throw bad_value(
      fmt::format("{}: '{}' is no octal mode of a file that its owner reads and writes "
                  "(example: 0644)",
                  flag, text));
}

std::uint64_t size_of(const char* flag, const std::string& text, std::uint64_t least,
                      const char* least_text, std::uint64_t most) {
  const auto value = text::parse_size(text);
  if (!value || *value < least || *value > most)
    throw bad_value(fmt::format("{}: '{}' is no size of at least {}{}", flag, text, least_text,
                                value && *value > most ? ", or is too large" : ""));
  return *value;
}

collect::sampling_by sampling_of(const std::string& text) {
  if (text == "auto") return collect::sampling_by::automatic;
  if (text == "dump") return collect::sampling_by::dump;
  if (text == "events") return collect::sampling_by::events;
  throw bad_value(fmt::format("--sampling: '{}' is neither auto, dump nor events", text));
}

double percent_of(const char* flag, const std::string& text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc{} && end == text.data() + text.size() && (value == 0 || value >= 0.1) &&
      value <= 10'000)
    return value;
  throw bad_value(fmt::format(
      "{}: '{}' is no percentage of one processor (examples: 10, 0.5, 150; 0 = no limit)", flag,
      text));
}

void outlets_to_config(const flags& f, collect::config& c) {
  if (f.eventsocket.size() > collect::max_socket_path)
    throw bad_value(fmt::format("--eventsocket: '{}' is longer than {} bytes", f.eventsocket,
                                collect::max_socket_path));
  c.event_socket = f.eventsocket;
  if (!f.eventsocket_mode.empty())
    c.event_socket_mode = mode_of("--eventsocket-mode", f.eventsocket_mode);
  c.events_replay = f.events_replay;
  if (f.prometheus.empty()) return;
  if (!collect::metrics_available())
    throw bad_value("--prometheus: this program was built without prometheus-cpp");
  c.prometheus = collect::parse_listen_address(f.prometheus);
  if (!c.prometheus)
    throw bad_value(
        fmt::format("--prometheus: '{}' is no address and port (examples: 127.0.0.1:9990, :9990)",
                    f.prometheus));
}

collect::config to_config(const flags& f) {
  collect::config c;
  c.output = f.output;
  c.interval_ns = duration_of("--interval", f.interval, millisecond / 10, "100us");
  c.reps = number_of("--reps", f.reps, 0, ~std::uint64_t{0});
  c.duration_ns = duration_of("--duration", f.duration, 0, "0");
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
    throw bad_value(fmt::format("--anonymize: '{}' is neither none nor netblock", f.anonymize));
  c.anonymize =
      f.anonymize == "none" ? collect::anonymize_by::none : collect::anonymize_by::netblock;
  c.exclude_files = f.exclude_file;
  c.netns = f.netns;
  for (const std::string& one : c.netns)
    if (!collect::is_netns_name(one))
      throw bad_value(fmt::format(
          "--netns: '{}' is no name or path (examples: blue, /proc/1234/ns/net, all)", one));
  outlets_to_config(f, c);
  for (const std::string& list : f.exclude_srcport)
    if (const std::string wrong = text::parse_ports(list, c.exclude_sports); !wrong.empty())
      throw bad_value("--exclude-srcport: " + wrong);
  for (const std::string& list : f.exclude_dstip)
    if (const std::string wrong = text::parse_prefixes(list, c.exclude_destinations);
        !wrong.empty())
      throw bad_value("--exclude-dstip: " + wrong);
  if (!c.uuid_prefix_file.empty()) {
    std::string prefix;
    if (const auto ec = collect::read_uuid_prefix(c.uuid_prefix_file, prefix))
      throw bad_value(fmt::format("--uuid-prefix-file: {}: {}", c.uuid_prefix_file, ec.message()));
  }
  return c;
}

void declare(CLI::App& app, flags& f) {
  app.set_version_flag("--version", "tcpinfo-collect " + std::string(tcpinfo::version_string()));
  app.add_option("-o,--output", f.output, "directory for the archives; it is created")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--interval", f.interval, "time between polls")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--reps", f.reps, "polls to do, 0 = no end")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--duration", f.duration, "time to record, 0 = no end")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--rotate", f.rotate, "a connection's file this old is followed by a new one")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--flush", f.flush, "age at which records reach the file")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--level", f.level, "zstd level, 1 (fast) to 19 (small)")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--writers", f.writers, "threads that compress and write, 0 = by the machine")
      ->type_name("N")
      ->capture_default_str();
  app.add_option(
         "--sampling", f.sampling,
         "how to find what has changed: events (query active connections only), dump (dump all), "
         "or auto: events where the kernel and the privileges allow it")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--reconcile", f.reconcile,
                 "sampling by events: the longest time between two dumps of the reconciler")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_flag("--no-realtime", f.no_realtime,
               "sampling by events: never run polls in real time (brief ones are otherwise, where "
               "that is allowed)");
  app.add_option("--cpu-budget", f.cpu_budget,
                 "percent of one processor that all threads together should stay below, by polling "
                 "less often; 0 = no limit")
      ->type_name("PERCENT")
      ->capture_default_str();
  app.add_option("--max-memory", f.max_memory,
                 "where records that wait would take more, the oldest are written early")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--max-age", f.max_age,
                 "remove complete archives that were last written to longer ago, 0 = never")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--max-disk", f.max_disk,
                 "where the output directory takes more of the disk, remove its oldest complete "
                 "archives, 0 = never")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_flag("--include-local", f.include_local,
               "record loopback and link-local connections too");
  app.add_option(
         "--netns", f.netns,
         "record this network namespace, too: a name of ip-netns(8), a path, or all; can be "
         "given more than once")
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const auto add_list = [&app](const char* name, std::vector<std::string>& to, const char* meaning,
                               const char* type) {
    app.add_option(name, to, meaning)
        ->type_name(type)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  add_list("--exclude-srcport", f.exclude_srcport,
           "local ports and ranges of them not to record; several lists add up", "LIST");
  add_list("--exclude-dstip", f.exclude_dstip,
           "remote addresses or prefixes not to record, IPv4-mapped forms included; several lists "
           "add up",
           "LIST");
  add_list("--exclude-file", f.exclude_file,
           "more exclusions, a line each: srcport LIST or dstip LIST; SIGHUP reads it again; can "
           "be given more than once",
           "FILE");
  app.add_option("--anonymize", f.anonymize,
                 "none, or netblock: zero the host part of remote addresses")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--file-mode", f.file_mode,
                 "mode of files; folders are searchable for those who may read")
      ->type_name("MODE")
      ->capture_default_str();
  app.add_option("--event-buffer", f.event_buffer,
                 "room the kernel is asked to give messages about ends while we are busy")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--uuid-prefix-file", f.uuid_prefix_file,
                 "file with the first part of UUIDs; SIGHUP reads it again")
      ->type_name("FILE");
  app.add_option("--prometheus", f.prometheus, "serve metrics here (:PORT is every address)")
      ->type_name("ADDR:PORT");
  app.add_option("--eventsocket", f.eventsocket, "unix socket that tells what opens and closes")
      ->type_name("PATH");
  app.add_option("--eventsocket-mode", f.eventsocket_mode,
                 "mode of that file; without it the umask decides")
      ->type_name("MODE");
  app.add_flag("--events-replay", f.events_replay,
               "tell each new client of that socket what is open already");
  app.add_flag("-v,--verbose", f.verbose, "say what is done, not only what goes wrong");
}

// Nothing is not the same as not given: a script's variable that is not set must not switch off
// what it was to say.
void refuse_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const auto& given = option->results();
    if (option->get_expected_max() > 0 &&
        std::any_of(given.begin(), given.end(), [](const auto& value) { return value.empty(); }))
      throw bad_value(fmt::format("{}: empty value", option->get_name()));
  }
}

// The environment's flags, of which the command line has none, and then that.
std::vector<std::string> all_arguments(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> ours;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames())
      if (name != "help" && name != "version") ours.push_back(name);
  std::vector<std::string> all = {argv[0]};
  const auto value_of = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  const std::vector<const char*> typed(argv + 1, argv + argc);
  auto translated = collect::translate_peer_flags(typed);
  for (std::string& flag : collect::environment_flags(ours, translated.arguments, value_of))
    all.push_back(std::move(flag));
  for (const std::string& flag : translated.ignored)
    collect::log(collect::event::usage, "{} means nothing here and is ignored", flag);
  for (std::string& argument : translated.arguments) all.push_back(std::move(argument));
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  // A log whose reader is gone, or a file size limit, is an error of one write, not the end.
  tcpinfo::text::hold_standard_descriptors();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  collect::raise_capabilities();
  collect::use_journal_if_connected();
  flags f;
  CLI::App app("Records what the kernel knows about every TCP connection of this machine.");
  if (argc < 1) return collect::exit_usage;
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  declare(app, f);
  collect::config c;
  try {
    const std::vector<std::string> arguments = all_arguments(app, argc, argv);
    std::vector<const char*> words;
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    app.parse(static_cast<int>(words.size()), words.data());
    refuse_empty(app);
    c = to_config(f);
  } catch (const CLI::Success& done) {  // --help, --version
    std::ostringstream text;
    app.exit(done, text);
    const int error = tcpinfo::text::print(text.str());
    if (error == 0) return collect::exit_ok;
    collect::log(collect::event::start_refused, "standard output: {}",
                 std::generic_category().message(error));
    return collect::exit_trouble;
  } catch (const CLI::ParseError& e) {
    collect::log(collect::event::usage, "{} (see --help)", e.what());
    return collect::exit_usage;
  } catch (const bad_value& e) {
    collect::log_line(collect::event::usage, e.what());
    return collect::exit_usage;
  }
  // --file-mode says what is wanted, for folders as well. The event socket's mode is as it would
  // be.
  const mode_t masked = ::umask(0);
  if (!c.event_socket_mode) c.event_socket_mode = 0777U & ~masked;
  const auto operator_says = collect::make_signal_control();
  if (operator_says == nullptr) {
    collect::log(collect::event::start_refused, "cannot wait for signals: {}",
                 std::generic_category().message(errno));
    return collect::exit_trouble;
  }
  // Each namespace takes some; nothing here uses select(2).
  rlimit descriptors{};
  if (!c.netns.empty() && ::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  const auto system = collect::make_linux_os({c.output, c.file_mode, collect::say_no_fsync});
  const auto sources = collect::make_source_maker(*system);
  return collect::collect(*system, *sources, c, *operator_says);
}
