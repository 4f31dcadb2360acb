// SPDX-License-Identifier: Apache-2.0
//
// Names of archive files, and the UUIDs in them.
#include <array>
#include <charconv>

#include <tcpinfo/archive.h>

#include "archive/text.h"
#include "common/decimal.h"
#include "common/hexadecimal.h"
#include "common/utf8.h"

namespace tcpinfo::inline v0 {
namespace {

constexpr std::string_view plain_suffix = ".jsonl";
constexpr std::string_view zstd_suffix = ".zst";
constexpr std::string_view partial_suffix = ".part";

// The longest name: UUID, point, 20 digits, .jsonl.zst.part
static_assert(max_uuid_size + 1 + max_decimal_size + plain_suffix.size() + zstd_suffix.size() +
                  partial_suffix.size() ==
              255);

std::error_code check_name(std::string_view name, std::size_t limit) noexcept {
  if (name.empty() || name.size() > limit || name == "." || name == "..") return errc::bad_uuid;
  while (!name.empty()) {
    const auto c = static_cast<unsigned char>(name.front());
    const std::size_t n = utf8_sequence(name);
    if (c < 0x20 || c == 0x7f || c == '/' || n == 0) return errc::bad_uuid;
    // The second set of control characters, U+0080 to U+009F.
    if (c == 0xc2 && static_cast<unsigned char>(name[1]) < 0xa0) return errc::bad_uuid;
    name.remove_prefix(n);
  }
  return {};
}

bool remove_suffix(std::string_view& text, std::string_view suffix) noexcept {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

std::error_code check_uuid_prefix(std::string_view prefix) noexcept {
  return check_name(prefix, max_uuid_prefix_size);
}

std::error_code check_uuid(std::string_view uuid) noexcept {
  return check_name(uuid, max_uuid_size);
}

std::size_t format_uuid(std::string_view prefix, std::uint64_t cookie,
                        std::span<char> out) noexcept {
  if (out.size() < 1 + cookie_digits || out.size() - 1 - cookie_digits < prefix.size()) return 0;
  char* to = write(out.data(), prefix);
  *to++ = '_';
  (void)write_hexadecimal(to, cookie);
  return prefix.size() + 1 + cookie_digits;
}

std::error_code parse_uuid_cookie(std::string_view uuid, std::uint64_t& cookie) noexcept {
  if (uuid.size() < 2 + cookie_digits || uuid[uuid.size() - cookie_digits - 1] != '_')
    return errc::bad_uuid;
  const char* const end = uuid.data() + uuid.size();
  std::uint64_t value = 0;
  const auto [last, fault] = std::from_chars(end - cookie_digits, end, value, 16);
  if (fault != std::errc() || last != end) return errc::bad_uuid;
  cookie = value;
  return {};
}

std::size_t format_archive_path(const timestamp& date, std::string_view uuid,
                                std::uint64_t sequence, std::span<char> out,
                                std::size_t* directory_size) noexcept {
  if (!in_calendar(date.seconds) || check_uuid(uuid)) return 0;
  std::array<char, max_archive_path_size> text;
  char* to = write_date(text.data(), civil_from_days(floor_days(date.seconds)), '/');
  const auto directory = static_cast<std::size_t>(to - text.data());
  *to++ = '/';
  to = write(to, uuid);
  *to++ = '.';
  for (std::uint64_t limit = 10000; limit > 1 && sequence < limit; limit /= 10) *to++ = '0';
  to = write_decimal(to, sequence);
  to = write(to, plain_suffix);
  to = write(to, zstd_suffix);
  const auto size = static_cast<std::size_t>(to - text.data());
  if (size > out.size()) return 0;
  write(out.data(), {text.data(), size});
  if (directory_size != nullptr) *directory_size = directory;
  return size;
}

std::error_code parse_archive_name(std::string_view path, archive_name& out) noexcept {
  if (out.size < sizeof out) return errc::invalid_argument;
  archive_name found;
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  found.partial = remove_suffix(path, partial_suffix);
  found.compressed = remove_suffix(path, zstd_suffix);
  if (!remove_suffix(path, plain_suffix)) return errc::invalid_argument;
  const std::size_t point = path.rfind('.');
  if (point == std::string_view::npos) return errc::invalid_argument;
  const std::string_view digits = path.substr(point + 1);
  if (digits.size() < 5 || (digits.size() > 5 && digits.front() == '0'))
    return errc::invalid_argument;
  const char* const end = digits.data() + digits.size();
  const auto [last, fault] = std::from_chars(digits.data(), end, found.sequence);
  if (fault != std::errc() || last != end) return errc::invalid_argument;
  found.uuid = path.substr(0, point);
  if (const std::error_code ec = check_uuid(found.uuid)) return ec;
  fill_known(out, found);
  return {};
}

}  // namespace tcpinfo::inline v0
