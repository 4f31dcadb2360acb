// SPDX-License-Identifier: Apache-2.0
//
// Connections by the ten thousand, of which a known number moves at a known rate: the load under
// which the collector is measured. Both ends are this process's, the receivers in one network
// namespace and the senders in another.
//
// usage: load RECEIVER_NS SENDER_NS ADDRESS CONNECTIONS
//
// Prints `open CONNECTIONS` when all are established, then obeys lines on standard input and
// answers each with one line:
//   active COUNT PERIOD_US   from now on each of the first COUNT sends a segment every PERIOD_US
//   ask COUNT PERIOD_US      from now on each of the first COUNT sends a request of some 200 bytes
//                            about every PERIOD_US, and gets an answer of 2 to 20 KB
//   rounds                   `rounds MADE LATE`: since the last `active`, summed over processes;
//   late
//                            is what came after the next was due
// The end of its input ends it. The connections are shared out to processes, because each end is a
// descriptor and a process may not have as many as are wanted; the first ones move first.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void enter(int netns) {
  if (setns(netns, CLONE_NEWNET) != 0) die("setns");
}

int netns_at(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  return fd;
}

struct connection {
  int sender;
  int receiver;
};

// One listener has room for some 60,000 connections from one address.
constexpr std::size_t listeners = 8;

// One process's share of the connections.
class load {
 public:
  load(int receivers, int senders, const char* address, std::size_t count) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1) die(address);
    std::array<int, listeners> doors{};
    std::array<sockaddr_in, listeners> where{};
    enter(receivers);
    for (std::size_t i = 0; i < listeners; ++i) {
      doors[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      socklen_t length = sizeof where[i];
      if (doors[i] < 0 || bind(doors[i], reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
          listen(doors[i], 128) != 0 ||
          getsockname(doors[i], reinterpret_cast<sockaddr*>(&where[i]), &length) != 0)
        die("listen");
    }
    enter(senders);
    connections_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      connection made{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1};
      const int one = 1;
      if (made.sender < 0 ||
          setsockopt(made.sender, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        die("socket");
      auto* const to = reinterpret_cast<sockaddr*>(&where[i % listeners]);
      if (connect(made.sender, to, sizeof(sockaddr_in)) != 0) die("connect");
      made.receiver = accept4(doors[i % listeners], nullptr, nullptr, SOCK_CLOEXEC);
      if (made.receiver < 0) die("accept");
      connections_.push_back(made);
    }
    answer("open", connections_.size(), 0);
  }

  void run() {
    std::string typed;
    for (;;) {
      std::int64_t wait_ns = -1;
      if (active_ > 0) {
        const std::int64_t left_ns = due_ns_ - now_ns();
        if (left_ns <= 0) {
          if (asks_)
            ask_round();
          else
            round();
          wait_ns = 0;
        } else {
          wait_ns = left_ns;
        }
      }
      pollfd input{STDIN_FILENO, POLLIN, 0};
      const timespec patience{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
      if (ppoll(&input, 1, wait_ns < 0 ? nullptr : &patience, nullptr) <= 0) continue;
      std::array<char, 256> block;
      const ssize_t got = read(STDIN_FILENO, block.data(), block.size());
      if (got <= 0) return;
      typed.append(block.data(), static_cast<std::size_t>(got));
      for (std::size_t end = 0; (end = typed.find('\n')) != std::string::npos;
           typed.erase(0, end + 1))
        obey(typed.substr(0, end));
    }
  }

 private:
  void obey(const std::string& line) {
    if (line == "rounds") {
      answer("rounds", rounds_, late_);
      return;
    }
    std::array<char, 8> word{};
    std::size_t count = 0;
    std::int64_t period_us = 0;
    if (std::sscanf(line.c_str(), "%7s %zu %ld", word.data(), &count, &period_us) != 3) return;
    asks_ = std::strcmp(word.data(), "ask") == 0;
    active_ = std::min(count, connections_.size());
    period_ns_ = std::max<std::int64_t>(period_us, 1) * 1000;
    if (asks_) period_ns_ /= asked_of;
    due_ns_ = now_ns();
    rounds_ = late_ = 0;
    answer(word.data(), active_, 0);
  }

  static void answer(const char* word, std::size_t a, std::size_t b) {
    std::array<char, 128> line;
    const int size = std::snprintf(line.data(), line.size(), "%s %zu %zu\n", word, a, b);
    if (write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(size)) != size) die("answer");
  }

  void round() {
    static const std::array<char, 64> data{};
    for (std::size_t i = 0; i < active_; ++i) {
      if (send(connections_[i].sender, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
          errno != EAGAIN)
        die("send");
      // Far from each other, so that no round has to read them all. MSG_TRUNC: not even copied.
      if ((rounds_ + i) % 64 == 0)
        (void)recv(connections_[i].receiver, nullptr, std::size_t{1} << 20,
                   MSG_TRUNC | MSG_DONTWAIT);
    }
    end_round();
  }

  // One connection in `asked_of`, not always the same ones: so that none asks in step with another.
  void ask_round() {
    static const std::array<char, 20'000> data{};
    asked_.clear();
    for (std::size_t i = 0; i < active_; ++i) {
      // Some number that looks random, of the connection and the round.
      const std::size_t dice = (i * 0x9e3779b97f4a7c15 + rounds_ * 0xc2b2ae3d27d4eb4f) >> 29;
      if (dice % asked_of != 0) continue;
      exchange(connections_[i].sender, connections_[i].receiver, data.data(), 150 + dice % 101);
      asked_.push_back({i, 2000 + dice % 18'001});
    }
    for (const question& q : asked_)
      exchange(connections_[q.of].receiver, connections_[q.of].sender, data.data(), q.answer);
    end_round();
  }

  // Takes what is there at the other end, too; of an answer the rest is taken with the next one.
  static void exchange(int from, int to, const char* data, std::size_t size) {
    if (send(from, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) die("send");
    (void)recv(to, nullptr, std::size_t{1} << 20, MSG_TRUNC | MSG_DONTWAIT);
  }

  void end_round() {
    ++rounds_;
    due_ns_ += period_ns_;
    // What is late is not made up for.
    const std::int64_t time_ns = now_ns();
    if (due_ns_ < time_ns) {
      ++late_;
      due_ns_ = time_ns;
    }
  }

  struct question {
    std::size_t of;      // which connection
    std::size_t answer;  // bytes
  };
  // Rounds in the period of a connection that asks.
  static constexpr int asked_of = 10;

  std::vector<connection> connections_;
  std::vector<question> asked_;
  bool asks_ = false;
  std::size_t active_ = 0;
  std::size_t rounds_ = 0;
  std::size_t late_ = 0;
  std::int64_t period_ns_ = 0;
  std::int64_t due_ns_ = 0;
};

struct share {
  FILE* to;
  FILE* from;
  std::size_t connections;
};

// Starts the process of a share: its standard input and output are the ends of a pair of sockets.
share begin_share(int receivers, int senders, const char* address, std::size_t count,
                  const std::vector<share>& others) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) die("socketpair");
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child > 0) {
    close(ends[1]);
    return {fdopen(ends[0], "w"), fdopen(dup(ends[0]), "r"), count};
  }
  // Or the end of another's input would never be seen.
  for (const share& other : others) {
    close(fileno(other.to));
    close(fileno(other.from));
  }
  close(ends[0]);
  dup2(ends[1], STDIN_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  load(receivers, senders, address, count).run();
  _exit(0);
}

// The sums of what all shares answer.
void gather(const std::vector<share>& shares) {
  std::array<char, 32> word{};
  std::size_t sum_a = 0;
  std::size_t sum_b = 0;
  for (const share& s : shares) {
    std::size_t a = 0;
    std::size_t b = 0;
    if (std::fscanf(s.from, "%31s %zu %zu", word.data(), &a, &b) != 3) die("a share");
    sum_a += a;
    sum_b += b;
  }
  std::printf("%s %zu %zu\n", word.data(), sum_a, sum_b);
}

void obey(const std::vector<share>& shares, const char* line) {
  std::size_t count = 0;
  std::int64_t period_us = 0;
  std::array<char, 8> word{};
  const bool sets = std::sscanf(line, "%7s %zu %ld", word.data(), &count, &period_us) == 3;
  for (const share& s : shares) {
    if (sets) {
      const std::size_t here = std::min(count, s.connections);
      count -= here;
      std::fprintf(s.to, "%s %zu %ld\n", word.data(), here, static_cast<long>(period_us));
    } else {
      std::fputs("rounds\n", s.to);
    }
    std::fflush(s.to);
  }
  gather(shares);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: load RECEIVER_NS SENDER_NS ADDRESS CONNECTIONS\n", stderr);
    return 2;
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) die("RLIMIT_NOFILE");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) die("RLIMIT_NOFILE");
  const std::size_t most = std::min<std::size_t>(files.rlim_cur / 2 - 50, 50'000);
  const int receivers = netns_at(argv[1]);
  const int senders = netns_at(argv[2]);
  std::vector<share> shares;
  for (std::size_t left = std::strtoull(argv[4], nullptr, 10); left > 0;) {
    const std::size_t count = std::min(left, most);
    shares.push_back(begin_share(receivers, senders, argv[3], count, shares));
    left -= count;
  }
  gather(shares);
  std::array<char, 128> line;
  while (std::fgets(line.data(), line.size(), stdin) != nullptr) obey(shares, line.data());
  for (const share& s : shares) {
    std::fclose(s.to);
    std::fclose(s.from);
  }
  while (wait(nullptr) > 0) {
  }
  return 0;
}
