// SPDX-License-Identifier: Apache-2.0
#include "traffic/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>

#include "traffic/report.h"

namespace traffic {

uint16_t endpoint::port() const {
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
}

std::string endpoint::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes =
      address.ss_family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&address)->sin_addr)
          : &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  if (inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr)
    die_errno("inet_ntop");
  return text.data();
}

namespace {

endpoint make_endpoint(family kind, const std::string& host, uint16_t port) {
  endpoint result;
  if (kind == family::v4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.address);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &in->sin_addr) != 1)
      die("not an IPv4 address: %s", host.c_str());
    result.length = sizeof(sockaddr_in);
    return result;
  }
  const std::string text = kind == family::mapped ? "::ffff:" + host : host;
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&result.address);
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  if (inet_pton(AF_INET6, text.c_str(), &in6->sin6_addr) != 1)
    die("not an IPv6 address: %s", text.c_str());
  result.length = sizeof(sockaddr_in6);
  return result;
}

}  // namespace

void set_int(int fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0) die_errno(what);
}

int new_socket(family kind) {
  const int fd = socket(kind == family::v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die_errno("socket");
  return fd;
}

void set_patience(int fd) {
  const timeval patience{20, 0};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
    die_errno("SO_RCVTIMEO");
}

uint64_t cookie_of(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) die_errno("SO_COOKIE");
  return cookie;
}

endpoint local_of(int fd) {
  endpoint result;
  if (getsockname(fd, result.raw(), &result.length) != 0) die_errno("getsockname");
  return result;
}

endpoint remote_of(int fd) {
  endpoint result;
  if (getpeername(fd, result.raw(), &result.length) != 0) die_errno("getpeername");
  return result;
}

listener listen_on(family kind, const std::string& host) {
  listener result;
  result.kind = kind;
  result.fd = new_socket(kind);
  if (kind == family::v6) set_int(result.fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  if (kind == family::mapped) set_int(result.fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
  set_patience(result.fd);
  const endpoint any = make_endpoint(kind, host, 0);
  if (bind(result.fd, any.raw(), any.length) != 0) die_errno("bind");
  if (listen(result.fd, 4096) != 0) die_errno("listen");
  result.target = make_endpoint(kind, host, local_of(result.fd).port());
  return result;
}

void send_all(int fd, uint64_t bytes) {
  static const std::array<char, 16384> data{};
  while (bytes > 0) {
    const ssize_t sent =
        send(fd, data.data(), std::min<uint64_t>(bytes, data.size()), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      die_errno("send");
    }
    bytes -= static_cast<uint64_t>(sent);
  }
}

void receive_all(int fd, uint64_t bytes) {
  std::array<char, 16384> data;
  while (bytes > 0) {
    const ssize_t got = recv(fd, data.data(), std::min<uint64_t>(bytes, data.size()), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) die_errno("recv");
    if (got == 0) die("unexpected end of stream, %" PRIu64 " bytes missing", bytes);
    bytes -= static_cast<uint64_t>(got);
  }
}

void expect_end(int fd, const char* who) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = recv(fd, &byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  if (got != 0) die("%s: expected the end of the stream, got %zd (%s)", who, got, strerror(errno));
}

void expect_reset(int fd, const char* who) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = recv(fd, &byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  if (got != -1 || errno != ECONNRESET)
    die("%s: expected a reset, got %zd (%s)", who, got, strerror(errno));
}

void reset(int fd) {
  const linger hard{1, 0};
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) != 0) die_errno("SO_LINGER");
  close(fd);
}

void raise_descriptor_limit(uint64_t needed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die_errno("getrlimit");
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed) {
    // Root may raise the hard limit; if this fails the next line tells what was missing.
    const rlimit higher{needed, needed};
    if (setrlimit(RLIMIT_NOFILE, &higher) != 0)
      die("%" PRIu64 " descriptors are needed, the limit is %" PRIu64, needed,
          static_cast<uint64_t>(limit.rlim_max));
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die_errno("setrlimit");
}

}  // namespace traffic
