// SPDX-License-Identifier: Apache-2.0
//
// The server of the metrics: what it answers, and that no client keeps another waiting. Over real
// sockets on the loopback interface.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/os/listening.h"
#include "collect/serving/http_request.h"
#include "collect/serving/http_server.h"
#include "unit/catch.h"

using namespace tcpinfo::collect;

namespace {

struct head_case {
  const char* bytes;
  request_head what;
  const char* method;
  const char* path;
};

listen_address loopback() {
  listen_address where;
  REQUIRE_FALSE(tcpinfo::parse_ip_address("127.0.0.1", where.address));
  return where;
}

// A client that connects, and does what the test tells it.
class caller {
 public:
  explicit caller(std::uint16_t port, const char* from = "127.0.0.1") {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(fd_);
    // Little room, so that an answer does not fit into it.
    const int room = 2048;
    REQUIRE(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, from, &own.sin_addr) == 1);
    REQUIRE(::bind(fd_.get(), as_name(own), sizeof own) == 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr) == 1);
    REQUIRE(::connect(fd_.get(), as_name(to), sizeof to) == 0);
  }
  void say(std::string_view text) {
    REQUIRE(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  /// All that is said until the server closes; fails where it does not within ten seconds.
  std::string hear() {
    std::string all;
    std::array<char, 4096> bytes;
    for (;;) {
      pollfd one{fd_.get(), POLLIN, 0};
      REQUIRE(::poll(&one, 1, 10'000) == 1);
      const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
      REQUIRE(n >= 0);
      if (n == 0) return all;
      all.append(bytes.data(), static_cast<std::size_t>(n));
    }
  }
  /// Whether something comes, within ten seconds.
  bool begins() {
    pollfd one{fd_.get(), POLLIN, 0};
    return ::poll(&one, 1, 10'000) == 1;
  }
  /// Whether the server has ended the connection, within ten seconds.
  bool was_cut_off() {
    pollfd one{fd_.get(), POLLIN, 0};
    std::array<char, 4096> bytes;
    for (;;) {
      if (::poll(&one, 1, 10'000) != 1) return false;
      if (::recv(fd_.get(), bytes.data(), bytes.size(), 0) <= 0) return true;
    }
  }
  [[nodiscard]] bool is_there() const {
    pollfd one{fd_.get(), POLLIN | POLLRDHUP, 0};
    return ::poll(&one, 1, 0) == 0;
  }

 private:
  static const sockaddr* as_name(const sockaddr_in& name) {
    return static_cast<const sockaddr*>(static_cast<const void*>(&name));
  }
  descriptor fd_;
};

struct served {
  explicit served(std::function<std::string()> make, http_server_options options = {})
      : server({"/metrics", "text/plain; version=0.0.4", std::move(make)}, options) {
    REQUIRE_FALSE(server.start(where));
  }
  std::string ask(std::string_view request) {
    caller one(where.port);
    one.say(request);
    return one.hear();
  }
  listen_address where = loopback();
  http_server server;
};

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}
bool says(const std::string& answer, const char* what) {
  return answer.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("The head of a request is read as HTTP has it") {
  const std::vector<head_case> cases = {
      {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", request_head::whole, "GET", "/metrics"},
      {"HEAD /metrics?name[]=up HTTP/1.0\r\n\r\n", request_head::whole, "HEAD", "/metrics"},
      {"GET http://10.0.0.1:9990/metrics HTTP/1.1\r\n\r\n", request_head::whole, "GET", "/metrics"},
      {"GET http://host HTTP/1.1\r\n\r\n", request_head::whole, "GET", "/"},
      {"\r\nGET / HTTP/1.1\n\n", request_head::whole, "GET", "/"},
      {"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde", request_head::whole, "POST",
       "/metrics"},
      {"OPTIONS * HTTP/1.1\r\n\r\n", request_head::whole, "OPTIONS", "*"},
      {"", request_head::incomplete, "", ""},
      {"\r\n\r\n\r\n", request_head::incomplete, "", ""},
      {"GET /metrics HTTP/1.1\r\nHost: a\r\n", request_head::incomplete, "", ""},
      {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r", request_head::incomplete, "", ""},
      {"GET /metrics\r\n\r\n", request_head::malformed, "", ""},
      {"GET  HTTP/1.1\r\n\r\n", request_head::malformed, "", ""},
      {"GET /a b HTTP/1.1\r\n\r\n", request_head::malformed, "", ""},
      {"G\x01T / HTTP/1.1\r\n\r\n", request_head::malformed, "", ""},
      {"\x16\x03\x01 a b\n\n", request_head::malformed, "", ""},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", request_head::other_major, "", ""},
  };
  for (const head_case& one : cases) {
    INFO(one.bytes);
    http_request request;
    REQUIRE(read_request_head(one.bytes, request) == one.what);
    CHECK(request.method == one.method);
    CHECK(request.path == one.path);
  }
  // However it is cut: nothing is taken for whole that is not.
  const std::string_view whole = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    http_request request;
    CHECK(read_request_head(whole.substr(0, n), request) == request_head::incomplete);
  }
}

TEST_CASE("A page is served, HEAD answered, and the connection's end said") {
  served one([] { return std::string("a 1\n"); });
  const std::string got = one.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(says(got, "\r\nConnection: close\r\n"));
  CHECK(says(got, "\r\nContent-Type: text/plain; version=0.0.4\r\n"));
  CHECK(says(got, "\r\nContent-Length: 4\r\n"));
  CHECK(says(got, " GMT\r\n"));
  CHECK(body_of(got) == "a 1\n");

  const std::string head = one.ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(says(head, "\r\nConnection: close\r\n"));
  CHECK(says(head, "\r\nContent-Length: 4\r\n"));
  CHECK(body_of(head).empty());

  CHECK(one.ask("GET /else HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  // With a body, which is not read before the answer.
  const std::string refused =
      one.ask("POST /metrics HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + std::string(9000, 'x'));
  CHECK(refused.starts_with("HTTP/1.1 405 "));
  CHECK(says(refused, "\r\nAllow: GET, HEAD\r\n"));
  CHECK(one.ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(one.ask("PRI * HTTP/2.0\r\n\r\n").starts_with("HTTP/1.1 505 "));
  CHECK(one.ask("GET /metrics HTTP/1.1\r\nA: " + std::string(9000, 'x'))
            .starts_with("HTTP/1.1 431 "));
  one.server.finish();
  CHECK(one.server.counts().answered.get() == 2);
  CHECK(one.server.counts().refused.get() == 5);
  CHECK(one.server.counts().cut_off.get() == 0);
}

TEST_CASE("A client gets the form of a page that it wants, and why one is unavailable") {
  std::vector<http_page> pages;
  pages.push_back({"/a", "text/plain; version=0.0.4", [] { return std::string("plain"); }});
  pages.push_back({"/b", "text/plain", []() -> std::string { throw http_unavailable("not yet"); }});
  pages.push_back(
      {"/a", "application/openmetrics-text; version=1.0.0", [] { return std::string("open"); }});
  http_server server(std::move(pages));
  listen_address where = loopback();
  REQUIRE_FALSE(server.start(where));
  const auto ask = [&where](const std::string& path, const std::string& fields) {
    caller one(where.port);
    one.say("GET " + path + " HTTP/1.1\r\n" + fields + "\r\n");
    return one.hear();
  };
  CHECK(body_of(ask("/a", "")) == "plain");
  const std::string open = ask("/a", "Accept: text/plain;q=0.5, application/openmetrics-text\r\n");
  CHECK(body_of(open) == "open");
  CHECK(says(open, "\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\n"));
  CHECK(says(open, "\r\nVary: Accept\r\n"));
  // Nothing that it wants: better something than nothing.
  CHECK(body_of(ask("/a", "Accept: image/png\r\n")) == "plain");
  const std::string unavailable = ask("/b", "");
  CHECK(unavailable.starts_with("HTTP/1.1 503 "));
  CHECK(body_of(unavailable) == "not yet\n");
  CHECK(!says(unavailable, "Vary"));
}

TEST_CASE("A page that cannot be made is a failed scrape, and no more") {
  bool fails = true;
  served one([&fails]() -> std::string {
    if (std::exchange(fails, false)) throw std::bad_alloc();
    return "a 1\n";
  });
  CHECK(one.ask("GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(body_of(one.ask("GET /metrics HTTP/1.1\r\n\r\n")) == "a 1\n");
}

TEST_CASE("Clients that idle, stop half-way or do not read keep nobody waiting") {
  const std::string page(std::size_t{8} << 20, 'x');
  served one([&page] { return page; });
  std::vector<std::unique_ptr<caller>> bad;
  for (int i = 0; i < 100; ++i) {
    bad.push_back(std::make_unique<caller>(one.where.port));
    if (i % 3 == 0) bad.back()->say("GET /metrics HTTP/1.1\r\nHo");
    if (i % 3 == 1) bad.back()->say("GET /metrics HTTP/1.1\r\n\r\n");
  }
  for (int i = 0; i < 10; ++i)
    CHECK(body_of(one.ask("GET /metrics HTTP/1.1\r\n\r\n")).size() == page.size());
  // There was a place for all, so none was sent away.
  CHECK(one.server.counts().cut_off.get() == 0);
  for (int i = 2; i < 100; i += 3) CHECK(bad[static_cast<std::size_t>(i)]->is_there());
  // A half request goes on where it stopped.
  bad[0]->say("st: a\r\n\r\n");
  CHECK(body_of(bad[0]->hear()).size() == page.size());
}

TEST_CASE("Where all places are taken, who has been there longest makes room") {
  http_server_options few;
  few.max_clients = 4;
  served one([] { return std::string("a 1\n"); }, few);
  // A place for another machine is not taken by one that takes many.
  caller other(one.where.port, "127.0.0.2");
  std::vector<std::unique_ptr<caller>> bad;
  for (int i = 0; i < 12; ++i) bad.push_back(std::make_unique<caller>(one.where.port));
  CHECK(body_of(one.ask("GET /metrics HTTP/1.1\r\n\r\n")) == "a 1\n");
  for (std::size_t i = 0; i < 9; ++i) CHECK(bad[i]->was_cut_off());
  CHECK(other.is_there());
  other.say("GET /metrics HTTP/1.1\r\n\r\n");
  CHECK(body_of(other.hear()) == "a 1\n");
  CHECK(one.server.counts().cut_off.get() >= 9);
}

TEST_CASE(
    "Texts that nobody reads take no more than so much, and a scrape beside them is answered") {
  const std::string page(std::size_t{8} << 20, 'x');
  std::atomic<int> made{0};
  http_server_options small;
  small.max_waiting = std::size_t{20} << 20;
  served one(
      [&] {
        ++made;
        return page;
      },
      small);
  std::vector<std::unique_ptr<caller>> bad;
  // Those that come together have one text.
  while (made < 6) {
    REQUIRE(bad.size() < 200);
    bad.push_back(std::make_unique<caller>(one.where.port));
    bad.back()->say("GET /metrics HTTP/1.1\r\n\r\n");
    REQUIRE(bad.back()->begins());
    // The server, which may still be writing to it, is to end its turn.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(body_of(one.ask("GET /metrics HTTP/1.1\r\n\r\n")).size() == page.size());
  // Two texts fit.
  CHECK(one.server.counts().cut_off.get() >= 4);
  CHECK(bad[0]->was_cut_off());
}

TEST_CASE("Where texts take too much, who takes most makes room, and not who came first") {
  const std::string page(std::size_t{8} << 20, 'x');
  std::atomic<int> made{0};
  http_server_options small;
  small.max_waiting = std::size_t{20} << 20;
  served one(
      [&] {
        ++made;
        return page;
      },
      small);
  // Another machine's scraper, which reads slowly.
  caller other(one.where.port, "127.0.0.2");
  other.say("GET /metrics HTTP/1.1\r\n\r\n");
  REQUIRE(other.begins());
  std::vector<std::unique_ptr<caller>> bad;
  while (made < 6) {
    REQUIRE(bad.size() < 200);
    bad.push_back(std::make_unique<caller>(one.where.port));
    bad.back()->say("GET /metrics HTTP/1.1\r\n\r\n");
    REQUIRE(bad.back()->begins());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(body_of(other.hear()).size() == page.size());
  CHECK(bad[0]->was_cut_off());
}

TEST_CASE("Callers are one where one machine, or one user, can be all of them") {
  const auto over_ipv6 = [](const char* text) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    REQUIRE(::inet_pton(AF_INET6, text, &name.sin6_addr) == 1);
    sockaddr_storage from{};
    std::memcpy(&from, &name, sizeof name);
    return origin_of(-1, from);
  };
  CHECK(over_ipv6("2001:db8:1:2::1") == over_ipv6("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  CHECK_FALSE(over_ipv6("2001:db8:1:2::1") == over_ipv6("2001:db8:1:3::1"));
  // Those of IPv4 have one address each, also at a socket of both.
  CHECK_FALSE(over_ipv6("::ffff:192.0.2.1") == over_ipv6("::ffff:192.0.2.2"));
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const descriptor first(ends[0]);
  const descriptor second(ends[1]);
  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  CHECK(origin_of(first.get(), local).user == ::geteuid());
  CHECK(origin_of(first.get(), local) == origin_of(second.get(), local));
}

TEST_CASE("A text larger than all that may wait is served all the same") {
  const std::string page(std::size_t{8} << 20, 'x');
  http_server_options small;
  small.max_waiting = 1000;
  served one([&page] { return page; }, small);
  CHECK(body_of(one.ask("GET /metrics HTTP/1.1\r\n\r\n")).size() == page.size());
}

TEST_CASE("A client's visit ends when its time is over") {
  http_server_options hasty;
  hasty.patience = std::chrono::seconds(0);
  served one([] { return std::string("a 1\n"); }, hasty);
  caller idle(one.where.port);
  CHECK(idle.was_cut_off());
}
