// SPDX-License-Identifier: Apache-2.0
#include "offline/live/query_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <tcpinfo/archive.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "common/message_of.h"
#include "offline/inputs/held_file.h"
#include "offline/inputs/now.h"
#include "text/endpoints.h"

namespace tcpinfo::offline {
namespace {

// An answer has at most 1,000 records, of 64 KiB in the worst case.
constexpr std::size_t most_answer_bytes = std::size_t{128} << 20;

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == ':';
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_plain(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

/// A connection to the collector, of which nothing takes longer than is allowed.
class exchange {
 public:
  explicit exchange(std::int64_t patience_ns) : until_ns_(monotonic_now_ns() + patience_ns) {}

  [[nodiscard]] std::string call(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof name.sun_path) return message_of(ENAMETOOLONG);
    std::memcpy(name.sun_path, path.data(), path.size());
    socket_ = held_file(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_.fd() < 0) return message_of(errno);
    // EAGAIN: the queue of callers is full.
    while (::connect(socket_.fd(), static_cast<const sockaddr*>(static_cast<const void*>(&name)),
                     sizeof name) != 0) {
      if (errno != EAGAIN && errno != EINTR) return message_of(errno);
      if (monotonic_now_ns() >= until_ns_) return message_of(ETIMEDOUT);
      (void)::poll(nullptr, 0, 20);
    }
    return {};
  }

  [[nodiscard]] std::string say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        text.remove_prefix(static_cast<std::size_t>(n));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return message_of(errno);
      if (!wait(POLLOUT)) return message_of(ETIMEDOUT);
    }
    return {};
  }

  /// All that comes until the collector closes.
  [[nodiscard]] std::string hear(std::string& all) {
    std::array<char, 65536> bytes;
    for (;;) {
      const ssize_t n = ::recv(socket_.fd(), bytes.data(), bytes.size(), 0);
      if (n == 0) return {};
      if (n > 0) {
        all.append(bytes.data(), static_cast<std::size_t>(n));
        if (all.size() > most_answer_bytes) return "the answer does not end";
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return message_of(errno);
      if (!wait(POLLIN)) return message_of(ETIMEDOUT);
    }
  }

 private:
  [[nodiscard]] bool wait(short for_what) const {
    constexpr std::int64_t ms = 1'000'000;
    const std::int64_t left_ns = until_ns_ - monotonic_now_ns();
    if (left_ns <= 0) return false;
    pollfd one{socket_.fd(), for_what, 0};
    return ::poll(&one, 1, static_cast<int>((left_ns + ms - 1) / ms)) != 0;
  }

  const std::int64_t until_ns_;
  held_file socket_;
};

std::optional<std::size_t> content_length(std::string_view head) {
  constexpr std::string_view field = "\r\nContent-Length: ";
  const std::size_t at = head.find(field);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = head.substr(at + field.size());
  std::size_t length = 0;
  const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
  if (ec != std::errc{} || end == rest.data()) return std::nullopt;
  return length;
}

void take_apart(std::string& all, query_answer& out) {
  constexpr std::string_view version = "HTTP/1.1 ";
  const std::size_t head_size = all.find("\r\n\r\n");
  if (all.empty()) {
    out.fault = "it closed the connection without an answer";
    return;
  }
  const std::string_view head = std::string_view(all).substr(0, head_size);
  const std::string_view status = head.substr(0, version.size() + 3);
  const char* const digits = status.data() + version.size();
  const bool is_http = head_size != std::string::npos && status.starts_with(version) &&
                       status.size() == version.size() + 3 &&
                       std::from_chars(digits, digits + 3, out.status).ptr == digits + 3;
  const auto length = content_length(head);
  if (!is_http || !length) {
    out.fault = "what answers there is no collector";
    return;
  }
  all.erase(0, head_size + 4);
  if (all.size() != *length) out.fault = "its answer is cut";
  out.body = std::move(all);
}

}  // namespace

std::string query_path(const connection_name& name) {
  if (name.ends) return "/ends/" + encoded(text::format_ends(*name.ends));
  if (name.cookie == 0) return {};
  std::uint64_t at_end = 0;
  const bool is_uuid = !parse_uuid_cookie(name.text, at_end);
  return is_uuid ? "/uuid/" + encoded(name.text) : fmt::format("/cookie/0x{:x}", name.cookie);
}

query_answer ask_collector(const std::string& socket, std::string_view path,
                           std::int64_t patience_ns) {
  query_answer out;
  exchange with(patience_ns);
  std::string all;
  out.fault = with.call(socket);
  if (out.fault.empty())
    out.fault = with.say(
        fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path));
  if (out.fault.empty()) out.fault = with.hear(all);
  if (out.fault.empty()) take_apart(all, out);
  return out;
}

std::string why_no_collector(const std::string& socket) {
  constexpr std::int64_t patience_ns = 3'000'000'000;
  return exchange(patience_ns).call(socket);
}

std::string no_collector(std::string_view socket, std::string_view why) {
  return fmt::format(
      "cannot ask the collector at {}: {} (--socket names another one; it takes a collector with "
      "--query-socket)",
      socket, why);
}

}  // namespace tcpinfo::offline
