// SPDX-License-Identifier: Apache-2.0
//
// An example: prints a line for each connection that ends, with its final counters. It runs until
// Ctrl-C, or until COUNT connections have ended or SECONDS have passed; 0 is no limit.
//
//   g++ -std=c++20 closing_logger.cc -o closing_logger $(pkg-config --cflags --libs libtcpinfo)
#include <poll.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

using tcpinfo::tcp_field;

std::string number(const tcpinfo::snapshot& s, tcp_field field) {
  const auto value = s.measured(field);
  return value ? std::to_string(*value) : "-";
}

class logger {
 public:
  void print(const tcpinfo::message& m) {
    // Sockets that listened, or were never connected, end as well.
    if (m.dst().is_unspecified()) return;
    if (s_.decode(m, tcpinfo::info_layout::unknown)) return;
    ++lines_;
    // A socket that is closed with a zero linger time (RST) is disconnected by the kernel first:
    // its remote port and its totals are 0 by now.
    std::printf(
        "%s %u %s %u sent=%s received=%s acked=%s retransmitted=%s min_rtt_us=%s\n",
        to_string(m.src()).c_str(), m.sport(), to_string(m.dst()).c_str(), m.dport(),
        number(s_, tcp_field::bytes_sent).c_str(), number(s_, tcp_field::bytes_received).c_str(),
        number(s_, tcp_field::bytes_acked).c_str(), number(s_, tcp_field::bytes_retrans).c_str(),
        number(s_, tcp_field::min_rtt).c_str());
    std::fflush(stdout);
  }
  [[nodiscard]] unsigned lines() const { return lines_; }

 private:
  tcpinfo::snapshot s_;
  unsigned lines_ = 0;
};

bool parse(std::string_view text, unsigned& out) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, out);
  return result.ec == std::errc() && result.ptr == end;
}

int fail(const std::error_code& ec) {
  std::fprintf(stderr, "closing_logger: %s\n", ec.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned count = 0;
  unsigned seconds = 0;
  if (argc > 3 || (argc > 1 && !parse(argv[1], count)) || (argc > 2 && !parse(argv[2], seconds))) {
    std::fprintf(stderr, "usage: closing_logger [COUNT [SECONDS]]\n");
    return 2;
  }
  tcpinfo::destroy_listener listener;
  tcpinfo::listener_options listening;
  listening.receive_buffer = std::size_t{1} << 20;
  if (const std::error_code ec = listener.open(listening)) return fail(ec);
  std::fprintf(stderr, "closing_logger: listening\n");

  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::seconds(seconds);
  logger log;
  std::int64_t overflows = 0;
  while ((count == 0 || log.lines() < count) && (seconds == 0 || clock::now() < end)) {
    pollfd ready{listener.descriptor(), POLLIN, 0};
    if (::poll(&ready, 1, seconds == 0 ? -1 : 100) < 0 && errno != EINTR)
      return fail({errno, std::system_category()});
    if (const auto ec = listener.receive([&](const tcpinfo::message& m) { log.print(m); }))
      return fail(ec);
    // Ends came faster than they were read: the kernel's queue was full, and some are lost.
    const std::int64_t now = listener.counter(tcpinfo::dump_counter::overflows);
    if (now != overflows) std::fprintf(stderr, "closing_logger: ends were lost\n");
    overflows = now;
  }
}
