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
constexpr unit duration_units[] = {{"ns", 1.0}, {"us", 1e3}, {"ms", 1e6},
                                   {"s", 1e9},  {"m", 6e10}, {"h", 3.6e12}};

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

// Calls `fn` for each part between commas; false when one of the calls was.
template <class F>
bool each_part(std::string_view text, F&& fn) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (!fn(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
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

std::optional<std::vector<std::uint16_t>> parse_ports(std::string_view text) {
  std::vector<std::uint16_t> ports;
  const bool good = each_part(text, [&](std::string_view part) {
    std::uint16_t port = 0;
    const auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), port);
    if (ec != std::errc{} || end != part.data() + part.size() || port == 0) return false;
    ports.push_back(port);
    return true;
  });
  if (!good) return std::nullopt;
  return ports;
}

std::optional<std::vector<ip_prefix>> parse_prefixes(std::string_view text) {
  std::vector<ip_prefix> prefixes;
  const bool good = each_part(text, [&](std::string_view part) {
    ip_prefix prefix;
    if (parse_ip_prefix(part, prefix)) return false;
    prefixes.push_back(prefix);
    return true;
  });
  if (!good) return std::nullopt;
  return prefixes;
}

}  // namespace tcpinfo::text
