// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/kafka_credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "text/take_until.h"

namespace tcpinfo::collect {
namespace {

constexpr std::array<std::string_view, 3> sasl_names = {"sasl.mechanism", "sasl.username",
                                                        "sasl.password"};
constexpr std::array<std::string_view, 3> certificate_names = {
    "ssl.certificate.location", "ssl.key.location", "ssl.key.password"};
constexpr std::array<std::string_view, 3> mechanisms = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};

template <class Words>
bool is_one_of(std::string_view text, const Words& words) noexcept {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string_view value_of(const kafka_settings& settings, std::string_view name) noexcept {
  for (const auto& [key, value] : settings)
    if (key == name) return value;
  return {};
}

}  // namespace

std::string read_kafka_credentials(std::string_view text, kafka_settings& out) {
  kafka_settings found;
  for (int n = 1; !text.empty(); ++n) {
    std::string_view value = text::take_until(text, '\n');
    if (value.ends_with('\r')) value.remove_suffix(1);
    if (value.empty() || value.front() == '#') continue;
    const bool has_value = value.find('=') != std::string_view::npos;
    const std::string_view name = text::take_until(value, '=');
    // A line may be a secret alone, and is not repeated.
    if (!has_value || (!is_one_of(name, sasl_names) && !is_one_of(name, certificate_names)))
      return fmt::format(
          "line {} is none of sasl.mechanism=, sasl.username=, sasl.password=, "
          "ssl.certificate.location=, ssl.key.location=, ssl.key.password=",
          n);
    if (value.empty() || value.find('\0') != std::string_view::npos)
      return fmt::format("line {}: {} has no value", n, name);
    if (!value_of(found, name).empty()) return fmt::format("line {}: {} is there twice", n, name);
    found.emplace_back(name, value);
  }
  const bool has_sasl = std::any_of(
      found.begin(), found.end(), [](const auto& one) { return is_one_of(one.first, sasl_names); });
  for (const std::string_view name : sasl_names)
    if (has_sasl && value_of(found, name).empty()) return fmt::format("{} is missing", name);
  if (has_sasl && !is_one_of(value_of(found, "sasl.mechanism"), mechanisms))
    return "sasl.mechanism is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512";
  if (value_of(found, "ssl.certificate.location").empty() !=
      value_of(found, "ssl.key.location").empty())
    return "of ssl.certificate.location and ssl.key.location one is missing";
  if (!has_sasl && value_of(found, "ssl.certificate.location").empty())
    return "it holds neither a user nor a certificate";
  found.emplace_back("security.protocol", has_sasl ? "sasl_ssl" : "ssl");
  out.insert(out.end(), found.begin(), found.end());
  return {};
}

}  // namespace tcpinfo::collect
