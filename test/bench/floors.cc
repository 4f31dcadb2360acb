// SPDX-License-Identifier: Apache-2.0
//
// What parts of the way from an archive to a table cost alone: the least a tool that does them all
// could take. Prints the processor time in seconds; reading the files is not counted.
//
// usage: floors simdjson|base64|numbers FOLDER    (plain .jsonl files)
//        floors output BYTES                      (to standard output)
//        floors run COMMAND...                    (prints its peak memory in KiB, too)
#include <simdjson.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "archive/base64.h"

namespace {

using namespace tcpinfo;

double now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Keeps the compiler from leaving out work whose result nobody reads.
volatile std::size_t sink = 0;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void each_file(const char* folder, const std::function<void(std::string&)>& f) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::string text = content_of(path);
    f(text);
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

// Every string of every record found, nothing decoded.
double simdjson_alone(const char* folder) {
  double seconds = 0;
  simdjson::ondemand::parser parser;
  each_file(folder, [&](std::string& text) {
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    const auto lines = lines_of(text);
    const double start = now();
    std::size_t found = 0;
    for (const std::string_view line : lines) {
      auto document =
          parser.iterate(line.data(), line.size(),
                         static_cast<std::size_t>(text.data() + text.capacity() - line.data()));
      for (auto member : document.get_object()) {
        const std::string_view key = member.unescaped_key();
        if (key == "Attributes") {
          for (auto item : member.value().get_array()) {
            simdjson::ondemand::value value = item.value();
            if (!value.is_null()) found += std::string_view(value.get_string()).size();
          }
        } else if (key == "Timestamp" || key == "RawIDM") {
          found += std::string_view(member.value().get_string()).size();
        }
      }
    }
    seconds += now() - start;
    sink = sink + found;
  });
  return seconds;
}

double base64_alone(const char* folder) {
  double seconds = 0;
  each_file(folder, [&](std::string& text) {
    std::vector<std::string_view> parts;
    for (const std::string_view line : lines_of(text)) {
      const std::size_t from = line.find("\"RawIDM\":");
      if (from == std::string_view::npos) continue;
      std::string_view rest = line.substr(from + 9);
      for (;;) {
        const std::size_t open = rest.find('"');
        if (open == std::string_view::npos) break;
        rest.remove_prefix(open + 1);
        const std::size_t close = rest.find('"');
        const std::string_view part = rest.substr(0, close);
        if (part != "Attributes" && part != "Poll") parts.push_back(part);
        rest.remove_prefix(close + 1);
      }
    }
    std::vector<std::byte> out(1 << 16);
    std::size_t total = 0;
    const double start = now();
    for (const std::string_view part : parts) {
      std::size_t n = 0;
      static_cast<void>(base64::decode(part.data(), part.data() + part.size(), out.data(), n));
      total += n;
    }
    seconds += now() - start;
    sink = sink + total;
  });
  return seconds;
}

// The numbers of the payloads, four or eight bytes each, as std::to_chars writes them.
double numbers_alone(const char* folder) {
  double seconds = 0;
  each_file(folder, [&](std::string& text) {
    std::vector<std::uint32_t> words;
    std::vector<std::uint64_t> longs;
    archive_reader reader;
    record r;
    const std::span<const char> chars(text);
    if (reader.open_memory(std::as_bytes(chars))) return;
    bool more = true;
    while (!reader.next(r, more) && more) {
      if (!r.has_idm()) continue;
      const message m = r.view();
      for (std::size_t at = wire::expires_at; at < wire::inet_diag_msg_size; at += 4)
        words.push_back(m.u32(at));
      for (auto it = m.attributes().begin(); it != std::default_sentinel; ++it) {
        const bytes_view p = it->payload;
        const bool info = it->is(attribute_type::info);
        for (std::size_t at = 0; at + 4 <= p.size(); at += 4) {
          const bool is_long =
              info && at + 8 <= p.size() &&
              ((at >= 104 && at < 136) || (at >= 160 && at < 192) || (at >= 200 && at < 216));
          if (is_long) {
            longs.push_back(wire::load<std::uint64_t>(p.data() + at));
            at += 4;
          } else {
            words.push_back(wire::load<std::uint32_t>(p.data() + at));
          }
        }
      }
    }
    char out[4096];
    const double start = now();
    char* to = out;
    const auto write = [&](auto v) {
      if (to > out + sizeof out - 32) to = out;
      to = std::to_chars(to, out + sizeof out, v).ptr;
      *to++ = ',';
    };
    for (const std::uint32_t v : words) write(v);
    for (const std::uint64_t v : longs) write(v);
    seconds += now() - start;
    sink = sink + static_cast<std::size_t>(to - out);
  });
  return seconds;
}

double output_alone(std::size_t bytes) {
  const std::string block(std::size_t{256} << 10, 'x');
  const double start = now();
  while (bytes > 0) {
    const ssize_t n = write(STDOUT_FILENO, block.data(), std::min(bytes, block.size()));
    if (n <= 0) break;
    bytes -= static_cast<std::size_t>(n);
  }
  return now() - start;
}

// Peak memory counts what a process was before it became the command: this one is small.
int run(char** command) {
  pid_t pid = 0;
  if (posix_spawnp(&pid, command[0], nullptr, nullptr, command, environ) != 0) return 2;
  int status = 0;
  rusage used{};
  if (wait4(pid, &status, 0, &used) < 0) return 2;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  std::fprintf(stderr, "%.6f %ld\n", seconds(used.ru_utime) + seconds(used.ru_stime),
               used.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "run" && argc > 2) return run(argv + 2);
  if (argc != 3) return 2;
  double seconds = 0;
  if (what == "simdjson")
    seconds = simdjson_alone(argv[2]);
  else if (what == "base64")
    seconds = base64_alone(argv[2]);
  else if (what == "numbers")
    seconds = numbers_alone(argv[2]);
  else if (what == "output")
    seconds = output_alone(std::stoull(argv[2]));
  else
    return 2;
  std::fprintf(stderr, "%.6f\n", seconds);
  return 0;
}
