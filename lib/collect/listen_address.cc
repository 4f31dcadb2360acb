// SPDX-License-Identifier: Apache-2.0
#include "collect/listen_address.h"

#include <charconv>
#include <system_error>

namespace tcpinfo::collect {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
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

}  // namespace tcpinfo::collect
