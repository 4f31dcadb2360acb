// SPDX-License-Identifier: Apache-2.0
//
// What is left out by policy: which connections are chosen, which changes are kept, and that all of
// it is counted and said.
#include <cmath>
#include <cstdlib>
#include <set>

#include "collect/record_limits.h"
#include "collect/sampling/record_policy.h"
#include "collect/sampling/thinning.h"
#include "unit/collect/sampling/sampler_bench.h"
#include "unit/collect/segments.h"
#include "unit/durations.h"

namespace {

record_policy sampling(std::uint64_t n) {
  record_limits limits;
  limits.sample = n;
  return record_policy(limits);
}

std::size_t chosen_of(const record_policy& policy, std::uint64_t first, std::uint64_t step,
                      std::size_t count) {
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < count; ++i) chosen += policy.chooses(first + i * step) ? 1 : 0;
  return chosen;
}

// Records that there are, and those that the records say were left out.
struct sums {
  std::uint64_t records = 0;
  std::uint64_t thinned = 0;
};
sums sums_of(const std::map<std::string, file>& files) {
  sums all;
  for (const auto& [name, f] : files) {
    all.records += f.lines.size();
    for (const line& l : f.lines) all.thinned += l.thinned;
  }
  return all;
}

// Thirty connections that change in each of five polls; most of them end.
void script(run& r) {
  for (std::uint64_t cookie = 1; cookie <= 30; ++cookie)
    r.add(cookie).sport = cookie % 3 == 0 ? 443 : 80;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, s] : k.sockets)
      if (poll >= 10 && poll < 15) s.set(128, poll);
    if (poll == 20)
      for (std::uint64_t cookie = 1; cookie <= 25; ++cookie) k.destroy(cookie);
    // Seen by no poll.
    if (poll == 30)
      for (std::uint64_t cookie = 31; cookie <= 40; ++cookie) {
        made_socket s;
        s.cookie = cookie;
        s.sport = 80;
        k.sockets[cookie] = s;
        k.destroy(cookie);
      }
  };
}
// Without a policy: what is there at first, five changes, and the ends.
constexpr std::uint64_t all_records = 30 * 6 + 25 + 10;

}  // namespace

TEST_CASE("one connection in so many is chosen, whatever the numbers of their cookies") {
  for (const std::uint64_t n : {2U, 10U, 100U, 1000U}) {
    const record_policy policy = sampling(n);
    CHECK(policy.leaves_out());
    for (const std::uint64_t step : {1U, 2U, 10U, 100U, 4096U}) {
      constexpr std::size_t count = 400'000;
      const auto chosen = static_cast<double>(chosen_of(policy, 1, step, count));
      const double wanted = static_cast<double>(count) / static_cast<double>(n);
      INFO(n << " " << step << " " << chosen);
      // Six standard deviations.
      CHECK(std::abs(chosen - wanted) < 6 * std::sqrt(wanted));
    }
  }
  const record_policy all = sampling(1);
  CHECK_FALSE(all.leaves_out());
  CHECK(chosen_of(all, 0, 1, 1000) == 1000);
}

TEST_CASE("who is one of a thousand is one of a hundred, too") {
  const record_policy hundred = sampling(100);
  const record_policy thousand = sampling(1000);
  for (std::uint64_t cookie = 1; cookie < 100'000; ++cookie)
    if (thousand.chooses(cookie)) REQUIRE(hundred.chooses(cookie));
}

TEST_CASE("either port makes a connection one of which the final record alone is kept") {
  record_limits limits;
  limits.finals_only = {443, 65535};
  const record_policy policy(limits);
  CHECK(policy.leaves_out());
  CHECK(policy.chooses(1));
  made_socket s;
  const auto keeps_final_only = [&](std::uint16_t sport, std::uint16_t dport) {
    s.sport = sport;
    s.dport = dport;
    return policy.keeps_final_only(s.view());
  };
  CHECK(keeps_final_only(443, 50000));
  CHECK(keeps_final_only(50000, 443));
  CHECK(keeps_final_only(1, 65535));
  CHECK_FALSE(keeps_final_only(442, 444));
  CHECK_FALSE(record_policy(record_limits()).leaves_out());
}

TEST_CASE("a policy is said in words") {
  record_limits limits;
  CHECK(policy_text(limits, false).empty());
  CHECK(policy_text(limits, true) == "finals-only");
  limits.thin_ns = second;
  CHECK(policy_text(limits, false) == "thin=1s");
  limits.sample = 100;
  CHECK(policy_text(limits, false) == "sample=1/100, thin=1s");
  CHECK(policy_text(limits, true) == "sample=1/100, thin=1s, finals-only");
}

TEST_CASE("a change that tells of trouble is one of the state or of certain counters") {
  made_socket s;
  made_socket other;
  CHECK_FALSE(tells_of_trouble(s.view(), other.view()));
  // By the offsets of tcp_info: ca_state, lost, retrans, total_retrans, bytes_retrans, dsack_dups.
  const std::set<std::size_t> telling = {1, 32, 36, 100, 208, 216};
  for (std::size_t at = 0; at < 280; at += at < 4 ? 1 : 4) {
    INFO(at);
    other = s;
    other.set(at, std::uint8_t{1});
    // The second half of bytes_retrans.
    CHECK(tells_of_trouble(s.view(), other.view()) == (telling.contains(at) || at == 212));
  }
  other = s;
  other.state = tcp_state::close_wait;
  CHECK(tells_of_trouble(s.view(), other.view()));
  other = s;
  other.has_info = false;
  CHECK(tells_of_trouble(s.view(), other.view()));
  CHECK(tells_of_trouble(other.view(), s.view()));
  made_socket same = other;
  CHECK_FALSE(tells_of_trouble(other.view(), same.view()));
  // A kernel that tells less.
  s.info.resize(192);
  other = s;
  other.set(128, std::uint64_t{1});
  CHECK_FALSE(tells_of_trouble(s.view(), other.view()));
  other.set(100, std::uint32_t{1});
  CHECK(tells_of_trouble(s.view(), other.view()));
}

TEST_CASE("without a policy everything is recorded, and nothing said of one") {
  run r;
  script(r);
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  CHECK(files.size() == 40);
  CHECK(sums_of(files).records == all_records);
  CHECK(sums_of(files).thinned == 0);
  for (const auto& [name, f] : files) CHECK(f.policy.empty());
  CHECK(r.said.find("sample_") == std::string::npos);
  CHECK(r.lines_with("recording less") == 0);
}

TEST_CASE("of a sample the chosen connections are recorded as a whole, and the others counted") {
  run r;
  r.settings.limits.sample = 3;
  script(r);
  CHECK(r.collect() == exit_ok);
  CHECK(r.lines_with("recording less, as the flags say: sample=1/3\n") == 1);
  const auto files = read_all(r.output);
  const record_policy policy = sampling(3);
  std::size_t chosen = 0;
  for (std::uint64_t cookie = 1; cookie <= 40; ++cookie) {
    INFO(cookie);
    REQUIRE(files.contains(name_of(cookie, 0)) == policy.chooses(cookie));
    if (!policy.chooses(cookie)) continue;
    ++chosen;
    const file& f = files.at(name_of(cookie, 0));
    CHECK(f.policy == "sample=1/3");
    CHECK(f.lines.size() == (cookie > 30 ? 1U : cookie > 25 ? 6U : 7U));
  }
  CHECK(files.size() == chosen);
  CHECK(chosen > 5);
  CHECK(chosen < 25);
  CHECK(r.count("connections") == chosen);
  CHECK(r.count("sample_connections") == 40 - chosen);
  CHECK(r.count("records") == sums_of(files).records);
  CHECK(r.count("records") + r.count("sample_records") == all_records);
}

TEST_CASE("of some ports the final record alone is kept") {
  run r;
  r.settings.limits.finals_only = {443};
  script(r);
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  // Those that are still open at the run's end have no record.
  for (std::uint64_t cookie = 1; cookie <= 40; ++cookie) {
    INFO(cookie);
    const bool finals_only = cookie <= 30 && cookie % 3 == 0;
    const bool ends = cookie <= 25 || cookie > 30;
    REQUIRE(files.contains(name_of(cookie, 0)) == (!finals_only || ends));
    if (finals_only && !ends) continue;
    const file& f = files.at(name_of(cookie, 0));
    CHECK(f.policy == (finals_only ? "finals-only" : ""));
    if (!finals_only) {
      CHECK(f.lines.size() == (cookie > 30 ? 1U : cookie > 25 ? 6U : 7U));
      continue;
    }
    REQUIRE(f.lines.size() == 1);
    CHECK(f.lines[0].state == 7);
    CHECK(f.lines[0].bytes_received == 14);
    CHECK(f.lines[0].poll == no_poll);
    CHECK((f.lines[0].carried & attribute_bit(attribute_type::cong)) == 0);
    // It begins when it was first seen, as the others do.
    CHECK(f.start_time == files.at(name_of(1, 0)).start_time);
    CHECK(f.start_time != f.lines[0].time);
  }
  CHECK(r.count("connections") == 40);
  CHECK(r.count("finals_only_connections") == 10);
  CHECK(r.count("records") + r.count("finals_only_records") == all_records);
  CHECK(r.count("finals_only_records") == 10 * 6);
}

TEST_CASE("a socket that is used again is judged by its ports of then") {
  run r;
  r.settings.limits.finals_only = {443};
  r.add(1).sport = 80;   // recorded, then not
  r.add(2).sport = 443;  // the other way round
  r.add(3).sport = 443;  // never
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10)
      for (auto& [cookie, s] : k.sockets) {
        s.sport = cookie == 2 ? 80 : 443;
        s.dport = 99;
      }
    if (poll == 20)
      for (const std::uint64_t cookie : {1U, 2U, 3U}) k.destroy(cookie);
  };
  CHECK(r.collect() == exit_ok);
  auto files = read_all(r.output);
  CHECK(files.size() == 4);
  CHECK(files[name_of(1, 0)].lines.size() == 1);
  CHECK(files[name_of(1, 0)].policy.empty());
  CHECK(files[name_of(1, 1)].lines.size() == 1);
  CHECK(files[name_of(1, 1)].policy == "finals-only");
  CHECK(files[name_of(2, 0)].lines.size() == 2);
  CHECK(files[name_of(2, 0)].policy.empty());
  CHECK(files[name_of(3, 0)].lines.size() == 1);
  CHECK(files[name_of(3, 0)].policy == "finals-only");
  CHECK(r.count("records") == 5);
  CHECK(r.count("finals_only_records") == 4);
}

TEST_CASE(
    "behind its first minute a connection makes a record in a time, or where there is trouble") {
  run r;
  r.settings.interval_ns = second;
  r.settings.reps = 120;
  r.settings.limits.thin_ns = 10 * second;
  r.add(1);
  r.add(2);  // still open at the end
  r.add(3);  // quiet at first
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, s] : k.sockets)
      if (cookie != 3 || poll > 65) s.set(128, poll);
    if (poll == 75) k.sockets.at(1).set(100, std::uint32_t{1});  // a retransmission
    if (poll == 100) k.destroy(1);
  };
  CHECK(r.collect() == exit_ok);
  auto files = read_all(r.output);
  REQUIRE(files.size() == 3);
  for (const auto& [name, f] : files) CHECK(f.policy == "thin=10s");
  const file& f = files[name_of(1, 0)];
  std::vector<std::uint64_t> polls;
  std::vector<std::uint32_t> left_out;
  for (const line& l : f.lines) {
    if (l.poll <= 60) CHECK(l.thinned == 0);
    if (l.poll <= 60) continue;
    polls.push_back(l.poll);
    left_out.push_back(l.thinned);
  }
  // The last of the first minute is that of poll 60, 59 s after the first; the retransmission
  // begins the time anew.
  CHECK(polls == std::vector<std::uint64_t>{70, 75, 85, 95, no_poll});
  CHECK(left_out == std::vector<std::uint32_t>{9, 4, 9, 9, 4});
  CHECK(f.lines.size() == 60 + polls.size());
  CHECK(f.lines.back().bytes_received == 100);
  const file& quiet = files[name_of(3, 0)];
  REQUIRE(quiet.lines.size() > 2);
  CHECK(quiet.lines[1].poll == 66);
  CHECK(quiet.lines[1].thinned == 0);
  CHECK(quiet.lines[2].poll == 76);
  CHECK(quiet.lines[2].thinned == 9);
  // What was left out last of those that are open the run's last poll tells, where they changed.
  CHECK(r.count("records") == sums_of(files).records);
  CHECK(r.count("thin_records") >= sums_of(files).thinned);
  std::uint64_t after_last = 0;
  for (const std::uint64_t cookie : {2U, 3U}) {
    const file& open = files[name_of(cookie, 0)];
    after_last += 120 - open.lines.back().poll;
  }
  CHECK(r.count("thin_records") == sums_of(files).thinned + after_last);
}

TEST_CASE("what was left out last before an end that no event tells of is a record after all") {
  enum class end { vanishes, reused, reused_and_closed, stays };
  for (const end how : {end::vanishes, end::reused, end::reused_and_closed, end::stays}) {
    INFO(static_cast<int>(how));
    run r;
    r.settings.interval_ns = second;
    r.settings.reps = 100;
    r.settings.limits.thin_ns = 10 * second;
    r.add(1);
    r.kernel.before_poll = [how](scripted_kernel& k, std::uint64_t poll) {
      if (k.sockets.contains(1) && poll <= 75) k.sockets.at(1).set(128, poll);
      if (poll != 76) return;
      if (how == end::vanishes) k.sockets.erase(1);
      if (how == end::reused || how == end::reused_and_closed) {
        k.sockets.at(1).dport = 9;
        k.sockets.at(1).set(128, std::uint64_t{1});
      }
      if (how == end::reused_and_closed) k.destroy(1);
    };
    CHECK(r.collect() == exit_ok);
    auto files = read_all(r.output);
    const bool again = how == end::reused || how == end::reused_and_closed;
    REQUIRE(files.size() == (again ? 2U : 1U));
    const file& f = files[name_of(1, 0)];
    // 60 in the first minute, one 10 s later, and the last one.
    if (how == end::stays) {
      CHECK(f.lines.size() == 61);
    } else {
      REQUIRE(f.lines.size() == 62);
      CHECK(f.lines.back().poll == 75);
      CHECK(f.lines.back().bytes_received == 75);
      CHECK(f.lines.back().thinned == 4);
      // When it was seen.
      CHECK(f.lines.back().time == "2020-09-13T13:27:54Z");
      CHECK(f.lines[60].time == "2020-09-13T13:27:49Z");
    }
    if (again) CHECK(files[name_of(1, 1)].lines.front().thinned == 0);
    CHECK(r.count("records") == sums_of(files).records);
    // Each of the 75 changes is a record, or counted.
    CHECK(r.count("records") + r.count("thin_records") == (again ? 76 : 75));
  }
}

TEST_CASE("in segments the same is left out") {
  archive_texts found[2];
  for (const layout where : {layout::connections, layout::segments}) {
    run r;
    r.settings.layout = where;
    r.settings.interval_ns = second;
    r.settings.reps = 120;
    r.settings.limits.sample = 2;
    r.settings.limits.thin_ns = 10 * second;
    r.settings.limits.finals_only = {443};
    script(r);
    const auto first = r.kernel.before_poll;
    r.kernel.before_poll = [first](scripted_kernel& k, std::uint64_t poll) {
      first(k, poll);
      if (poll == 50)  // used again
        for (auto& [cookie, s] : k.sockets) {
          s.sport = s.sport == 443 ? 80 : 443;
          s.dport = 99;
        }
      if (poll > 30)
        for (auto& [cookie, s] : k.sockets) s.set(128, poll);
      if (poll == 118) k.destroy(k.sockets.begin()->first);
    };
    CHECK(r.collect() == exit_ok);
    found[static_cast<std::size_t>(where)] = read_texts(r.output);
    CHECK(r.count("thin_records") > 0);
    CHECK(r.count("finals_only_records") > 0);
    CHECK(r.count("sample_records") > 0);
  }
  std::size_t thinned = 0;
  const auto paths_of = [](const archive_texts& texts) {
    std::vector<std::string> paths;
    for (const auto& [path, text] : texts) paths.push_back(path);
    return paths;
  };
  REQUIRE(paths_of(found[0]) == paths_of(found[1]));
  CHECK(found[0].size() > 5);
  for (const auto& [path, text] : found[0]) {
    INFO(path);
    REQUIRE(found[1].contains(path));
    CHECK(text.about.find("\"Policy\":\"sample=1/2, thin=10s") != std::string::npos);
    CHECK(found[1][path].about == text.about);
    CHECK(found[1][path].lines == text.lines);
    for (const std::string& line : text.lines)
      thinned += line.find("\"Thinned\":") != std::string::npos ? 1 : 0;
  }
  CHECK(thinned > 0);
}

TEST_CASE("without room in the queue a change by policy is tried again") {
  bench b;
  b.r.settings.limits.finals_only = {443};
  flow_table table;
  REQUIRE_FALSE(table.reset({}));
  b.writers.back() = std::make_unique<writer>(
      *b.writing, memory_shares{.queue = 512, .queue_kept = 512, .waiting = std::size_t{64} << 20});
  poll_state poll;
  poll.number = 2;
  poll.first = poll.may_show_old = false;
  poll.now_ns = 100 * second;
  class : public source {
    std::error_code probe(message_sink&) noexcept override { return {}; }
    std::error_code open() override { return {}; }
    poll_report dump(message_sink&) noexcept override { return {}; }
    std::error_code drain(message_sink&) noexcept override { return {}; }
    int descriptor() const noexcept override { return -1; }
    std::error_code query(const socket_id&, message_sink&) noexcept override { return {}; }
    void query_all(std::span<const socket_id>, answer_callback, void*) noexcept override {}
    std::int64_t event_overflows() const noexcept override { return 0; }
  } from;
  const sampler_context context{b.r.system,
                                b.r.system,
                                b.r.settings,
                                b.current.unwanted(),
                                b.current.prefixes(),
                                b.earlier,
                                b.writers,
                                b.counts,
                                b.seen,
                                nullptr,
                                b.r.system.monotonic_ns(),
                                0};
  const sampled_netns where{0, {}, *b.unwanted, from};
  poll_observer polls(b.seen);
  recorder records(context, where, poll, polls, table);
  made_socket s;  // of port 443
  CHECK(records.on_socket(s.view()) == socket_outcome::changed);
  // The next change is no record, and needs no room.
  s.set(128, std::uint64_t{1});
  poll.now_ns += second;
  CHECK(records.on_socket(s.view()) == socket_outcome::changed);
  // Another connection would have to be told of.
  s.cookie = 2;
  CHECK(records.on_socket(s.view()) == socket_outcome::not_kept);
  CHECK_FALSE(records.knows(2));
  CHECK(b.counts.lost_queue.get() == 1);
  CHECK(b.counts.finals_only_connections.get() == 1);
  CHECK(b.counts.finals_only_records.get() == 2);
}
