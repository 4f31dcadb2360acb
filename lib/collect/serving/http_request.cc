// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/http_request.h"

#include <cstddef>

namespace tcpinfo::collect {
namespace {

// Where the lines of the head end; npos where they have not yet. A line may end with a bare LF (RFC
// 9112, 2.2): people test with netcat.
std::size_t end_of_lines(std::string_view bytes) noexcept {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    const std::string_view next = bytes.substr(at + 1, 2);
    if (next.substr(0, 1) == "\n" || next == "\r\n") return at + 1;
  }
  return std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
  for (const char c : text)
    if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')) return false;
  return !text.empty();
}

// "/path?query", and "http://host/path?query", which a server has to understand.
std::string_view path_of(std::string_view target) noexcept {
  if (const std::size_t scheme = target.find("://"); scheme != std::string_view::npos) {
    const std::size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

}  // namespace

request_head read_request_head(std::string_view bytes, http_request& out) noexcept {
  // Empty lines before a request are skipped (RFC 9112, 2.2).
  while (!bytes.empty() && (bytes.front() == '\r' || bytes.front() == '\n')) bytes.remove_prefix(1);
  const std::size_t end = end_of_lines(bytes);
  if (end == std::string_view::npos) return request_head::incomplete;
  const std::size_t first_end = bytes.find('\n');
  std::string_view line = bytes.substr(0, first_end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return request_head::malformed;
  const std::string_view version = line.substr(last + 1);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!version.starts_with("HTTP/") || target.empty() ||
      target.find(' ') != std::string_view::npos || !is_token(line.substr(0, first)))
    return request_head::malformed;
  if (!version.starts_with("HTTP/1.")) return request_head::other_major;
  out = {line.substr(0, first), path_of(target), bytes.substr(first_end + 1, end - first_end - 1)};
  return request_head::whole;
}

}  // namespace tcpinfo::collect
