// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/identity.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/version.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

#include "collect/os/clock.h"
#include "collect/os/small_file.h"
#include "common/kernel_release.h"
#include "text/values.h"

namespace tcpinfo::collect {
namespace {

// The kernel's own answer: unlike a difference of two clock readings it is the same at every start
// of the collector as long as nobody steps the clock, and the UUIDs of connections that outlive a
// restart hang on it. For when somebody does, there is prefix_note().
long long boot_time() {
  std::ifstream stat("/proc/stat");
  std::string word;
  while (stat >> word) {
    long long seconds = 0;
    if (word == "btime" && stat >> seconds) return seconds;
  }
  timespec now{};
  timespec up{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &up);
  return now.tv_sec - up.tv_sec;
}

std::string host_name() {
  if (const char* pod = std::getenv("POD_NAME"); pod != nullptr && *pod != '\0') return pod;
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

std::string random_id() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    number = static_cast<std::uint64_t>(clock_ns(CLOCK_REALTIME));
    number ^= static_cast<std::uint64_t>(getpid()) << 40U;
  }
  return fmt::format("{:016x}", number);
}

}  // namespace

std::error_code read_uuid_prefix(const std::string& file, std::string& out) {
  // More than any prefix may have, so that a file too long is refused as such.
  std::string text;
  if (const auto ec = read_small_file(file, 65536, text)) return ec;
  const std::string_view prefix = strip_newline(text);
  if (const auto ec = check_uuid_prefix(prefix)) return ec;
  out = prefix;
  return {};
}

std::string prefix_note(const identity& who) {
  return fmt::format("{} {} {}\n", who.boot, who.host, who.uuid_prefix);
}

void adopt_prefix(std::string_view note, identity& who) {
  const std::string mine = fmt::format("{} {} ", who.boot, who.host);
  if (who.boot.empty() || !note.starts_with(mine) || !note.ends_with('\n')) return;
  const std::string_view prefix = note.substr(mine.size(), note.size() - mine.size() - 1);
  if (!check_uuid_prefix(prefix)) who.uuid_prefix = prefix;
}

std::error_code make_identity(const config& c, identity& out) {
  out.host = host_name();
  if (c.uuid_prefix_file.empty()) {
    out.uuid_prefix = fmt::format("{}_{}_unsafe", out.host, boot_time());
    if (const auto ec = check_uuid_prefix(out.uuid_prefix)) return ec;
  } else if (const auto ec = read_uuid_prefix(c.uuid_prefix_file, out.uuid_prefix)) {
    return ec;
  }
  out.kernel = kernel_release();
  out.collector = fmt::format("libtcpinfo {}", version_string());
  out.interval = text::format_duration(c.interval_ns);
  out.run = random_id();
  out.policy = policy_text(c.limits, false);
  out.finals_only_policy = policy_text(c.limits, true);
  out.boot = boot_id();
  return {};
}

}  // namespace tcpinfo::collect
