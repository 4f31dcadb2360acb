// SPDX-License-Identifier: Apache-2.0
#include "traffic/hold.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "traffic/clock.h"
#include "traffic/report.h"
#include "traffic/sockets.h"
#include "traffic/stop.h"
#include "traffic/truth.h"

namespace traffic {
namespace {

// Which end closes first: both sides must come to the same answer without talking, and the sender's
// port is what both know. (Ports the kernel picks for connect() are mostly even, hence the shift.)
bool sender_closes_first(uint16_t sender_port) { return (sender_port >> 1 & 1) == 0; }

class hold_run {
 public:
  explicit hold_run(const options& opts) : opts_(opts) {}

  int run() {
    raise_descriptor_limit(opts_.connections + 100);
    std::array<std::thread, 2> sides;
    {
      const signals_blocked quiet;
      sides[0] = std::thread([this] { receive(); });
      sides[1] = std::thread([this] { send(); });
    }
    for (std::thread& side : sides) side.join();
    return conclude();
  }

 private:
  struct receiver_end {
    int fd = -1;
    size_t door = 0;
    uint64_t cookie = 0;
    endpoint local;
    endpoint remote;
    uint64_t received = 0;
    int64_t end_ns = 0;
  };

  struct sender_end {
    int fd = -1;
    size_t door = 0;
    uint64_t cookie = 0;
    uint16_t port = 0;
    bool active = false;
    uint64_t sent = 0;
    int64_t start_ns = 0;
    int64_t end_ns = 0;
  };

  // Each side has its own descriptor table: the limit counts per table.
  static void own_descriptors() {
    if (unshare(CLONE_FILES) != 0) die_errno("unshare(CLONE_FILES)");
  }

  // --- the receiving side

  void receive() {
    own_descriptors();
    opts_.receiver.enter();
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0) die_errno("epoll_create1");
    // Several ports: no single pair of addresses and ports runs short of ephemeral ports.
    constexpr int ports_per_family = 4;
    for (int i = 0; i < ports_per_family; ++i)
      for (const family kind : opts_.families())
        doors_.push_back(listen_on(kind, opts_.host(kind)));
    for (size_t i = 0; i < doors_.size(); ++i) {
      const int fd = doors_[i].fd;
      if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) die_errno("fcntl");
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = listener_tag | i;
      if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die_errno("epoll_ctl");
    }
    received_.reserve(opts_.connections);
    listening_.store(true);
    listening_.notify_all();

    std::array<epoll_event, 512> events;
    std::vector<bool> ended(opts_.connections);
    size_t open = 0;
    bool closing_begun = false;
    for (;;) {
      const int count = epoll_wait(poll, events.data(), events.size(), 100);
      if (count < 0 && errno != EINTR) die_errno("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const uint64_t tag = events[static_cast<size_t>(i)].data.u64;
        if ((tag & listener_tag) != 0) {
          open += accept_all(poll, tag & ~listener_tag);
        } else if (drain(received_[tag])) {
          close(received_[tag].fd);
          received_[tag].end_ns = wall_ns();
          ended[tag] = true;
          --open;
        }
      }
      if (!closing_begun && closing_.load()) {
        closing_begun = true;
        pacer pace(opts_.close_ms, received_.size());
        for (receiver_end& end : received_) {
          if (!sender_closes_first(end.remote.port())) shutdown(end.fd, SHUT_WR);
          pace.step();
        }
      }
      if (closing_begun && open == 0 && received_.size() == opened_.load()) break;
      // Reading at leisure: the counters of interest are the kernel's and do not wait for it, and
      // the processor is needed for the program under test.
      if (!closing_begun && all_open_.load() && count < static_cast<int>(events.size()))
        sleep_ms(20);
    }
    for (const listener& door : doors_) close(door.fd);
    close(poll);
  }

  size_t accept_all(int poll, size_t door) {
    size_t count = 0;
    for (;;) {
      const int fd = accept4(doors_[door].fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        if (errno == EINTR) continue;
        die_errno("accept");
      }
      receiver_end end;
      end.fd = fd;
      end.door = door;
      end.cookie = cookie_of(fd);
      end.local = local_of(fd);
      end.remote = remote_of(fd);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = received_.size();
      received_.push_back(end);
      if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die_errno("epoll_ctl");
      ++count;
    }
    accepted_.fetch_add(count);
    return count;
  }

  // True at the end of the stream.
  static bool drain(receiver_end& end) {
    std::array<char, 65536> data;
    for (;;) {
      const ssize_t got = recv(end.fd, data.data(), data.size(), 0);
      if (got == 0) return true;
      if (got < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
        die_errno("recv");
      }
      end.received += static_cast<uint64_t>(got);
      if (static_cast<size_t>(got) < data.size()) return false;
    }
  }

  // --- the sending side

  void send() {
    own_descriptors();
    opts_.sender.enter();
    listening_.wait(false);
    open_connections();
    send_bursts();
    close_connections();
  }

  void open_connections() {
    const int64_t begin = steady_ns();
    sent_.reserve(opts_.connections);
    const uint64_t active = std::min(opts_.active, opts_.connections);
    for (uint64_t i = 0; i < opts_.connections && !stop_requested; ++i) {
      sender_end end;
      end.door = i % doors_.size();
      const listener& door = doors_[end.door];
      end.fd = new_socket(door.kind);
      set_patience(end.fd);
      set_int(end.fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
      end.start_ns = wall_ns();
      if (connect(end.fd, door.target.raw(), door.target.length) != 0) die_errno("connect");
      end.cookie = cookie_of(end.fd);
      end.port = local_of(end.fd).port();
      // The active ones are spread evenly over all.
      end.active = (i + 1) * active / opts_.connections != i * active / opts_.connections;
      end.sent = 1 + i % 100;
      send_all(end.fd, end.sent);
      sent_.push_back(end);
      opened_.store(sent_.size());
      // The queue of a listener is finite; an overflowing one would cost a retransmitted SYN.
      while (sent_.size() - accepted_.load() > 1000) sleep_ms(1);
    }
    while (accepted_.load() < sent_.size()) sleep_ms(1);
    all_open_.store(true);
    say("open: %zu connections in %.3f s\n", sent_.size(),
        static_cast<double>(steady_ns() - begin) / 1e9);
  }

  void send_bursts() {
    std::vector<sender_end*> active;
    for (sender_end& end : sent_)
      if (end.active) active.push_back(&end);
    const int64_t begin = steady_ns();
    const int64_t until = begin + opts_.seconds * second;
    // One round over all active ones takes gap_ms; each tick serves its share of them.
    const int64_t tick = millisecond;
    const auto ticks_per_round = static_cast<uint64_t>(opts_.gap_ms);
    uint64_t late = 0;
    for (uint64_t n = 0;; ++n) {
      const int64_t due = begin + static_cast<int64_t>(n) * tick;
      const int64_t now = steady_ns();
      if (now >= until || stop_requested) break;
      if (due > now) {
        const timespec at{static_cast<time_t>(due / second), static_cast<long>(due % second)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
      } else if (now - due > 100 * tick) {
        // Too far behind to catch up: skip, and tell at the end.
        const auto skipped = static_cast<uint64_t>((now - due) / tick);
        late += skipped;
        n += skipped;
      }
      const uint64_t slot = n % ticks_per_round;
      for (size_t i = slot * active.size() / ticks_per_round;
           i < (slot + 1) * active.size() / ticks_per_round; ++i) {
        // Sizes vary so that no two connections have the same totals.
        const uint64_t bytes = 1 + (opts_.burst + i + n) % (2 * opts_.burst);
        send_all(active[i]->fd, bytes);
        active[i]->sent += bytes;
        ++bursts_;
      }
    }
    held_seconds_ = static_cast<double>(steady_ns() - begin) / 1e9;
    late_ticks_ = late;
  }

  void close_connections() {
    closing_.store(true);
    pacer pace(opts_.close_ms, sent_.size());
    for (sender_end& end : sent_) {
      if (sender_closes_first(end.port)) shutdown(end.fd, SHUT_WR);
      pace.step();
    }
    for (sender_end& end : sent_) {
      expect_end(end.fd, "sender");
      close(end.fd);
      end.end_ns = wall_ns();
    }
  }

  // --- both, when the threads are done

  int conclude() {
    std::map<std::pair<size_t, uint16_t>, const receiver_end*> by_port;
    for (const receiver_end& end : received_) by_port[{end.door, end.remote.port()}] = &end;
    std::vector<truth> all;
    uint64_t bytes = 0;
    for (const sender_end& from : sent_) {
      const auto found = by_port.find({from.door, from.port});
      if (found == by_port.end()) die("a connection from port %u was never accepted", from.port);
      const receiver_end& to = *found->second;
      if (to.received != from.sent)
        die("port %u: %" PRIu64 " bytes sent, %" PRIu64 " read", from.port, from.sent, to.received);
      truth known;
      known.group = "hold";
      known.kind = doors_[from.door].kind;
      known.how = sender_closes_first(from.port) ? closing::sender_fin : closing::receiver_fin;
      known.active = from.active;
      known.receiver_cookie = to.cookie;
      known.sender_cookie = from.cookie;
      known.local = to.local;
      known.remote = to.remote;
      known.bytes = from.sent;
      known.start_ns = from.start_ns;
      known.end_ns = std::max(from.end_ns, to.end_ns);
      bytes += from.sent;
      all.push_back(std::move(known));
    }
    write_truth(opts_.truth_file, all);
    say("done: %zu connections held %.3f s, %" PRIu64 " bursts, %" PRIu64 " bytes, %" PRIu64
        " ms skipped\n",
        all.size(), held_seconds_, bursts_, bytes, late_ticks_);
    return 0;
  }

  // Marks an epoll tag as the index of a listener.
  static constexpr uint64_t listener_tag = uint64_t{1} << 63;

  const options& opts_;
  std::atomic<bool> listening_{false};
  std::atomic<bool> all_open_{false};
  std::atomic<bool> closing_{false};
  std::atomic<size_t> opened_{0};
  std::atomic<size_t> accepted_{0};
  std::vector<listener> doors_;         // written before listening_, then only read
  std::vector<receiver_end> received_;  // the receiver's, until it is joined
  std::vector<sender_end> sent_;        // the sender's, until it is joined
  uint64_t bursts_ = 0;
  uint64_t late_ticks_ = 0;
  double held_seconds_ = 0;
};

}  // namespace

int run_hold(const options& opts) { return hold_run(opts).run(); }

}  // namespace traffic
