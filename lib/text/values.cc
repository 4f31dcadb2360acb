// SPDX-License-Identifier: Apache-2.0
#include "text/values.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

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

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

// Calls `fn` for each item between commas until one is wrong; returns what `fn` says of that.
template <class F>
std::string each_item(std::string_view text, F&& fn) {
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view item = trimmed(text.substr(0, comma));
    std::string wrong =
        item.empty() ? "an item is empty (a comma too many?)" : std::string(fn(item));
    if (!wrong.empty() || comma == std::string_view::npos) return wrong;
    text.remove_prefix(comma + 1);
  }
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// Why an item is no prefix.
std::string refusal_of(std::string_view item) {
  const std::size_t slash = item.find('/');
  ip_prefix network;
  if (parse_ip_address(item.substr(0, slash), network.address))
    return fmt::format("'{}' is no IPv4 or IPv6 address", item.substr(0, slash));
  const bool v4 = network.address.family == address_family::ipv4;
  const unsigned most = v4 ? 32 : 128;
  const std::string_view digits = item.substr(slash + 1);
  unsigned length = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (ec != std::errc{} || end != digits.data() + digits.size() || length > most)
    return fmt::format("'{}': '{}' is no length from 0 to {}", item, digits, most);
  for (unsigned bit = length; bit < most; ++bit)
    network.address.bytes[bit / 8] =
        static_cast<std::uint8_t>(network.address.bytes[bit / 8] & ~(0x80U >> bit % 8));
  return fmt::format("'{}' has bits beyond the first {}: {}/{}?", item, length,
                     to_string(network.address), length);
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

std::string parse_ports(std::string_view text, std::vector<std::uint16_t>& out) {
  return each_item(text, [&](std::string_view item) -> std::string {
    const std::size_t dash = item.find('-');
    const auto first = parse_port(trimmed(item.substr(0, dash)));
    const auto last =
        dash == std::string_view::npos ? first : parse_port(trimmed(item.substr(dash + 1)));
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
    ip_prefix prefix;
    if (parse_ip_prefix(item, prefix)) return refusal_of(item);
    out.push_back(prefix);
    return {};
  });
}

}  // namespace tcpinfo::text
