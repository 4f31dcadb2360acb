// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sniffing/content_kind.h"

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/text_head.h"
#include "common/zstd_magic.h"
#include "offline/inputs/sniffing/unread_formats.h"

namespace tcpinfo::offline {
namespace {

using namespace std::string_view_literals;

struct ours {
  std::string_view magic;
  content_kind kind;
};

constexpr ours read_formats[] = {
    {"\x1f\x8b\x08"sv, content_kind::gzip},     {"\xa1\xb2\xc3\xd4"sv, content_kind::pcap},
    {"\xd4\xc3\xb2\xa1"sv, content_kind::pcap}, {"\xa1\xb2\x3c\x4d"sv, content_kind::pcap},
    {"\x4d\x3c\xb2\xa1"sv, content_kind::pcap}, {"\xa1\xb2\xcd\x34"sv, content_kind::pcap},
    {"\x34\xcd\xb2\xa1"sv, content_kind::pcap}, {"\x0a\x0d\x0d\x0a"sv, content_kind::pcap},
};

constexpr std::size_t message_head = 16;  // a netlink header
constexpr std::size_t tar_block = 512;

// One of sock_diag, or an answer that it may begin with.
bool begins_message(bytes_view head) noexcept {
  const auto length = wire::load<std::uint32_t>(head.data());
  const auto type = wire::load<std::uint16_t>(head.data() + 4);
  const auto plausible = [](std::uint32_t l, unsigned t) {
    return l >= message_head && l <= 0xffff && (t == 2 || t == 3 || (t >= 18 && t <= 21));
  };
  return plausible(length, type) || plausible(__builtin_bswap32(length), __builtin_bswap16(type));
}

// By the sum of the first header, which every form of tar has.
bool is_tar(bytes_view block) noexcept {
  constexpr std::size_t sum_at = 148;
  constexpr std::size_t sum_size = 8;
  unsigned sum = 0;
  for (std::size_t i = 0; i < tar_block; ++i)
    sum += i >= sum_at && i < sum_at + sum_size ? unsigned{' '} : static_cast<unsigned>(block[i]);
  unsigned said = 0;
  bool any = false;
  for (std::size_t i = sum_at; i < sum_at + sum_size; ++i) {
    const auto c = static_cast<char>(block[i]);
    if (c >= '0' && c <= '7') {
      said = said * 8 + static_cast<unsigned>(c - '0');
      any = true;
    } else if (any || c != ' ') {
      break;
    }
  }
  return any && said == sum;
}

// The start of a line of JSON: so much of it that no length of a netlink message looks like it, of
// which the third and the fourth byte are zeros.
bool begins_object(std::string_view text) noexcept {
  constexpr std::size_t enough = 4;
  text = from_first_word(text);
  return text.size() >= enough && looks_like_text(text.substr(0, enough)) &&
         find_object(text) == object_start::yes;
}

bool is_zeros(bytes_view bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{}; });
}

}  // namespace

content_kind kind_of_content(bytes_view head, bool ended, std::string_view& what) noexcept {
  if (head.empty()) return ended ? content_kind::unknown : content_kind::undecided;
  if (zstd_magic::is_frame(head) || zstd_magic::is_skippable(head)) return content_kind::zstd;
  if (is_segment(head)) return content_kind::segment;
  bool more = false;
  for (const ours& f : read_formats) {
    const answer is = begins_with(head, f.magic);
    if (is == answer::yes) return f.kind;
    more = more || is == answer::more;
  }
  if (head.size() >= message_head && begins_message(head)) return content_kind::netlink;
  if (begins_object(as_text(head))) return content_kind::archive;
  // Until then it may be the length of a message.
  if (head.size() < message_head && !ended) return content_kind::undecided;
  const answer unread = find_unread(head, what);
  if (unread == answer::yes) return content_kind::unread;
  if (is_zeros(head.first(std::min(head.size(), message_head)))) return content_kind::zeros;
  if ((more || unread == answer::more || head.size() < tar_block) && !ended)
    return content_kind::undecided;
  if (head.size() >= tar_block && is_tar(head)) return content_kind::tar;
  return content_kind::unknown;
}

bool looks_like_ours(bytes_view head) noexcept {
  std::string_view text = from_first_word(as_text(head));
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with('{') && (line.find("\"RawIDM\"") != std::string_view::npos ||
                                  line.find("\"Metadata\"") != std::string_view::npos ||
                                  line.find("\"Attributes\"") != std::string_view::npos))
      return true;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return false;
}

bool is_text(bytes_view head) noexcept {
  constexpr auto first_shown = std::byte{' '};
  return std::all_of(head.begin(), head.end(), [](std::byte b) {
    // Tab, the ends of lines and pages, and what colours a log.
    return b >= first_shown || (b >= std::byte{'\t'} && b <= std::byte{'\r'}) ||
           b == std::byte{0x1b};
  });
}

bool is_sound_json(bytes_view head, bool ended) noexcept {
  const std::string_view text = from_first_word(as_text(head));
  // A comment, too: programs' own settings have them.
  constexpr std::string_view beginnings = "{[\"/-0123456789";
  if (text.empty() || beginnings.find(text[0]) == std::string_view::npos || !is_text(head))
    return false;
  if (!ended || text[0] == '/') return true;
  std::int64_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size() && depth >= 0; ++i) {
    const char c = text[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '{' || c == '['))
      ++depth;
    else if (!in_string && (c == '}' || c == ']'))
      --depth;
  }
  return depth == 0 && !in_string;
}

}  // namespace tcpinfo::offline
