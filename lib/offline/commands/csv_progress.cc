// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_progress.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "offline/text/output.h"
#include "text/escape.h"
#include "text/values.h"
#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

constexpr auto delay = std::chrono::seconds(1);
constexpr auto period = std::chrono::milliseconds(200);
constexpr std::string_view erase_rest = "\x1b[K";

// On standard error. Where it fails, nobody is left to tell.
void show(std::string_view text) { (void)text::write_all(STDERR_FILENO, text); }

std::string with_commas(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) / 1e6);
}

std::string in_thousands(std::uint64_t n) {
  if (n < 10'000) return std::to_string(n);
  return n < 10'000'000 ? fmt::format("{}k", n / 1000) : fmt::format("{}M", n / 1'000'000);
}

csv_totals count_work(const std::vector<std::string>& paths, const walk_options& walk) {
  csv_totals totals;
  input_walk files(paths, walk, [](const input_fault&) { return true; });
  std::string path;
  while (files.next(path)) {
    struct stat st {};
    // The end of standard input, or of a pipe, is not known.
    if (path == stdin_path || stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
    ++totals.files;
    totals.bytes += static_cast<std::uint64_t>(st.st_size);
  }
  return totals;
}

}  // namespace

std::string progress_line(const csv_totals& totals, std::uint64_t files, std::uint64_t bytes,
                          std::uint64_t rows, double seconds, std::size_t width,
                          std::string_view unit) {
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(rows) / seconds);
  std::string line;
  std::string narrow;
  if (totals.bytes == 0) {
    line = fmt::format("{} files  {} MB  {} {}/s", with_commas(files), megabytes(bytes),
                       with_commas(rate), unit);
    narrow = fmt::format("{}  {}MB  {}/s", files, megabytes(bytes), in_thousands(rate));
  } else {
    line = fmt::format("{} of {} files  {} of {} MB  {} {}/s", with_commas(files),
                       with_commas(totals.files), megabytes(bytes), megabytes(totals.bytes),
                       with_commas(rate), unit);
    narrow = fmt::format("{}/{}  {}/{}MB  {}/s", files, totals.files, megabytes(bytes),
                         megabytes(totals.bytes), in_thousands(rate));
  }
  if (totals.bytes != 0 && bytes != 0 && bytes <= totals.bytes) {
    const double left =
        seconds * static_cast<double>(totals.bytes - bytes) / static_cast<double>(bytes);
    constexpr double most = 1e9;  // a line of text, not a promise
    const std::string time = text::format_duration(
        static_cast<std::int64_t>(std::min(std::ceil(left), most)) * 1'000'000'000);
    line += "  " + time + " left";
    narrow += "  " + time;
  }
  return (line.size() <= width ? line : narrow).substr(0, width);
}

csv_progress::csv_progress(const csv_counts& counts, const std::vector<std::string>& paths,
                           const walk_options& walk, bool shown, std::string_view unit)
    : counts_(counts), unit_(unit) {
  if (shown) thread_ = std::thread([this, paths, walk] { run(paths, walk); });
}

void csv_progress::run(const std::vector<std::string>& paths, const walk_options& walk) {
  using clock = std::chrono::steady_clock;
  const auto start = clock::now();
  {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, delay, [&] { return stopped_; })) return;
  }
  const csv_totals totals = count_work(paths, walk);
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const double seconds = std::chrono::duration<double>(clock::now() - start).count();
    // The last column stays free: some terminals wrap when it is written.
    shown_ = "\r" +
             progress_line(totals, counts_.files, counts_.bytes, counts_.rows, seconds,
                           terminal_width(STDERR_FILENO) - 1, unit_) +
             std::string(erase_rest);
    show(shown_);
    changed_.wait_for(lock, period, [&] { return stopped_; });
  }
  if (!shown_.empty()) show("\r" + std::string(erase_rest));
  shown_.clear();
}

void csv_progress::say(std::string_view line) {
  const std::lock_guard lock(mutex_);
  std::string text = text::escaped(line);
  if (!shown_.empty()) text = "\r" + text + std::string(erase_rest);
  show(text + '\n' + shown_);
}

void csv_progress::aside(const std::function<void()>& write) {
  const std::lock_guard lock(mutex_);
  if (!shown_.empty()) show("\r" + std::string(erase_rest));
  write();
  show(shown_);
}

void csv_progress::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace tcpinfo::offline
