// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/query_desk.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include "collect/serving/recent_records.h"
#include "text/endpoints.h"

namespace tcpinfo::collect {
namespace {

constexpr const char* plain = "text/plain; charset=utf-8";
constexpr const char* json_lines = "application/x-ndjson";

// Of %XX the byte; nullopt where two digits are missing.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(at + 1, 2);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (ec != std::errc{} || digits.size() != 2 || end != digits.data() + 2) return std::nullopt;
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

bool parse_cookie(std::string_view text, std::uint64_t& out) noexcept {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), out, hex ? 16 : 10);
  return ec == std::errc{} && end == text.data() + text.size() && out != 0;
}

http_answer refusal(const char* status, std::string_view why) {
  return {status, plain, fmt::format("{}\n", why)};
}

bool has_uuid(std::string_view lines, std::string_view uuid) {
  return lines.find(fmt::format("\"UUID\":\"{}\"", uuid)) != std::string_view::npos;
}

}  // namespace

std::string parse_query_path(std::string_view path, named_flow& out) {
  const std::size_t slash = path.find('/', 1);
  if (!path.starts_with('/') || slash == std::string_view::npos)
    return "ask for /cookie/N, /uuid/UUID or /ends/ADDRESS:PORT-ADDRESS:PORT";
  const std::string_view kind = path.substr(1, slash - 1);
  const auto name = decoded(path.substr(slash + 1));
  if (!name) return "a % without two hexadecimal digits behind it";
  named_flow made;
  if (kind == "cookie") {
    if (!parse_cookie(*name, made.wanted.cookie))
      return "no cookie: decimal digits, or hexadecimal ones behind 0x";
  } else if (kind == "uuid") {
    if (parse_uuid_cookie(*name, made.wanted.cookie) || check_uuid(*name))
      return "no UUID with a cookie at its end";
    made.uuid = *name;
  } else if (kind == "ends") {
    text::endpoint_pair ends;
    if (std::string wrong = text::parse_ends(*name, ends); !wrong.empty()) return wrong;
    made.wanted.ends = ends;
  } else {
    return "ask for /cookie/N, /uuid/UUID or /ends/ADDRESS:PORT-ADDRESS:PORT";
  }
  out = std::move(made);
  return {};
}

// All of them at once: any may have the connection where its ends alone are known.
std::optional<std::vector<recent_answer>> query_desk::ask(const wanted_flow& wanted) {
  std::this_thread::sleep_until(next_);
  std::vector<std::shared_ptr<question>> asked;
  for (const auto& one : writers_) {
    asked.push_back(std::make_shared<question>(wanted));
    one->ask(asked.back());
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  std::vector<recent_answer> all;
  bool complete = true;
  for (const auto& one : asked) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    auto said = one->await(std::max(left, std::chrono::milliseconds(0)));
    if (said)
      all.push_back(std::move(*said));
    else
      complete = false;
  }
  next_ = std::chrono::steady_clock::now() + pause;
  if (!complete) return std::nullopt;
  return all;
}

http_answer query_desk::answer(std::string_view path) {
  if (ends_.load(std::memory_order_relaxed))
    return refusal("503 Service Unavailable", "the collector ends");
  named_flow named;
  if (const std::string wrong = parse_query_path(path, named); !wrong.empty())
    return refusal("400 Bad Request", wrong);
  const auto said = ask(named.wanted);
  if (!said) return refusal("503 Service Unavailable", "the collector has no time to answer");
  recent_records records;
  bool known = false;
  for (const recent_answer& one : *said) {
    if (one.flows.empty()) continue;
    known = true;
    records.take(one);
  }
  std::string lines = records.lines();
  if (!named.uuid.empty() && !has_uuid(lines, named.uuid)) {
    known = known && lines.empty();
    lines.clear();
  }
  if (!lines.empty()) return {"200 OK", json_lines, std::move(lines)};
  return refusal("404 Not Found",
                 known ? "no recent record of this connection: earlier ones are in the archives"
                       : "no such connection is being recorded, or was a minute ago");
}

}  // namespace tcpinfo::collect
