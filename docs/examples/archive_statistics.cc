// SPDX-License-Identifier: Apache-2.0
//
// An example: a line for each archive that is named, with what it holds.
//
//   g++ -std=c++20 archive_statistics.cc -o archive_statistics $(pkg-config --cflags --libs
//   libtcpinfo)
//   ./archive_statistics /var/spool/tcpinfo/2026/01/31/*.jsonl.zst
#include <tcpinfo/archive.h>
#include <tcpinfo/parse.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace {

struct statistics {
  std::string uuid = "-";
  std::uint64_t records = 0;
  tcpinfo::timestamp first;
  tcpinfo::timestamp last;
  std::optional<std::uint64_t> max_rtt_us;
  std::optional<std::uint64_t> sent;
  std::optional<std::uint64_t> received;
};

// For totals, too: they only grow, and the last record may be of a time-wait socket, without
// tcp_info.
void raise(std::optional<std::uint64_t>& to, std::optional<std::uint64_t> value) {
  if (value) to = std::max(to.value_or(0), *value);
}

void add(const tcpinfo::record& r, tcpinfo::snapshot& s, statistics& to) {
  if (const auto about = r.about()) to.uuid = about->uuid;
  if (s.decode(r.view(), tcpinfo::info_layout::unknown)) return;  // metadata alone: no message
  if (to.records++ == 0) to.first = r.time();
  to.last = r.time();
  raise(to.max_rtt_us, s.value(tcpinfo::tcp_field::rtt));
  raise(to.sent, s.value(tcpinfo::tcp_field::bytes_sent));
  raise(to.received, s.value(tcpinfo::tcp_field::bytes_received));
}

std::string text(std::optional<std::uint64_t> number) {
  return number ? std::to_string(*number) : "-";
}
std::string text(const tcpinfo::timestamp& time) { return time.is_zero() ? "-" : to_string(time); }

void print(const char* path, const statistics& s) {
  std::printf("%s uuid=%s records=%ju first=%s last=%s max_rtt_us=%s sent=%s received=%s\n", path,
              s.uuid.c_str(), static_cast<std::uintmax_t>(s.records), text(s.first).c_str(),
              text(s.last).c_str(), text(s.max_rtt_us).c_str(), text(s.sent).c_str(),
              text(s.received).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: archive_statistics FILE...\n");
    return 2;
  }
  int status = 0;
  tcpinfo::archive_reader reader;  // reader, record and snapshot are used for all files
  tcpinfo::record record;
  tcpinfo::snapshot snapshot;
  for (int i = 1; i < argc; ++i) {
    if (const std::error_code ec = reader.open_path(argv[i])) {
      std::fprintf(stderr, "%s: %s\n", argv[i], ec.message().c_str());
      status = 1;
      continue;
    }
    statistics found;
    if (tcpinfo::archive_name name; !parse_archive_name(argv[i], name)) found.uuid = name.uuid;
    for (const auto& item : reader.items(record)) {
      const bool foreign = reader.big_endian() != (std::endian::native == std::endian::big);
      if (item && !foreign) {
        add(*item, snapshot, found);
        continue;
      }
      // Reading goes on behind a fault, with the next line or frame.
      std::fprintf(stderr, "%s:%ju: %s\n", argv[i], static_cast<std::uintmax_t>(item.place().line),
                   item ? "of a machine of another byte order" : item.error().message().c_str());
      status = 1;
      if (foreign) break;
    }
    print(argv[i], found);
  }
  return status;
}
