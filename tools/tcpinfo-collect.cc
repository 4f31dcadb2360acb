// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-collect: records every TCP connection of this machine. Flags and main; the work is done
// by lib/collect.
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>

#include "collect/collector.h"
#include "collect/identity.h"
#include "collect/log.h"
#include "text/values.h"

namespace {

namespace collect = tcpinfo::collect;
namespace text = tcpinfo::text;

constexpr std::int64_t millisecond = 1'000'000;
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
  std::string max_memory = "256MiB";
  std::string exclude_srcport;
  std::string exclude_dstip;
  std::string uuid_prefix_file;
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

collect::config to_config(const flags& f) {
  collect::config c;
  if (f.output.empty()) throw bad_value("--output: empty path");
  c.output = f.output;
  c.interval_ns = duration_of("--interval", f.interval, millisecond / 10, "100us");
  c.reps = number_of("--reps", f.reps, 0, ~std::uint64_t{0});
  c.duration_ns = duration_of("--duration", f.duration, 0, "0");
  c.rotate_ns = duration_of("--rotate", f.rotate, 1000 * millisecond, "1s");
  c.flush_ns = duration_of("--flush", f.flush, 10 * millisecond, "10ms");
  c.level = static_cast<int>(number_of("--level", f.level, 1, 19));
  c.writers = static_cast<unsigned>(number_of("--writers", f.writers, 0, 64));
  c.include_local = f.include_local;
  c.verbose = f.verbose;
  c.uuid_prefix_file = f.uuid_prefix_file;
  const auto memory = text::parse_size(f.max_memory);
  if (!memory || *memory < (64U << 20))
    throw bad_value(fmt::format("--max-memory: '{}' is no size of at least 64MiB", f.max_memory));
  c.max_memory = *memory;
  if (!f.exclude_srcport.empty()) {
    const auto ports = text::parse_ports(f.exclude_srcport);
    if (!ports)
      throw bad_value(fmt::format(
          "--exclude-srcport: '{}' is no list of ports from 1 to 65535 (example: 9100,443)",
          f.exclude_srcport));
    c.exclude_sports = *ports;
  }
  if (!f.exclude_dstip.empty()) {
    const auto prefixes = text::parse_prefixes(f.exclude_dstip);
    if (!prefixes)
      throw bad_value(
          fmt::format("--exclude-dstip: '{}' is no list of addresses or prefixes "
                      "(example: 192.0.2.1,2001:db8::/32)",
                      f.exclude_dstip));
    c.exclude_destinations = *prefixes;
  }
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
  app.add_option("--max-memory", f.max_memory,
                 "where records that wait would take more, the oldest are written early")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_flag("--include-local", f.include_local,
               "record loopback and link-local connections too");
  app.add_option("--exclude-srcport", f.exclude_srcport, "local ports not to record")
      ->type_name("LIST");
  app.add_option("--exclude-dstip", f.exclude_dstip,
                 "remote addresses or prefixes not to record, IPv4-mapped forms included")
      ->type_name("LIST");
  app.add_option("--uuid-prefix-file", f.uuid_prefix_file, "file with the first part of UUIDs")
      ->type_name("FILE");
  app.add_flag("-v,--verbose", f.verbose, "say what is done, not only what goes wrong");
}

// Blocked in every thread and read by the sampler between polls, so that a signal can come at any
// moment without tearing anything.
int stop_descriptor() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0) return -1;
  return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

int main(int argc, char** argv) {
  // A log whose reader is gone, or a file size limit, is an error of one write, not the end.
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  flags f;
  CLI::App app("Records what the kernel knows about every TCP connection of this machine.");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  declare(app, f);
  collect::config c;
  try {
    app.parse(argc, argv);
    c = to_config(f);
  } catch (const CLI::Success& done) {  // --help, --version
    return app.exit(done);
  } catch (const CLI::ParseError& e) {
    std::string line = e.what();
    collect::log("{} (see --help)", line.substr(0, line.find('\n')));
    return collect::exit_usage;
  } catch (const bad_value& e) {
    collect::log_line(e.what());
    return collect::exit_usage;
  }
  const int stop = stop_descriptor();
  if (stop < 0) {
    collect::log("cannot wait for signals: {}", std::generic_category().message(errno));
    return collect::exit_trouble;
  }
  const auto system = collect::make_linux_os();
  return collect::collect(*system, c, stop);
}
