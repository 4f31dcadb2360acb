// SPDX-License-Identifier: Apache-2.0
#include "traffic/short.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include "traffic/both_ends.h"
#include "traffic/clock.h"
#include "traffic/report.h"
#include "traffic/sockets.h"
#include "traffic/stop.h"
#include "traffic/truth.h"

namespace traffic {
namespace {

// Varied by index, with empty ones among them; small enough that neither end ever has to wait for
// the other to read (one thread serves both ends).
uint64_t bytes_of(uint64_t index, int64_t lifetime_ns) {
  if (index % 40 == 7) return 0;
  const uint64_t limit = lifetime_ns < millisecond ? 6000 : 40'000;
  return 1 + (index * 7919) % limit;
}

class short_worker {
 public:
  short_worker(const options& opts, const lifetime_class& what, std::atomic<uint64_t>& next)
      : opts_(opts), what_(what), next_(next) {}

  void run(int64_t give_up_at) {
    opts_.receiver.enter();
    for (const family kind : opts_.families())
      listeners_.push_back(listen_on(kind, opts_.host(kind)));
    opts_.sender.enter();

    bool more = true;
    for (;;) {
      while (more && open_.size() < what_.slots) more = open_one(give_up_at);
      if (open_.empty()) break;
      connection current = open_.top();
      open_.pop();
      sleep_until(current.due);
      if (current.half_sent)
        finish(current);
      else
        send_rest(current);
    }
    for (const listener& one : listeners_) close(one.fd);
  }

  std::vector<truth> results;

 private:
  struct connection {
    int64_t due = 0;
    int64_t opened = 0;
    bool half_sent = false;
    both_ends ends;

    bool operator<(const connection& other) const { return due > other.due; }
  };

  bool open_one(int64_t give_up_at) {
    if (stop_requested || steady_ns() > give_up_at) return false;
    const uint64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= what_.count) return false;
    const listener& door = listeners_[index % listeners_.size()];

    connection current;
    current.opened = steady_ns();
    current.ends = open_both(door);
    truth& known = current.ends.known;
    known.group = what_.name;
    known.how = opts_.closings[index / listeners_.size() % opts_.closings.size()];
    known.bytes = bytes_of(index, what_.lifetime_ns);
    known.active = true;

    send_all(current.ends.sender, known.bytes / 2);
    current.due = current.opened + what_.lifetime_ns / 2;
    open_.push(std::move(current));
    return true;
  }

  void send_rest(connection& current) {
    const uint64_t bytes = current.ends.known.bytes;
    send_all(current.ends.sender, bytes - bytes / 2);
    current.half_sent = true;
    current.due = current.opened + what_.lifetime_ns;
    open_.push(std::move(current));
  }

  void finish(connection& current) {
    receive_all(current.ends.receiver, current.ends.known.bytes);
    close_both(current.ends);
    results.push_back(std::move(current.ends.known));
  }

  const options& opts_;
  const lifetime_class& what_;
  std::atomic<uint64_t>& next_;
  std::vector<listener> listeners_;
  std::priority_queue<connection> open_;
};

}  // namespace

int run_short(const options& opts) {
  if (opts.classes.empty()) die("--class is missing");
  const int64_t begin = steady_ns();
  const int64_t give_up_at = begin + opts.max_seconds * second;

  std::vector<std::atomic<uint64_t>> next(opts.classes.size());
  std::vector<std::unique_ptr<short_worker>> workers;
  for (size_t i = 0; i < opts.classes.size(); ++i)
    for (unsigned t = 0; t < opts.classes[i].threads; ++t)
      workers.push_back(std::make_unique<short_worker>(opts, opts.classes[i], next[i]));
  std::vector<std::thread> threads;
  {
    const signals_blocked quiet;
    for (const auto& worker : workers)
      threads.emplace_back([&worker, give_up_at] { worker->run(give_up_at); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(steady_ns() - begin) / 1e9;

  std::vector<truth> all;
  for (const auto& worker : workers)
    all.insert(all.end(), worker->results.begin(), worker->results.end());
  write_truth(opts.truth_file, all);

  for (const lifetime_class& one : opts.classes) {
    std::vector<int64_t> lifetimes;
    int64_t first = INT64_MAX;
    int64_t last = 0;
    for (const truth& known : all) {
      if (known.group != one.name) continue;
      lifetimes.push_back(known.end_ns - known.start_ns);
      first = std::min(first, known.start_ns);
      last = std::max(last, known.end_ns);
    }
    if (lifetimes.empty()) continue;
    std::sort(lifetimes.begin(), lifetimes.end());
    const auto us = [&](double share) {
      const auto at = static_cast<size_t>(share * static_cast<double>(lifetimes.size() - 1));
      return static_cast<double>(lifetimes[at]) / 1e3;
    };
    const double span = std::max(static_cast<double>(last - first) / 1e9, 1e-9);
    say("class %s: %zu connections in %.3f s (%.0f/s), lifetime us min %.0f p50 %.0f p90 %.0f "
        "p99 %.0f max %.0f\n",
        one.name.c_str(), lifetimes.size(), span, static_cast<double>(lifetimes.size()) / span,
        us(0), us(0.5), us(0.9), us(0.99), us(1));
  }
  say("done: %zu connections in %.3f s\n", all.size(), seconds);
  return 0;
}

}  // namespace traffic
