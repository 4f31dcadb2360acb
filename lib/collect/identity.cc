// SPDX-License-Identifier: Apache-2.0
#include "collect/identity.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/version.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>

#include "text/values.h"

namespace tcpinfo::collect {
namespace {

// The kernel's own answer: unlike a difference of two clock readings it is the same at every start
// of the collector as long as nobody steps the clock, and the UUIDs of connections that outlive a
// restart hang on it. Where clocks are stepped after boot, a prefix file is the remedy.
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

std::string random_id() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    number = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
             static_cast<std::uint64_t>(now.tv_nsec);
    number ^= static_cast<std::uint64_t>(getpid()) << 40U;
  }
  return fmt::format("{:016x}", number);
}

}  // namespace

std::error_code read_uuid_prefix(const std::string& file, std::string& out) {
  // A stream would not tell why it fails, and throws on a directory.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "re"),
                                                           &std::fclose);
  if (in == nullptr) return {errno, std::system_category()};
  // More than any prefix may have, so that a file too long is refused as such.
  char text_bytes[1024];
  const std::size_t size = std::fread(text_bytes, 1, sizeof text_bytes, in.get());
  if (std::ferror(in.get()) != 0) return {errno, std::system_category()};
  const std::string_view text(text_bytes, size);
  const std::string_view prefix = strip_newline(text);
  if (const auto ec = check_uuid_prefix(prefix)) return ec;
  out = prefix;
  return {};
}

std::error_code make_identity(const config& c, identity& out) {
  out.host = host_name();
  if (c.uuid_prefix_file.empty()) {
    out.uuid_prefix = fmt::format("{}_{}_unsafe", out.host, boot_time());
    if (const auto ec = check_uuid_prefix(out.uuid_prefix)) return ec;
  } else if (const auto ec = read_uuid_prefix(c.uuid_prefix_file, out.uuid_prefix)) {
    return ec;
  }
  utsname system{};
  if (uname(&system) == 0) out.kernel = system.release;
  out.collector = fmt::format("libtcpinfo {}", version_string());
  out.interval = text::format_duration(c.interval_ns);
  out.run = random_id();
  return {};
}

}  // namespace tcpinfo::collect
