// SPDX-License-Identifier: Apache-2.0
#include "offline/networks/as_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "offline/inputs/sources/file_source.h"
#include "offline/inputs/sources/gzip_source.h"
#include "offline/inputs/sources/head_source.h"
#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

constexpr std::size_t most_columns = 5;

struct as_columns {
  std::array<std::string_view, most_columns> text;
  std::size_t count = 0;
};

// The last one has all that is left, tabs among it.
as_columns columns_of(std::string_view line) {
  as_columns found;
  while (found.count + 1 < most_columns) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) break;
    found.text[found.count++] = line.substr(0, tab);
    line.remove_prefix(tab + 1);
  }
  found.text[found.count++] = line;
  return found;
}

// Lines of a text that comes in pieces.
class line_splitter {
 public:
  template <class F>
  void take(std::string_view piece, F&& fn) {
    for (;;) {
      const std::size_t end = piece.find('\n');
      add(piece.substr(0, end));
      if (end == std::string_view::npos) return;
      fn(std::string_view(rest_));
      rest_.clear();
      piece.remove_prefix(end + 1);
    }
  }
  template <class F>
  void end(F&& fn) {
    if (!rest_.empty()) fn(std::string_view(rest_));
  }

 private:
  // No table has a line of that length. Of other files it is as wrong without the rest.
  static constexpr std::size_t most = std::size_t{64} << 10;
  void add(std::string_view text) { rest_ += text.substr(0, most - std::min(most, rest_.size())); }

  std::string rest_;
};

bool begins_as_gzip(head_source& in) {
  const bytes_view head = in.head(2);
  return head.size() >= 2 && head[0] == std::byte{0x1f} && head[1] == std::byte{0x8b};
}

}  // namespace

std::string take_as_line(std::string_view line, as_table& to) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty() || line.front() == ';' || line.front() == '#') return {};
  const as_columns c = columns_of(line);
  if (c.text[0].find('/') != std::string_view::npos) {
    ip_prefix prefix;
    if (c.count != 2 || parse_ip_prefix(c.text[0], prefix))
      return "no prefix and number of an autonomous system, with a tab between them";
    const auto number = text::parse_whole_32(c.text[1]);
    if (!number) return "the second column is no number of an autonomous system";
    to.add(prefix, *number);
    return {};
  }
  ip_address first;
  ip_address last;
  if (c.count < 3 || parse_ip_address(c.text[0], first) || parse_ip_address(c.text[1], last))
    return "neither a prefix nor a first and a last address, with tabs between the columns";
  const auto number = text::parse_whole_32(c.text[2]);
  if (!number) return "the third column is no number of an autonomous system";
  if (!to.add_range(first, last, *number)) return "the last address is not behind the first one";
  if (c.count == most_columns && *number != as_table::none) to.set_name(*number, c.text[4]);
  return {};
}

int read_as_file(const std::string& path, as_table& to, const fault_callback& fault) {
  file_source file;
  if (const int error = file.open(path)) return error;
  head_source head;
  head.open(file);
  gzip_source gzip;
  byte_source* from = &head;
  if (begins_as_gzip(head)) {
    if (!reads_gzip()) {
      (void)fault({path, 0, "is packed by gzip, which this build does not read: unpack it first"});
      return 0;
    }
    gzip.open(head);
    from = &gzip;
  }
  fault_limit limit(false);
  std::uint64_t line = 0;
  bool go_on = true;
  const auto take = [&](std::string_view text) {
    ++line;
    const std::string wrong = take_as_line(text, to);
    if (!wrong.empty() && limit.tells(wrong)) go_on = fault({path, line, wrong}) && go_on;
  };
  std::array<std::byte, std::size_t{64} << 10> room;
  line_splitter lines;
  for (std::size_t n = from->read(room); n != 0 && go_on; n = from->read(room))
    lines.take({reinterpret_cast<const char*>(room.data()), n}, take);
  lines.end(take);
  limit.end([&](std::string_view rest) { (void)fault({path, 0, rest}); });
  if (const std::string broken = from->fault(); !broken.empty()) (void)fault({path, 0, broken});
  to.finish();
  return 0;
}

}  // namespace tcpinfo::offline
