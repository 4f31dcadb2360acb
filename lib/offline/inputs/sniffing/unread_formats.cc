// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sniffing/unread_formats.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "common/text_head.h"

namespace tcpinfo::offline {
namespace {

using namespace std::string_view_literals;

struct format {
  std::string_view magic;
  std::string_view what;
};

constexpr std::string_view lz4 = "compressed by lz4, which is not read: unpack it with lz4 -d";
constexpr std::string_view zip = "a zip archive, which is not read: unpack it with unzip";
constexpr std::string_view utf16 =
    "UTF-16 text, which is not read: convert it with iconv -f UTF-16 -t UTF-8";
constexpr std::string_view utf16_unmarked =
    "UTF-16 text, which is not read: convert it with iconv -f UTF-16LE (or BE) -t UTF-8";
constexpr std::string_view old_zstd =
    "in a format of zstd before 1.0, which is not read: unpack it with zstd -d";
constexpr std::string_view table = "a table (CSV), no archive";

constexpr format formats[] = {
    {"\xfd"
     "7zXZ\0"sv,
     "compressed by xz, which is not read: unpack it with xz -d"},
    {"BZh"sv, "compressed by bzip2, which is not read: unpack it with bzip2 -d"},
    {"\x04\x22\x4d\x18"sv, lz4},
    {"\x02\x21\x4c\x18"sv, lz4},
    {"PK\x03\x04"sv, zip},
    {"PK\x05\x06"sv, zip},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive, which is not read: unpack it with 7z x"},
    {"Rar!\x1a\x07"sv, "a rar archive, which is not read: unpack it"},
    {"\x1f\x9d"sv, "compressed by compress, which is not read: unpack it with gzip -d"},
    {"LZIP"sv, "compressed by lzip, which is not read: unpack it with lzip -d"},
    {"\x89LZO\0\r\n\x1a\n"sv, "compressed by lzop, which is not read: unpack it with lzop -d"},
    {"\x5d\0\0"sv, "compressed by lzma, which is not read: unpack it with xz -d --format=lzma"},
    {"\xff\x06\0\0sNaPpY"sv, "compressed by snappy, which is not read: unpack it"},
    {"\x1e\xb5\x2f\xfd"sv, old_zstd},
    {"\x22\xb5\x2f\xfd"sv, old_zstd},
    {"\x23\xb5\x2f\xfd"sv, old_zstd},
    {"\x24\xb5\x2f\xfd"sv, old_zstd},
    {"\x25\xb5\x2f\xfd"sv, old_zstd},
    {"\x26\xb5\x2f\xfd"sv, old_zstd},
    {"\x27\xb5\x2f\xfd"sv, old_zstd},
    {"\x37\xa4\x30\xec"sv, "a dictionary of zstd, no archive"},
    {"\x7f"
     "ELF"sv,
     "a program or library (ELF), no archive"},
    {"\xff\xfe"sv, utf16},
    {"\xfe\xff"sv, utf16},
    {"{\0\"\0"sv, utf16_unmarked},
    {"\0{\0\""sv, utf16_unmarked},
    {"PAR1"sv, "a table in Parquet, no archive"},
    {"SQLite format 3\0"sv, "a database of SQLite, no archive"},
    {"Timestamp,Observed,"sv, table},
};

// An array where lines were meant. One that begins with something else may be a line's rest.
answer is_json_array(bytes_view head) noexcept {
  const std::string_view text = from_first_word(as_text(head));
  if (!text.starts_with('[')) return answer::no;
  const std::size_t inside = text.find_first_not_of(white_space, 1);
  if (inside == std::string_view::npos) return answer::more;
  return text[inside] == '{' || text[inside] == ']' ? answer::yes : answer::no;
}

}  // namespace

answer begins_with(bytes_view head, std::string_view magic) noexcept {
  const std::size_t n = std::min(head.size(), magic.size());
  if (n != 0 && std::memcmp(head.data(), magic.data(), n) != 0) return answer::no;
  return n == magic.size() ? answer::yes : answer::more;
}

answer find_unread(bytes_view head, std::string_view& what) noexcept {
  bool more = false;
  for (const format& f : formats) {
    const answer is = begins_with(head, f.magic);
    if (is == answer::yes) {
      what = f.what;
      return is;
    }
    more = more || is == answer::more;
  }
  const answer array = is_json_array(head);
  if (array == answer::yes)
    what = "an array of JSON: one object a line is read (jq -c '.[]' makes these)";
  return array == answer::no && more ? answer::more : array;
}

}  // namespace tcpinfo::offline
