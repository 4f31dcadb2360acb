// SPDX-License-Identifier: Apache-2.0
#include "text/values.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "text/whole_number.h"

namespace tcpinfo::text {
namespace {

struct unit {
  std::string_view name;
  double factor;
};

// "m" stands after "ms" so that the longer name is tried first.
constexpr unit duration_units[] = {{"ns", 1.0}, {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
                                   {"m", 6e10}, {"h", 3.6e12}, {"d", 8.64e13}};

constexpr unit size_units[] = {
    {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0},
    {"KB", 1e3},     {"MB", 1e6},        {"GB", 1e9},
    {"Ki", 1024.0},  {"Mi", 1048576.0},  {"Gi", 1073741824.0},
    {"K", 1e3},      {"M", 1e6},         {"G", 1e9},
    {"B", 1.0},
};

// The number at the start of `text`, which is shortened by it.
std::optional<double> take_number(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() &&
         ((text[length] >= '0' && text[length] <= '9') || text[length] == '.'))
    ++length;
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + length, value);
  if (ec != std::errc{} || length == 0 || end != text.data() + length) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

template <std::size_t N>
std::optional<double> take_unit(std::string_view& text, const unit (&units)[N]) {
  for (const unit& u : units) {
    if (!text.starts_with(u.name)) continue;
    text.remove_prefix(u.name.size());
    return u.factor;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_whole(text, std::numeric_limits<std::uint16_t>::max());
  if (!port || *port == 0) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

// An item that is a name where a number is to stand.
bool begins_like_a_name(std::string_view item) {
  return (item.front() >= 'a' && item.front() <= 'z') ||
         (item.front() >= 'A' && item.front() <= 'Z');
}

/// ADDRESS%INTERFACE/LENGTH, [ADDRESS%INTERFACE]/LENGTH, and what of it is there.
struct address_parts {
  std::string_view address;
  std::optional<std::string_view> interface {};
  std::optional<std::string_view> length{};
};

// @return why it is none.
std::string take_apart(std::string_view item, address_parts& out) {
  out = {item};
  if (item.starts_with('[')) {
    const std::size_t end = item.find(']');
    if (end == std::string_view::npos) return fmt::format("'{}' lacks a ]", item);
    out.address = item.substr(1, end - 1);
    if (out.address.find(':') == std::string_view::npos)
      return fmt::format("'{}': brackets are for IPv6 addresses", item);
    const std::string_view rest = item.substr(end + 1);
    if (rest.starts_with(':'))
      return fmt::format("'{}' has a port: ports have flags of their own", item);
    if (rest.starts_with('/'))
      out.length = rest.substr(1);
    else if (!rest.empty())
      return fmt::format("'{}': nothing but /LENGTH can stand behind the ]", item);
  } else if (const std::size_t slash = item.find('/'); slash != std::string_view::npos) {
    out.address = item.substr(0, slash);
    out.length = item.substr(slash + 1);
  }
  const std::size_t percent = out.address.find('%');
  if (percent != std::string_view::npos) {
    out.interface = out.address.substr(percent + 1);
    out.address = out.address.substr(0, percent);
    if (out.interface->empty()) return fmt::format("'{}': no interface stands behind the %", item);
  }
  return {};
}

// @return why it is none.
std::string parse_network(std::string_view item, const address_parts& parts, ip_prefix& out) {
  if (parse_ip_address(parts.address, out.address)) {
    const std::size_t colon = parts.address.find(':');
    ip_address before_colon;
    if (colon != std::string_view::npos &&
        !parse_ip_address(parts.address.substr(0, colon), before_colon))
      return fmt::format("'{}' has a port: ports have flags of their own", item);
    return fmt::format("'{}' is no IPv4 or IPv6 address", parts.address);
  }
  const unsigned most = out.address.family == address_family::ipv4 ? 32 : 128;
  unsigned length = most;
  if (parts.length) {
    const auto given = parse_whole(*parts.length, most);
    if (!given)
      return fmt::format("'{}': '{}' is no length from 0 to {}", item, *parts.length, most);
    length = static_cast<unsigned>(*given);
  }
  out.length = static_cast<std::uint8_t>(length);
  ip_address whole = out.address;
  for (unsigned bit = length; bit < most; ++bit)
    whole.bytes[bit / 8] = static_cast<std::uint8_t>(whole.bytes[bit / 8] & ~(0x80U >> bit % 8));
  // 10.0.0.5/8 is more likely a mistyped length than a wish.
  if (whole == out.address) return {};
  const std::string interface = parts.interface ? fmt::format("%{}", *parts.interface) : "";
  return fmt::format("'{}' has bits beyond the first {}: {}{}/{}?", item, length, to_string(whole),
                     interface, length);
}

}  // namespace

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const auto factor = take_unit(text, duration_units);
    if (!factor) return std::nullopt;
    total += *number * *factor;
  }
  if (total >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return std::llround(total);
}

std::string format_duration(std::int64_t ns) {
  struct step {
    std::int64_t size;
    std::string_view name;
  };
  static constexpr step steps[] = {
      {3'600'000'000'000, "h"}, {60'000'000'000, "m"}, {1'000'000'000, "s"},
      {1'000'000, "ms"},        {1'000, "us"},         {1, "ns"}};
  std::string text;
  for (const auto& [size, name] : steps) {
    if (ns < size) continue;
    fmt::format_to(std::back_inserter(text), "{}{}", ns / size, name);
    ns %= size;
  }
  return text.empty() ? "0s" : text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  double factor = 1;
  if (!text.empty()) {
    const auto named = take_unit(text, size_units);
    if (!named || !text.empty()) return std::nullopt;
    factor = *named;
  }
  const double bytes = *number * factor;
  if (bytes >= 9e18) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

std::string each_item(std::string_view text,
                      const std::function<std::string(std::string_view)>& fn) {
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view item = trimmed(text.substr(0, comma));
    std::string wrong = item.empty() ? "an item is empty (a comma too many?)" : fn(item);
    if (!wrong.empty() || comma == std::string_view::npos) return wrong;
    text.remove_prefix(comma + 1);
  }
}

std::string parse_ports(std::string_view text, std::vector<std::uint16_t>& out) {
  return each_item(text, [&](std::string_view item) -> std::string {
    const std::size_t dash = item.find('-');
    const auto first = parse_port(trimmed(item.substr(0, dash)));
    const auto last =
        dash == std::string_view::npos ? first : parse_port(trimmed(item.substr(dash + 1)));
    if ((!first || !last) && begins_like_a_name(item))
      return fmt::format(
          "'{}' is no number: names of services are not looked up (https is port 443)", item);
    if (!first || !last)
      return fmt::format("'{}' is no port from 1 to 65535 (or a range of them, as 8000-9000)",
                         item);
    if (*last < *first) return fmt::format("'{}' ends before it begins", item);
    for (std::uint32_t port = *first; port <= *last; ++port)
      out.push_back(static_cast<std::uint16_t>(port));
    return {};
  });
}

std::string parse_prefixes(std::string_view text, std::vector<ip_prefix>& out) {
  return each_item(text, [&](std::string_view item) -> std::string {
    address_parts parts;
    std::string wrong = take_apart(item, parts);
    if (wrong.empty() && parts.interface)
      wrong = fmt::format("'{}' names an interface, and this list holds on all of them", item);
    ip_prefix prefix;
    if (wrong.empty()) wrong = parse_network(item, parts, prefix);
    if (wrong.empty()) out.push_back(prefix);
    return wrong;
  });
}

std::string parse_hosts(std::string_view text, const interface_finder& find,
                        std::vector<host_prefix>& out) {
  return each_item(text, [&](std::string_view item) -> std::string {
    address_parts parts;
    host_prefix host;
    std::string wrong = take_apart(item, parts);
    if (wrong.empty()) wrong = parse_network(item, parts, host.prefix);
    if (wrong.empty() && parts.interface) {
      const std::string name(*parts.interface);
      if (const auto index = parse_whole(name, std::numeric_limits<std::uint32_t>::max()))
        host.interface = static_cast<std::uint32_t>(*index);
      else if (find == nullptr)
        return fmt::format(
            "'{}': records know interfaces by their number, not by '{}' (write {}%N)", item, name,
            parts.address);
      else if (host.interface = find(name); !host.interface)
        return fmt::format("'{}': there is no interface '{}'", item, name);
    }
    if (wrong.empty()) out.push_back(host);
    return wrong;
  });
}

}  // namespace tcpinfo::text
