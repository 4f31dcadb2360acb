// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/waiting_snapshots.h"

#include <deque>
#include <random>
#include <string>
#include <utility>

#include "unit/catch.h"

namespace {

using namespace tcpinfo;
using namespace tcpinfo::collect;

bytes_view bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_of(bytes_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void add(waiting_snapshots& q, std::uint64_t poll, const std::string& text) {
  snapshot_header header;
  header.poll = poll;
  (void)q.add(header, bytes_of(text));
}

}  // namespace

TEST_CASE("a snapshot queue gives back what went in, in order, however it is cut") {
  std::mt19937 random(7);
  waiting_snapshots q;
  std::deque<std::pair<std::uint64_t, std::string>> oracle;
  std::uint64_t next = 0;
  for (int step = 0; step < 4000; ++step) {
    if (random() % 3 != 0) {
      const std::string text(random() % 700, static_cast<char>('a' + random() % 26));
      add(q, next, text);
      oracle.emplace_back(next++, text);
      continue;
    }
    std::size_t at = 0;
    const auto shown =
        q.for_oldest(random() % 40'000, [&](const snapshot_header& header, bytes_view message) {
          REQUIRE(at < oracle.size());
          REQUIRE(header.poll == oracle[at].first);
          REQUIRE(text_of(message) == oracle[at].second);
          ++at;
        });
    REQUIRE(shown.records == at);
    if (random() % 2 == 0) continue;  // as after a write that failed
    q.remove(shown);
    oracle.erase(oracle.begin(), oracle.begin() + static_cast<std::ptrdiff_t>(at));
    REQUIRE(q.empty() == oracle.empty());
  }
  const auto rest = q.for_oldest(SIZE_MAX, [](const snapshot_header&, bytes_view) {});
  CHECK(rest.records == oracle.size());
  q.clear();
  CHECK(q.empty());
  CHECK(q.capacity_bytes() == 0);
}

TEST_CASE("one snapshot takes little more than itself, many no more than twice") {
  waiting_snapshots one;
  add(one, 1, std::string(516, 'x'));
  CHECK(one.capacity_bytes() < 600);
  waiting_snapshots many;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    add(many, i, std::string(516, 'x'));
    CHECK(many.capacity_bytes() < 2 * many.bytes() + 600);
  }
  CHECK(many.capacity_bytes() < many.bytes() + many.bytes() / 16);
}
