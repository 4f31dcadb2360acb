// SPDX-License-Identifier: Apache-2.0
#include "collect/publish_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

#include "text/take_until.h"

namespace tcpinfo::collect {
namespace {

constexpr std::string_view forms =
    "file:/FOLDER, https://HOST/PATH, nats://HOST/SUBJECT, kafka://HOST/TOPIC";
constexpr std::size_t longest_topic = 249;

bool is_plain(char c) noexcept { return c > ' ' && c < 0x7f; }

bool is_of_topic(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '-' || c == '_';
}

// host, host:port, [address]:port
bool is_server(std::string_view text) noexcept {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
    if (!std::all_of(text.begin(), text.end(), [](char c) { return is_of_topic(c) || c == ':'; }))
      return false;
  } else {
    const std::size_t colon = text.find(':');
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    text = text.substr(0, colon);
    if (text.empty() || !std::all_of(text.begin(), text.end(), is_of_topic)) return false;
  }
  if (port.empty()) return true;
  if (port.front() != ':') return false;
  port.remove_prefix(1);
  std::uint16_t number = 0;
  const auto [last, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
  return fault == std::errc() && last == port.data() + port.size() && number != 0;
}

std::string servers_of(std::string_view text, bool one, publish_url& out) {
  out.servers = text;
  bool more = true;
  for (int n = 1; more; ++n) {
    more = text.find(',') != std::string_view::npos;
    if (!is_server(text::take_until(text, ',')) || (one && n > 1))
      return one ? "it names no server (HOST or HOST:PORT)"
                 : "it names no servers (HOST or HOST:PORT, several with commas)";
  }
  return {};
}

std::string parameters_of(std::string_view text, publish_url& out) {
  while (!text.empty()) {
    std::string_view value = text::take_until(text, '&');
    const std::string_view key = text::take_until(value, '=');
    std::string* const to = key == "ca"            ? &out.ca
                            : key == "credentials" ? &out.credentials
                                                   : nullptr;
    // Its value may be a secret.
    if (to == nullptr) return "a parameter is neither ca nor credentials";
    if (!to->empty()) return fmt::format("parameter {} is there twice", key);
    const bool is_word = key == "ca" && value == "system";
    if (!value.starts_with('/') && !is_word)
      return fmt::format("parameter {} is no absolute path of a file{}", key,
                         key == "ca" ? ", nor system" : "");
    *to = value;
  }
  return {};
}

// Of one subject no more is known than what NATS takes: names between points.
bool is_subject(std::string_view text) noexcept {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  return text.find("..") == std::string_view::npos &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '*' || c == '>' || c == '/'; });
}

std::string path_of(std::string_view path, publish_url& out) {
  out.path = path;
  switch (out.how) {
    case publish_by::file:
      break;
    case publish_by::https:
      while (!out.path.empty() && out.path.back() == '/') out.path.pop_back();
      break;
    case publish_by::nats:
      if (!is_subject(path)) return "it names no subject behind the server";
      break;
    case publish_by::kafka:
      if (path.empty() || path.size() > longest_topic || path == "." || path == ".." ||
          !std::all_of(path.begin(), path.end(), is_of_topic))
        return "it names no topic behind the server";
      break;
  }
  return {};
}

std::string file_of(std::string_view rest, publish_url& out) {
  if (rest.starts_with("//")) rest.remove_prefix(2);
  while (rest.size() > 1 && rest.back() == '/') rest.remove_suffix(1);
  if (!rest.starts_with('/') || rest.size() == 1) return "it names no folder (file:/FOLDER)";
  out.how = publish_by::file;
  out.path = rest;
  out.name = fmt::format("file:{}", rest);
  return {};
}

}  // namespace

std::string parse_publish_url(std::string_view text, publish_url& out) {
  out = {};
  // A folder's name may have any other characters, also those that mean something in a URL.
  if (text.starts_with("file:")) {
    const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; };
    if (std::any_of(text.begin(), text.end(), is_control)) return "it has control characters";
    return file_of(text.substr(5), out);
  }
  if (!std::all_of(text.begin(), text.end(), is_plain))
    return "it has blanks, control characters or others beyond ASCII";
  if (text.starts_with("http://")) return "http:// is not protected on its way: take https://";
  if (text.starts_with("https://"))
    out.how = publish_by::https;
  else if (text.starts_with("nats://"))
    out.how = publish_by::nats;
  else if (text.starts_with("kafka://"))
    out.how = publish_by::kafka;
  else
    return fmt::format("it is none of {}", forms);
  const std::string_view parameters = [&text] {
    std::string_view rest = text;
    text = text::take_until(rest, '?');
    return rest;
  }();
  if (text.find('@') != std::string_view::npos)
    return "a user or password does not belong in it: processes show their arguments to everybody "
           "(name a file of credentials: ?credentials=FILE)";
  if (text.find('#') != std::string_view::npos) return "it has a part behind #";
  std::string_view rest = text.substr(text.find("//") + 2);
  const std::string_view servers = text::take_until(rest, '/');
  const bool one = out.how == publish_by::https;
  if (auto wrong = servers_of(servers, one, out); !wrong.empty()) return wrong;
  if (auto wrong = path_of(rest, out); !wrong.empty()) return wrong;
  if (auto wrong = parameters_of(parameters, out); !wrong.empty()) return wrong;
  if (one && out.ca == "system") out.ca.clear();
  out.tls = one || !out.ca.empty();
  if (out.how == publish_by::kafka && !out.credentials.empty() && !out.tls)
    return "credentials would be sent unprotected: name a ca, too (?ca=FILE, or ?ca=system)";
  out.name = text;
  while (out.name.ends_with('/')) out.name.pop_back();
  return {};
}

}  // namespace tcpinfo::collect
