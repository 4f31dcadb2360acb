// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/ordered_reading.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <stdexcept>

#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

/// What `workers` threads hand on of a directory, as lines of text in the order in which it came.
std::vector<std::string> read_all(const std::string& directory, unsigned workers) {
  std::vector<std::string> said;
  csv_counts counts;
  read_in_order({directory}, {.captures = true}, {}, {.captures = true}, workers, counts,
                {[&](input_record& r) {
                   said.push_back(fmt::format("{} {} {} {}", r.context->file, r.line, r.uuid(),
                                              r.has_message ? r.m.bytes.size() : 0));
                   if (r.has_message && r.parsed != nullptr) CHECK(r.parsed->time() == r.time);
                 },
                 [&](const input_fault& f) {
                   said.push_back(to_string(f));
                   return true;
                 }});
  return said;
}

}  // namespace

TEST_CASE("several threads hand on what one would, in its order") {
  const scratch dir;
  made_socket s;
  std::size_t records = 0;
  std::size_t faults = 0;
  for (int file = 0; file < 40; ++file) {
    const std::string uuid = fmt::format("h_1_{:016X}", file + 1);
    std::string text = metadata_line(uuid, 0);
    ++records;
    // Some of them larger than what waits at a time.
    for (int n = 0; n < (file % 7 == 0 ? 700 : 5); ++n, ++records)
      text += record_line(at_second(n), s.view());
    if (file % 5 == 0) {
      text += "garbage\n";
      ++faults;
    }
    (void)dir.file(fmt::format("{}/{}.00000.jsonl.zst", file % 3, uuid), zstd_frame(text));
  }
  // A capture among them, whose messages are gone when its reader reads on.
  std::string bare;
  for (int n = 0; n < 3; ++n, ++records) {
    const bytes_view m = s.view().bytes;
    const nlmsghdr head{static_cast<std::uint32_t>(16 + m.size()), 20, 0, 0, 0};
    bare.append(reinterpret_cast<const char*>(&head), sizeof head);
    bare.append(reinterpret_cast<const char*>(m.data()), m.size());
  }
  (void)dir.file("1/bare.pcap", bare);

  const auto one = read_all(dir.path(), 1);
  CHECK(one.size() == records + faults);
  for (const unsigned workers : {2U, 5U}) CHECK(read_all(dir.path(), workers) == one);
}

TEST_CASE("what a callback throws ends all threads and is thrown on") {
  const scratch dir;
  made_socket s;
  for (int file = 0; file < 20; ++file)
    (void)dir.file(fmt::format("{:02}.jsonl", file),
                   metadata_line("h_1_0000000000000001", 0) + record_line(at_second(0), s.view()));
  for (const unsigned workers : {1U, 4U}) {
    csv_counts counts;
    CHECK_THROWS_AS(read_in_order({dir.path()}, {}, {}, {}, workers, counts,
                                  {[](input_record& r) {
                                     if (r.context->file.ends_with("07.jsonl"))
                                       throw std::runtime_error("x");
                                   },
                                   [](const input_fault&) { return true; }}),
                    std::runtime_error);
    CHECK(counts.files == 7);
  }
}
