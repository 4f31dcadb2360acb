// SPDX-License-Identifier: Apache-2.0
//
// Records in parts, each written as a segment's summary and read back, come to what all of them do.
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "analysis/archive_summary.h"
#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::analysis;

namespace {

struct one_record {
  std::vector<std::byte> bytes;
  timestamp time;
  timestamp ended;
  std::uint32_t carried = 0;
  std::uint64_t poll = no_poll;

  [[nodiscard]] seen_message seen(message_eye& eye) const {
    return eye.see(message{bytes}, time, ended, carried);
  }
};

constexpr std::int64_t start_ns = 1'769'860'800'000'000'000;

class random_connection {
 public:
  explicit random_connection(unsigned seed) : random_(seed) {}

  std::vector<one_record> make() {
    const std::size_t count = 1 + below(12);
    s_.dport = below(8) == 0 ? std::uint16_t{0} : std::uint16_t{50000};
    kernel_ = below(5) == 0 ? std::size_t{104} : below(4) == 0 ? std::size_t{192} : 280U;
    std::vector<one_record> all;
    std::int64_t ns = start_ns + static_cast<std::int64_t>(below(1000));
    for (std::size_t i = 0; i < count; ++i) {
      if (below(4) != 0) ns += static_cast<std::int64_t>(below(3'000'000));
      step();
      all.push_back(record_of(ns));
      if (s_.dport == 0 && below(2) == 0) s_.dport = 50000;
    }
    if (below(3) != 0) all.push_back(end_of(ns));
    return all;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool maybe(std::uint32_t one_in) { return below(one_in) == 0; }

  void step() {
    static constexpr tcp_state states[] = {
        tcp_state::established, tcp_state::established, tcp_state::established, tcp_state::syn_sent,
        tcp_state::close_wait,  tcp_state::fin_wait1,   tcp_state::fin_wait2,   tcp_state::last_ack,
        tcp_state::closing,     tcp_state::time_wait};
    s_.state = maybe(3) ? states[below(std::size(states))] : tcp_state::established;
    s_.has_info = s_.state != tcp_state::time_wait && !maybe(8);
    s_.has_cong = !maybe(4);
    s_.cong = maybe(3) ? "bbr" : maybe(3) ? "" : "cubic";
    s_.info.assign(280, '\0');
    acked_ += maybe(2) ? 0 : below(3);
    received_ += maybe(2) ? 0 : below(3);
    segs_ += below(2);
    sent_ = std::max<std::uint64_t>(
        sent_, maybe(2) ? acked_ : acked_ - std::min<std::uint64_t>(acked_, below(3)));
    s_.set<std::uint8_t>(0, static_cast<std::uint8_t>(maybe(5) ? states[below(10)] : s_.state));
    s_.set<std::uint8_t>(2, static_cast<std::uint8_t>(maybe(6) ? below(5) : 0));
    s_.set<std::uint8_t>(5, 2);
    s_.set<std::uint32_t>(68, maybe(5) ? 0 : 100 + below(maybe(2) ? 3 : 30000));
    s_.set<std::uint64_t>(120, acked_);
    s_.set<std::uint64_t>(128, received_);
    s_.set<std::uint32_t>(136, segs_);
    s_.set<std::uint32_t>(140, segs_ + below(2));
    s_.set<std::uint32_t>(148, maybe(5) ? 0xffffffffU : 50 + below(50));
    s_.set<std::uint32_t>(152, data_segs_ += below(2));
    s_.set<std::uint32_t>(156, segs_);
    s_.set<std::uint64_t>(160, below(100000));
    s_.set<std::uint64_t>(168, received_ * 3);
    s_.set<std::uint64_t>(200, sent_);
    s_.set<std::uint32_t>(192, 1 + below(3));
    s_.info.resize(kernel_);
  }

  one_record record_of(std::int64_t ns) {
    one_record r;
    r.time = timestamp::from_unix_nanoseconds(ns);
    if (!maybe(4)) r.poll = static_cast<std::uint64_t>((ns - start_ns) / 1'000'000);
    const message m = s_.view();
    r.bytes.assign(m.bytes.begin(), m.bytes.end());
    return r;
  }

  one_record end_of(std::int64_t ns) {
    step();
    const auto before = s_.state;
    s_.state = tcp_state::close;
    if (maybe(3)) {  // aborted: the kernel has forgotten the rest
      s_.dport = 0;
      s_.set<std::uint64_t>(120, std::uint64_t{0});
      s_.info.resize(kernel_);
    }
    s_.has_info = !maybe(4);
    const bool carried = maybe(4);
    s_.set<std::uint8_t>(0, static_cast<std::uint8_t>(carried ? before : tcp_state::close));
    one_record r = record_of(ns + static_cast<std::int64_t>(below(2'000'000)));
    if (carried) r.carried = attribute_bit(attribute_type::info) | (maybe(2) ? ends_bit : 0);
    if (maybe(2))
      r.ended = timestamp::from_unix_nanoseconds(ns - static_cast<std::int64_t>(below(1000)));
    return r;
  }

  std::mt19937 random_;
  made_socket s_;
  std::size_t kernel_ = 280;
  std::uint64_t acked_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  std::uint32_t segs_ = 0;
  std::uint32_t data_segs_ = 0;
};

struct written {
  summary_values values;
  std::vector<summary_bucket> rtts;
  std::string cong;
  friend bool operator==(const written&, const written&) = default;
};

written write(archive_summary& s, const name_pool& names) {
  summary_room room;
  const segment_summary made = s.save(timestamp::from_unix_nanoseconds(start_ns), room, names);
  written w;
  w.values.read(made.values);
  w.rtts.assign(made.rtts.begin(), made.rtts.end());
  w.cong = made.congestion_control;
  return w;
}

std::string text_of(const written& w) {
  std::string text = w.cong + ":";
  std::vector<summary_value> values;
  w.values.write(values);
  for (const summary_value& v : values)
    text += " " + std::to_string(v.field) + "=" + std::to_string(v.value);
  return text;
}

std::unique_ptr<archive_summary> made_of(const std::vector<one_record>& all, std::size_t from,
                                         std::size_t to, name_pool& names) {
  auto made = std::make_unique<archive_summary>();
  message_eye eye(names);
  for (std::size_t i = from; i < to; ++i) made->add(all[i].seen(eye), all[i].poll);
  return made;
}

// As another program would.
std::unique_ptr<archive_summary> read_back(archive_summary& s, const name_pool& names,
                                           name_pool& other) {
  const timestamp start = timestamp::from_unix_nanoseconds(start_ns);
  summary_room room;
  const segment_summary made = s.save(start, room, names);
  auto again = std::make_unique<archive_summary>();
  again->load(made, start, other);
  return again;
}

}  // namespace

TEST_CASE("what was made of parts of a connection comes to what all its records do") {
  std::mt19937 random(5);
  unsigned cut = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    const std::vector<one_record> all = random_connection(seed).make();
    name_pool names;
    name_pool others;
    const auto whole = made_of(all, 0, all.size(), names);
    const written expected = write(*whole, names);
    INFO("seed " << seed);
    // Written and read back it is the same.
    CHECK(write(*read_back(*whole, names, others), others) == expected);

    std::vector<std::unique_ptr<archive_summary>> parts;
    for (std::size_t from = 0; from < all.size();) {
      const std::size_t to = from + 1 + random() % (all.size() - from);
      parts.push_back(read_back(*made_of(all, from, to, names), names, others));
      from = to;
    }
    cut += parts.size() > 1 ? 1 : 0;
    // In any order of the merges, but of neighbours.
    while (parts.size() > 1) {
      const std::size_t at = random() % (parts.size() - 1);
      parts[at]->records().merge(std::move(parts[at + 1]->records()));
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    const auto whole_again = read_back(*whole, names, others);
    summary_values merged;
    summary_values of_whole;
    const packed_time base{timestamp::from_unix_nanoseconds(start_ns)};
    parts[0]->records().save(merged, base);
    whole_again->records().save(of_whole, base);
    if (merged != of_whole) {
      written a;
      written b;
      a.values = merged;
      b.values = of_whole;
      UNSCOPED_INFO("merged " << text_of(a));
      UNSCOPED_INFO("whole  " << text_of(b));
    }
    REQUIRE(merged == of_whole);
    CHECK(parts[0]->records().closed() == whole->records().closed());
    CHECK(parts[0]->records().received() == whole->records().received());
    CHECK(parts[0]->records().median_rtt_us() == whole->records().median_rtt_us());
    CHECK(others.text(parts[0]->records().congestion_control()) == expected.cong);
    CHECK(parts[0]->records().snapshots() == all.size());
  }
  CHECK(cut > 1000);
}

TEST_CASE("a summary of any values is read") {
  std::mt19937_64 random(3);
  for (int turn = 0; turn < 2000; ++turn) {
    std::vector<summary_value> values;
    for (std::uint32_t field = 0; field < 140; ++field) {
      if (random() % 3 == 0) continue;
      summary_value v;
      v.field = field;
      v.value = random() >> random() % 64;
      values.push_back(v);
    }
    const summary_bucket rtts[] = {{0, 0, 1}, {5, 4'294'967'295U, ~std::uint64_t{0}}};
    segment_summary given;
    given.values = values;
    given.rtts = rtts;
    name_pool names;
    archive_summary read;
    read.load(given, {}, names);
    archive_summary other;
    other.load(given, timestamp::from_unix_nanoseconds(start_ns), names);
    records_summary& r = read.records();
    r.merge(std::move(other.records()));
    (void)r.closed();
    (void)r.received();
    (void)r.sent();
    (void)r.mean_rate({});
    (void)r.busy_percent({});
    (void)r.limited();
    (void)r.retransmitted_percent();
    (void)r.p95_rtt_us();
    CHECK(std::abs(r.ended().utc_offset_seconds) <= 86'400);
  }
}
