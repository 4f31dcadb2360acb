// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/content_choice.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "common/lower_case.h"

namespace tcpinfo::collect {
namespace {

constexpr unsigned most_wanted = 1000;

bool same(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower_case(x) == lower_case(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// What stands before the next `end` that is in no quotes; `text` loses both.
std::string_view take_part(std::string_view& text, char end) noexcept {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size() && (quoted || text[at] != end); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted && text[at] == '\\') ++at;
  }
  at = std::min(at, text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return trimmed(part);
}

std::string_view unquoted(std::string_view text) noexcept {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// "0.75" in thousandths; nullopt where it is no weight.
std::optional<unsigned> weight_of(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  unsigned value = text[0] == '1' ? most_wanted : 0;
  unsigned digit_is = most_wanted / 10;
  for (const char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (c < '0' || c > '9') return std::nullopt;
    value += static_cast<unsigned>(c - '0') * digit_is;
    digit_is /= 10;
  }
  return value <= most_wanted ? std::optional(value) : std::nullopt;
}

// Of a media type or range: "text/plain; version=0.0.4".
struct media {
  std::string_view name;
  std::string_view version;
  std::optional<unsigned> weight = most_wanted;
};

media media_of(std::string_view text) noexcept {
  media m;
  m.name = take_part(text, ';');
  while (!text.empty()) {
    std::string_view parameter = take_part(text, ';');
    const std::string_view name = take_part(parameter, '=');
    const std::string_view value = unquoted(trimmed(parameter));
    if (same(name, "version")) m.version = value;
    if (same(name, "q")) m.weight = weight_of(value);
  }
  return m;
}

// How closely a range says what the type is; 0: it does not.
int fit(const media& range, const media& type) noexcept {
  if (range.name == "*/*") return 1;
  const std::string_view family = type.name.substr(0, type.name.find('/') + 1);
  if (range.name.ends_with("/*"))
    return same(range.name.substr(0, range.name.size() - 1), family) ? 2 : 0;
  if (!same(range.name, type.name)) return 0;
  if (range.version.empty()) return 3;
  return range.version == type.version ? 4 : 0;
}

}  // namespace

unsigned wanted(std::string_view fields, std::string_view type) noexcept {
  const media ours = media_of(type);
  bool asked = false;
  int best = 0;
  unsigned weight = 0;
  while (!fields.empty()) {
    const std::size_t end = std::min(fields.find('\n'), fields.size());
    std::string_view line = fields.substr(0, end);
    fields.remove_prefix(std::min(end + 1, fields.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same(line.substr(0, colon), "accept")) continue;
    asked = true;
    line.remove_prefix(colon + 1);
    while (!line.empty()) {
      const media range = media_of(take_part(line, ','));
      const int fits = fit(range, ours);
      if (!range.weight || fits == 0 || fits < best) continue;
      weight = fits > best ? *range.weight : std::max(weight, *range.weight);
      best = fits;
    }
  }
  return asked ? weight : most_wanted;
}

}  // namespace tcpinfo::collect
