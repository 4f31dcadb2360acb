// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/ordered_reading.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "offline/commands/csv_turns.h"

namespace tcpinfo::offline {
namespace {

// Enough that a thread seldom waits for its turn within a file, and less than a MiB.
constexpr std::size_t most_waiting = 256;

struct shared_reading {
  const reader_options& reader;
  csv_turns& turns;
  csv_counts& counts;
  const reading_calls& calls;
  bool alone;  // one thread has every turn

  std::mutex failing{};
  std::exception_ptr failure{};  // the first one
};

class reading_worker {
 public:
  explicit reading_worker(shared_reading& shared)
      : shared_(shared),
        reader_([this](const input_fault& f) { return fault(f); }, shared.reader),
        summaries_(shared.reader.max_window_log) {}

  void run() {
    input_part part;
    while (shared_.turns.take(part, number_)) {
      if (!read_summaries(part.path)) read(part);
      if (!hand_on() || !shared_.turns.wait(number_)) return;
      if (part.last) ++shared_.counts.files;
      shared_.turns.done(number_);
    }
  }

 private:
  // A record that waits for its turn, with the line or the message that it refers to.
  struct waiting {
    input_record r;
    record parsed;
    std::vector<std::byte> bytes;  // where nothing was parsed
  };

  // Summaries come when all before them have come.
  bool read_summaries(const std::string& path) {
    if (!shared_.calls.summary || !summaries_.read(path, shared_.calls.times)) return false;
    if (!shared_.turns.wait(number_)) return true;
    summaries_.hand_on(shared_.calls.summary);
    shared_.counts.rows += summaries_.records();
    shared_.counts.bytes += summaries_.file_bytes();
    return true;
  }

  void read(const input_part& part) {
    input_record r;
    std::uint64_t told = 0;
    std::uint64_t n = 0;
    for (bool any = reader_.open(part); any; any = reader_.open_next()) {
      while (reader_.next(r)) {
        if (r.says_nothing() && !reader_.tell(r.line, nothing_said)) return;
        if (!take(r)) return;
        ++shared_.counts.rows;
        if (++n % most_waiting == 0) count_bytes(told);
      }
    }
    count_bytes(told);
    shared_.counts.bytes += part.passed_bytes;
  }

  void count_bytes(std::uint64_t& told) {
    const std::uint64_t bytes = reader_.bytes_read();
    shared_.counts.bytes += bytes - std::min(bytes, told);
    told = bytes;
  }

  bool take(input_record& r) {
    if (shared_.alone || r.of_capture) {
      if (!hand_on() || !shared_.turns.wait(number_)) return false;
      shared_.calls.record(r);
      return true;
    }
    if (used_ == waiting_.size()) waiting_.emplace_back();
    waiting& w = waiting_[used_++];
    w.r = r;
    if (r.parsed == nullptr) {
      w.bytes.assign(r.m.bytes.begin(), r.m.bytes.end());
      w.r.m = {bytes_view(w.bytes)};
      return used_ < most_waiting || hand_on();
    }
    // The reader gets an old one to write its next line into; views into this one stay valid.
    std::swap(w.parsed, *r.parsed);
    w.r.parsed = &w.parsed;
    return used_ < most_waiting || hand_on();
  }

  bool hand_on() {
    if (used_ == 0) return true;
    if (!shared_.turns.wait(number_)) return false;
    for (std::size_t i = 0; i < used_; ++i) shared_.calls.record(waiting_[i].r);
    used_ = 0;
    return true;
  }

  bool fault(const input_fault& f) {
    return hand_on() && shared_.turns.wait(number_) && shared_.calls.fault(f);
  }

  shared_reading& shared_;
  input_reader reader_;
  segment_summaries summaries_;
  std::deque<waiting> waiting_;  // used again; they stay in place
  std::size_t used_ = 0;
  std::size_t number_ = 0;
};

void work(shared_reading& shared) {
  try {
    reading_worker(shared).run();
  } catch (...) {
    const std::lock_guard lock(shared.failing);
    if (shared.failure == nullptr) shared.failure = std::current_exception();
    shared.turns.stop();
  }
}

}  // namespace

void read_in_order(const std::vector<std::string>& paths, const walk_options& walk,
                   const part_options& parts, const reader_options& reader, unsigned workers,
                   csv_counts& counts, const reading_calls& calls) {
  // The walk's faults wait for their turn, which is that of the file after them.
  csv_turns* at = nullptr;
  input_walk files(paths, walk, [&](const input_fault& f) {
    return at->wait(at->next_number()) && calls.fault(f);
  });
  part_walk divided(files, parts);
  csv_turns turns([&](input_part& part) { return divided.next(part); });
  at = &turns;
  shared_reading shared{reader, turns, counts, calls, workers == 1};
  std::vector<std::thread> others;
  for (unsigned i = 1; i < workers; ++i) {
    try {
      others.emplace_back([&shared] { work(shared); });
    } catch (const std::system_error&) {
      break;  // fewer than wanted is no trouble: one can do it all
    }
  }
  work(shared);
  for (std::thread& t : others) t.join();
  if (shared.failure != nullptr) std::rethrow_exception(shared.failure);
}

}  // namespace tcpinfo::offline
