// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/process_facts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <system_error>

#include "common/time_units.h"

namespace tcpinfo::collect {
namespace {

// The first process namespace's, the same on every machine (PROC_PID_INIT_INO).
constexpr ino_t first_pid_namespace = 0xeffffffc;

// Takes the text up to a separator, and that.
std::string_view take(std::string_view& from, char separator) noexcept {
  const std::size_t end = std::min(from.find(separator), from.size());
  const std::string_view taken = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return taken;
}

bool began_at(std::string_view stat, std::uint64_t start_ns) noexcept {
  if (start_ns == 0) return true;
  const long hertz = ::sysconf(_SC_CLK_TCK);
  if (hertz <= 0) return true;
  const std::uint64_t tick_ns = std::uint64_t{ns_a_second} / static_cast<std::uint64_t>(hertz);
  return start_ticks_of(stat) == start_ns / tick_ns;
}

}  // namespace

// By read(): where the process has ended since the file was opened (ESRCH) an iterator of the
// buffer throws.
std::string proc_text(const std::string& file) {
  std::ifstream in(file);
  std::string text;
  std::array<char, 4096> room;
  for (;;) {
    in.read(room.data(), static_cast<std::streamsize>(room.size()));
    text.append(room.data(), static_cast<std::size_t>(in.gcount()));
    if (!in) return text;
  }
}

std::string_view cgroup_of(std::string_view text) noexcept {
  std::string_view best;
  int best_rank = -1;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view number = take(line, ':');
    const std::string_view controllers = take(line, ':');
    if (!line.starts_with('/')) continue;
    int rank = line == "/" ? 0 : controllers == "name=systemd" ? 2 : 1;
    if (line != "/" && number == "0" && controllers.empty()) rank = 3;
    if (rank <= best_rank) continue;
    best_rank = rank;
    best = line;
  }
  return best;
}

std::uint64_t start_ticks_of(std::string_view stat) noexcept {
  // The name, which may hold anything, stands between brackets.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == stat.npos) return 0;
  stat.remove_prefix(std::min(name_end + 2, stat.size()));
  // From the third field on; it is the 22nd.
  for (int passed = 3; passed < 22; ++passed) (void)take(stat, ' ');
  const std::string_view ticks = take(stat, ' ');
  std::uint64_t number = 0;
  (void)std::from_chars(ticks.data(), ticks.data() + ticks.size(), number);
  return number;
}

process_facts facts_of(std::uint32_t pid, std::uint64_t start_ns) {
  process_facts facts;
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string stat = proc_text(folder + "/stat");
  if (stat.empty() || !began_at(stat, start_ns)) return facts;
  facts.found = true;
  facts.comm = proc_text(folder + "/comm");
  if (facts.comm.ends_with('\n')) facts.comm.pop_back();
  facts.cgroup = cgroup_of(proc_text(folder + "/cgroup"));
  std::error_code ec;
  facts.executable = std::filesystem::read_symlink(folder + "/exe", ec).string();
  constexpr std::string_view gone = " (deleted)";
  if (facts.executable.ends_with(gone))
    facts.executable.resize(facts.executable.size() - gone.size());
  return facts;
}

bool sees_all_processes() noexcept {
  struct ::stat own {};
  return ::stat("/proc/self/ns/pid", &own) == 0 && own.st_ino == first_pid_namespace;
}

}  // namespace tcpinfo::collect
