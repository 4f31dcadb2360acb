// SPDX-License-Identifier: Apache-2.0
//
// What a recorder says that it left out is in a segment as it is in an archive.
#include <tcpinfo/segment.h>

#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

TEST_CASE("a segment keeps policies, and how many changes were left out before a record") {
  segment_writer writer;
  REQUIRE_FALSE(writer.create({}));
  made_socket s;
  const std::vector<std::string> policies = {"sample=1/100, thin=1s", "", "finals-only"};
  const std::vector<std::uint32_t> thinned = {0, 1, 99, ~std::uint32_t{0}};
  for (std::size_t i = 0; i < policies.size(); ++i) {
    metadata about;
    const std::string uuid = "h_1_000000000000000" + std::to_string(i);
    about.uuid = uuid;
    about.host = "h";
    about.policy = policies[i];
    segment_archive archive;
    archive.about = &about;
    std::uint32_t number = 0;
    REQUIRE_FALSE(writer.begin(archive, number));
    for (std::size_t n = 0; n < thinned.size(); ++n) {
      record_extras extras;
      extras.poll = n;
      extras.carried = n % 2 == 0 ? 0 : ends_bit;
      extras.thinned = thinned[n];
      s.set(128, n);
      const auto time = timestamp::from_unix_nanoseconds(static_cast<std::int64_t>(n) * 1'000'000);
      REQUIRE_FALSE(writer.add(number, time, s.view(), extras));
    }
  }
  bytes_view frame;
  REQUIRE_FALSE(writer.flush(frame));

  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(frame));
  segment_record r;
  bool more = true;
  for (const std::string& policy : policies)
    for (std::size_t n = 0; n < thinned.size(); ++n) {
      REQUIRE_FALSE(reader.next(r, more));
      REQUIRE(more);
      REQUIRE(reader.archive().about != nullptr);
      CHECK(reader.archive().about->policy == policy);
      CHECK(reader.archive().about->host == "h");
      CHECK(r.thinned == thinned[n]);
      CHECK(r.carried == (n % 2 == 0 ? 0 : ends_bit));
      CHECK(r.poll == n);
    }
  REQUIRE_FALSE(reader.next(r, more));
  CHECK_FALSE(more);

  // As lines of archives.
  record_reader lines;
  REQUIRE_FALSE(lines.open_memory(frame));
  std::size_t metadata_records = 0;
  std::size_t records = 0;
  for (const auto& item : lines.items()) {
    REQUIRE(static_cast<bool>(item));
    if (const auto about = item->about())
      CHECK(about->policy == policies[metadata_records++]);
    else
      CHECK(item->thinned() == thinned[records++ % thinned.size()]);
  }
  CHECK(metadata_records == policies.size());
  CHECK(records == policies.size() * thinned.size());
}
