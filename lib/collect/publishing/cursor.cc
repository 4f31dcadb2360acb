// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/cursor.h"

#include <fmt/format.h>

#include <cerrno>
#include <iterator>
#include <limits>
#include <span>

#include "collect/os/read_full.h"
#include "common/errno_of.h"
#include "text/take_until.h"
#include "text/whole_number.h"

namespace tcpinfo::collect {
namespace {

constexpr std::string_view first_line = "tcpinfo-publish 1";
constexpr std::string_view last_line = "end";
// A million streams: more than that is no cursor.
constexpr std::uint64_t largest = std::uint64_t{256} << 20;

// No file has more, and the system refuses to read there.
constexpr std::uint64_t largest_offset = std::numeric_limits<std::int64_t>::max();

std::uint64_t name_hash(std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

bool take_number(std::string_view& line, std::uint64_t& out) noexcept {
  const auto number = text::parse_whole(text::take_until(line, ' '));
  if (number) out = *number;
  return number.has_value();
}

}  // namespace

cursor::cursor(os& system, const std::string& output, std::string_view name)
    : system_(system),
      name_(name),
      path_(fmt::format("{}/.tcpinfo-publish.{:016x}", output, name_hash(name))) {}

std::string cursor_text(std::string_view name, const stream_positions& positions) {
  std::string text = fmt::format("{}\n{}\n", first_line, name);
  for (const auto& [key, at] : positions) {
    fmt::format_to(std::back_inserter(text), "{} {} {} {} {}", key.stem, key.writer, at.segment,
                   at.offset, at.block);
    for (const std::uint64_t segment : at.unread)
      fmt::format_to(std::back_inserter(text), " {}", segment);
    text += '\n';
  }
  return text.append(last_line).append("\n");
}

bool parse_cursor(std::string_view text, std::string_view name, stream_positions& out) {
  out.clear();
  if (text::take_until(text, '\n') != first_line || text::take_until(text, '\n') != name)
    return false;
  while (!text.empty()) {
    std::string_view line = text::take_until(text, '\n');
    // What is cut has no such line.
    if (line == last_line) return text.empty();
    stream_key key{std::string(text::take_until(line, ' '))};
    stream_position at;
    if (key.stem.empty() || !take_number(line, key.writer) || !take_number(line, at.segment) ||
        !take_number(line, at.offset) || at.offset > largest_offset || !take_number(line, at.block))
      return false;
    while (!line.empty()) {
      std::uint64_t unread = 0;
      if (!take_number(line, unread) || unread >= at.segment) return false;
      at.unread.insert(unread);
    }
    out[std::move(key)] = at;
  }
  return false;
}

std::error_code cursor::load(stream_positions& out) {
  out.clear();
  descriptor file;
  if (const auto ec = system_.open_read(path_, file))
    return is_errno(ec, ENOENT) ? std::error_code() : ec;
  std::uint64_t size = 0;
  if (const auto ec = system_.size(path_, size)) return ec;
  if (size > largest) return system_error(EBADMSG);
  std::string text(static_cast<std::size_t>(size), '\0');
  std::size_t got = 0;
  if (const auto ec = read_full(file.get(), std::as_writable_bytes(std::span(text)), got))
    return ec;
  text.resize(got);
  return parse_cursor(text, name_, out) ? std::error_code() : system_error(EBADMSG);
}

std::error_code cursor::save(const stream_positions& positions) {
  const std::string text = cursor_text(name_, positions);
  const std::string fresh = path_ + ".new";
  if (const auto ec = system_.remove(fresh); ec && !is_errno(ec, ENOENT)) return ec;
  if (const auto ec = system_.append(fresh, std::as_bytes(std::span(text)), 0)) return ec;
  if (const auto ec = system_.sync(fresh)) return ec;
  return system_.replace(fresh, path_);
}

}  // namespace tcpinfo::collect
