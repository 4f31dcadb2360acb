// SPDX-License-Identifier: Apache-2.0
//
// The least that polling can cost: the collector's request, its answer received and thrown away.
//
// usage: poll_floor dump|timer INTERVAL_US SECONDS   (timer: only wakes up)
//
// Runs in the network namespace it is started in and prints one line of JSON: polls made, processor
// nanoseconds (of them in user mode and in the kernel), bytes of one answer, and p50, p99 and max
// of the interval between polls, in microseconds.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "collect/sampling/connection_states.h"
#include "collect/sampling/exclusions.h"

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "poll_floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::int64_t clock_ns(clockid_t which) {
  timespec t{};
  clock_gettime(which, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

alignas(8) std::array<char, 65536> buffer;

// What the collector sends by default: every extension, and its exclusions as a program.
std::vector<std::byte> make_request() {
  tcpinfo::collect::exclusions local;
  tcpinfo::bytes_view program;
  if (local.set(false, {}, {}) || local.rules().program(program)) die("program");
  struct {
    nlmsghdr header;
    inet_diag_req body;
    nlattr attribute;
  } start{};
  start.body.idiag_ext = tcpinfo::all_extensions;
  start.body.idiag_states = tcpinfo::collect::connection_states;
  start.attribute = {static_cast<std::uint16_t>(sizeof start.attribute + program.size()),
                     INET_DIAG_REQ_BYTECODE};
  start.header = {static_cast<std::uint32_t>(sizeof start + program.size()), TCPDIAG_GETSOCK,
                  NLM_F_REQUEST | NLM_F_DUMP, 1, 0};
  const auto bytes = std::as_bytes(std::span(&start, 1));
  std::vector<std::byte> request(bytes.begin(), bytes.end());
  request.insert(request.end(), program.begin(), program.end());
  return request;
}

// Of one dump, in bytes. The end is a message of its own, so one look at each datagram's first
// header suffices.
std::size_t dump(int fd, std::vector<std::byte>& request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(fd, request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
             sizeof kernel) < 0)
    die("sendto");
  for (std::size_t bytes = 0;;) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) die("recv");
    nlmsghdr first;
    std::memcpy(&first, buffer.data(), sizeof first);
    if (first.nlmsg_type == NLMSG_DONE) return bytes;
    if (first.nlmsg_type == NLMSG_ERROR) die("dump");
    bytes += static_cast<std::size_t>(got);
  }
}

std::int64_t microseconds(const timeval& t) {
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: poll_floor dump|timer INTERVAL_US SECONDS\n", stderr);
    return 2;
  }
  const bool dumps = std::strcmp(argv[1], "dump") == 0;
  const std::int64_t interval_ns = std::strtoll(argv[2], nullptr, 10) * 1000;
  const auto length_ns = static_cast<std::int64_t>(std::strtod(argv[3], nullptr) * 1e9);
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) die("socket");
  // The kernel makes larger answers for a socket that has received one: not part of the measure.
  std::vector<std::byte> request = make_request();
  (void)dump(fd, request);

  std::vector<std::int64_t> intervals;
  std::size_t bytes = 0;
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  const std::int64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  const std::int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
  std::int64_t polls = 0;
  std::int64_t previous_ns = 0;
  for (std::int64_t tick = 0;;) {
    const std::int64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
    if (previous_ns != 0) intervals.push_back((begun_ns - previous_ns) / 1000);
    if (begun_ns - start_ns >= length_ns && polls > 1) break;
    previous_ns = begun_ns;
    if (dumps) bytes = dump(fd, request);
    ++polls;
    // As the collector: ticks that were run past are missed.
    const std::int64_t passed_ns = clock_ns(CLOCK_MONOTONIC) - start_ns;
    tick = std::max(tick, passed_ns / interval_ns) + 1;
    const std::int64_t until_ns = start_ns + tick * interval_ns;
    const timespec until{until_ns / 1'000'000'000, until_ns % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  const std::int64_t used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
  getrusage(RUSAGE_SELF, &after);
  std::sort(intervals.begin(), intervals.end());
  const auto quantile = [&](double q) {
    return intervals[static_cast<std::size_t>(q * static_cast<double>(intervals.size() - 1))];
  };
  std::printf(
      "{\"polls\": %lld, \"cpu_ns\": %lld, \"user_us\": %lld, \"system_us\": %lld, \"bytes\": %zu, "
      "\"p50_us\": %lld, \"p99_us\": %lld, \"max_us\": %lld}\n",
      static_cast<long long>(polls), static_cast<long long>(used_ns),
      static_cast<long long>(microseconds(after.ru_utime) - microseconds(before.ru_utime)),
      static_cast<long long>(microseconds(after.ru_stime) - microseconds(before.ru_stime)), bytes,
      static_cast<long long>(quantile(0.5)), static_cast<long long>(quantile(0.99)),
      static_cast<long long>(intervals.back()));
  close(fd);
  return 0;
}
