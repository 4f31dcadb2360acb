// SPDX-License-Identifier: Apache-2.0
#include "collect/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "collect/descriptor.h"
#include "collect/errno_of.h"

namespace tcpinfo::collect {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

template <class Address>
std::error_code try_bind(const Address& address, int family) noexcept {
  const descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return last_error();
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto* const name = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  const bool good =
      ::bind(socket.get(), name, sizeof address) == 0 && ::listen(socket.get(), 1) == 0;
  return good ? std::error_code{} : last_error();
}

}  // namespace

std::optional<listen_address> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  listen_address where;
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::nullopt;
  where.port = *port;
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return where;
  if (host == "localhost") host = "127.0.0.1";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (parse_ip_address(host, where.address)) return std::nullopt;
  // An IPv6 address without brackets could not be told from its port.
  if (bracketed != (where.address.family == address_family::ipv6)) return std::nullopt;
  return where;
}

std::string to_string(const listen_address& where) {
  std::string text = tcpinfo::to_string(where.address);
  if (where.address.family == address_family::unspecified) text.clear();
  if (where.address.family == address_family::ipv6) text = "[" + text + "]";
  return text + ":" + std::to_string(where.port);
}

std::error_code try_listening(const listen_address& where) noexcept {
  if (where.address.family == address_family::ipv6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(where.port);
    std::memcpy(&address.sin6_addr, where.address.bytes.data(), 16);
    return try_bind(address, AF_INET6);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(where.port);
  std::memcpy(&address.sin_addr, where.address.bytes.data(), 4);
  return try_bind(address, AF_INET);
}

}  // namespace tcpinfo::collect
