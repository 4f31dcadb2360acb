// SPDX-License-Identifier: Apache-2.0
//
// A path between two network namespaces that does to packets what a bad network does: see `usage`
// in options.cc. One thread; it takes nothing but the kernel.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <queue>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "relay/options.h"
#include "relay/packet.h"
#include "relay/tun.h"
#include "relay/way.h"

namespace relay {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A packet on its way.
struct travelling {
  int64_t leaves_ns;
  uint64_t order;  // of those that leave at once
  size_t to;
  packet bytes;
};

struct leaves_later {
  bool operator()(const travelling& one, const travelling& other) const {
    return std::pair(one.leaves_ns, one.order) > std::pair(other.leaves_ns, other.order);
  }
};

// When a stage truly was, on the way from the first end to the second, from the first packet with
// data on: CLOCK_MONOTONIC, which is one for all processes. Below zero: it was not.
struct stage_events {
  int64_t first_ns = -1;   // its first packet came
  int64_t left_ns = -1;    // the last one of it left, behind what had waited
  int64_t lost_ns = -1;    // its first loss
  int64_t queued_ns = -1;  // the first packet that waited for the link as long as `queue_ns`

  static constexpr int64_t queue_ns = 5'000'000;

  std::vector<int64_t> waits_ns;  // of each packet with data

  void add(int64_t now, const fate& found, bool has_data) {
    if (first_ns < 0) first_ns = now;
    if (queued_ns < 0 && found.waits_ns >= queue_ns) queued_ns = now;
    if (found.lost && lost_ns < 0) lost_ns = now;
    if (found.lost) return;
    left_ns = std::max(left_ns, found.leaves_ns);
    if (has_data) waits_ns.push_back(found.waits_ns);
  }

  // With the 95th percentile of the waits, in microseconds.
  std::string report() const {
    std::vector<int64_t> waits = waits_ns;
    std::sort(waits.begin(), waits.end());
    const int64_t queue_us = waits.empty() ? 0 : waits[(waits.size() - 1) * 95 / 100] / 1000;
    return "{\"first_ns\":" + std::to_string(first_ns) + ",\"left_ns\":" + std::to_string(left_ns) +
           ",\"lost_ns\":" + std::to_string(lost_ns) +
           ",\"queued_ns\":" + std::to_string(queued_ns) +
           ",\"queue_us\":" + std::to_string(queue_us) + "}";
  }
};

class path {
 public:
  explicit path(const options& opts)
      : opts_(opts),
        a_(opts.ends[0], opts.device, opts.mtu),
        b_(opts.ends[1], opts.device, opts.mtu),
        ways_{way(opts.seed, 0), way(opts.seed, 1)} {}

  // Until it is told to stop, its input ends, or its time is up.
  void run() {
    const int64_t end = now_ns() + static_cast<int64_t>(opts_.seconds) * 1'000'000'000;
    while (stop_requested == 0) {
      const int64_t now = now_ns();
      if (now >= end) break;
      send_due(now);
      const int64_t next = on_way_.empty() ? end : std::min(end, on_way_.top().leaves_ns);
      const int64_t wait = std::max<int64_t>(0, next - now_ns());
      const timespec patience{wait / 1'000'000'000, wait % 1'000'000'000};
      pollfd files[] = {{a_.descriptor(), POLLIN, 0}, {b_.descriptor(), POLLIN, 0}, {0, POLLIN, 0}};
      if (ppoll(files, std::size(files), &patience, nullptr) <= 0) continue;
      take(a_, 0);
      take(b_, 1);
      char ignored[64];
      if (files[2].revents != 0 && read(0, ignored, sizeof ignored) == 0) break;
    }
  }

  std::string report() const {
    std::string events;
    for (const stage_events& one : events_) events += (events.empty() ? "" : ",") + one.report();
    return "{\"there\":" + ways_[0].report() + ",\"back\":" + ways_[1].report() + ",\"stages\":[" +
           events + "]}\n";
  }

 private:
  // Some at a time: those that are due must leave meanwhile.
  void take(tun& from, size_t which) {
    packet bytes;
    for (int i = 0; i < 64 && from.read(bytes); ++i) {
      const int64_t now = now_ns();
      const bool has_data = look_at(bytes).payload > 0;
      if (first_data_ns_ < 0 && has_data) first_data_ns_ = now;
      const int64_t since_data = first_data_ns_ < 0 ? -1 : now - first_data_ns_;
      const size_t number = stage_at(since_data);
      const stage& current = opts_.stages[number];
      way& through = ways_[which];
      const fate found =
          through.pass(which == 0 ? current.there : current.back, bytes, now, since_data);
      if (which == 0 && since_data >= 0) events_[number].add(now, found, has_data);
      if (found.lost) continue;
      if (found.twice) on_way_.push({found.leaves_ns, order_++, 1 - which, bytes});
      on_way_.push({found.leaves_ns, order_++, 1 - which, std::move(bytes)});
      bytes = {};
    }
  }

  size_t stage_at(int64_t since_data) const {
    size_t found = 0;
    while (found + 1 < opts_.stages.size() && opts_.stages[found + 1].at_ns <= since_data) ++found;
    return found;
  }

  void send_due(int64_t now) {
    while (!on_way_.empty() && on_way_.top().leaves_ns <= now) {
      const travelling& next = on_way_.top();
      way_counters& counters = ways_[1 - next.to].counters;
      if (!(next.to == 0 ? a_ : b_).write(next.bytes)) ++counters.refused;
      counters.late_us.push_back(static_cast<uint32_t>((now - next.leaves_ns) / 1000));
      on_way_.pop();
    }
  }

  const options& opts_;
  tun a_;
  tun b_;
  way ways_[2];
  std::priority_queue<travelling, std::vector<travelling>, leaves_later> on_way_;
  uint64_t order_ = 0;
  int64_t first_data_ns_ = -1;
  std::vector<stage_events> events_ = std::vector<stage_events>(opts_.stages.size());
};

}  // namespace
}  // namespace relay

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(relay::usage, stdout);
    return 0;
  }
  relay::options opts;
  try {
    opts = relay::parse_options(argc, argv);
  } catch (const relay::bad_word& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { relay::stop_requested = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  // Packets are to leave at their time, not up to 50 us later.
  prctl(PR_SET_TIMERSLACK, 1);
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
  try {
    relay::path path(opts);
    std::puts("ready");
    std::fflush(stdout);
    path.run();
    std::fputs(path.report().c_str(), stdout);
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 1;
  }
  return 0;
}
