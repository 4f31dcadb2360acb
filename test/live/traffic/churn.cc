// SPDX-License-Identifier: Apache-2.0
#include "traffic/churn.h"

#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <deque>
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

class churn_run {
 public:
  explicit churn_run(const options& opts) : opts_(opts) {}

  int run() {
    raise_descriptor_limit(2 * opts_.connections + 100);
    opts_.receiver.enter();
    constexpr int ports_per_family = 4;
    for (int i = 0; i < ports_per_family; ++i)
      for (const family kind : opts_.families())
        doors_.push_back(listen_on(kind, opts_.host(kind)));
    opts_.sender.enter();
    std::thread worker;
    {
      const signals_blocked quiet;
      worker = std::thread([this] { work(); });
    }
    worker.join();
    write_truth(opts_.truth_file, done_);
    uint64_t bytes = 0;
    for (const truth& one : done_) bytes += one.bytes;
    say("done: %zu connections, %" PRIu64 " bytes, %.1f begun a second\n", done_.size(), bytes,
        begun_a_second_);
    return 0;
  }

 private:
  void work() {
    // So fast that the connections are not of one age, and the churn itself begins soon.
    constexpr uint64_t opening_haste = 5;
    const int64_t begin = steady_ns();
    while (open_.size() < opts_.connections && !stop_requested) {
      open_one();
      sleep_until(begin + static_cast<int64_t>(open_.size() * second / opts_.rate / opening_haste));
    }
    say("open: %zu connections in %.3f s\n", open_.size(),
        static_cast<double>(steady_ns() - begin) / 1e9);
    churn();
    pacer pace(opts_.close_ms, open_.size());
    while (!open_.empty()) {
      close_oldest();
      pace.step();
    }
    for (const listener& door : doors_) close(door.fd);
  }

  void churn() {
    const int64_t begin = steady_ns();
    const int64_t until = begin + opts_.seconds * second;
    uint64_t replaced = 0;
    uint64_t sent = 0;
    int64_t now = begin;
    for (; now < until && !stop_requested; now = steady_ns()) {
      // By the clock, so that what was late is made up for.
      const auto elapsed = static_cast<uint64_t>(now - begin);
      for (; replaced < elapsed * opts_.rate / second; ++replaced) {
        close_oldest();
        open_one();
      }
      const uint64_t due =
          elapsed / millisecond * opts_.active / static_cast<uint64_t>(opts_.gap_ms);
      for (; sent < due; ++sent) {
        // The active ones are the youngest.
        send_some(open_[open_.size() - 1 - sent % std::min<uint64_t>(opts_.active, open_.size())],
                  1 + (opts_.burst + sent) % (2 * opts_.burst));
      }
      sleep_ms(1);
    }
    begun_a_second_ = static_cast<double>(replaced) * 1e9 / static_cast<double>(now - begin);
  }

  void open_one() {
    const uint64_t index = opened_++;
    both_ends ends = open_both(doors_[index % doors_.size()]);
    ends.known.group = "churn";
    ends.known.how = opts_.closings[index / doors_.size() % opts_.closings.size()];
    open_.push_back(std::move(ends));
    send_some(open_.back(), 1 + index % 1000);
  }

  // Small enough that the sender never has to wait for the receiver.
  static void send_some(both_ends& ends, uint64_t bytes) {
    send_all(ends.sender, bytes);
    receive_all(ends.receiver, bytes);
    ends.known.bytes += bytes;
  }

  void close_oldest() {
    close_both(open_.front());
    done_.push_back(std::move(open_.front().known));
    open_.pop_front();
  }

  const options& opts_;
  std::vector<listener> doors_;
  std::deque<both_ends> open_;
  std::vector<truth> done_;
  uint64_t opened_ = 0;
  double begun_a_second_ = 0;
};

}  // namespace

int run_churn(const options& opts) { return churn_run(opts).run(); }

}  // namespace traffic
