// SPDX-License-Identifier: Apache-2.0
//
// What a poll costs the sampler beside time.
#include "collect/sampler.h"

#include <limits>

#include "allocations.h"
#include "collect_run.h"
#include "sanitized.h"

namespace {

class counting_attendant final : public attendant {
 public:
  bool after_poll(const loop_state&) override {
    if (++polls == first) before = test_allocations::made;
    if (polls == last) after = test_allocations::made;
    return polls < last;
  }
  bool attend(std::int64_t) override { return true; }
  int descriptor() const noexcept override { return -1; }
  std::int64_t due_ns() const noexcept override { return std::numeric_limits<std::int64_t>::max(); }

  static constexpr int first = 10;
  static constexpr int last = 110;
  int polls = 0;
  std::size_t before = 0;
  std::size_t after = 0;
};

// Two hundred connections, of which every third moves between any two polls. Nothing in it
// allocates.
class steady_source final : public source {
 public:
  steady_source() {
    for (std::uint64_t i = 0; i < 200; ++i) {
      made_socket s;
      s.cookie = i + 1;
      const message m = s.view();
      messages_.emplace_back(m.bytes.begin(), m.bytes.end());
      info_at_ = static_cast<std::size_t>(m.find(attribute_type::info)->data() - m.bytes.data());
    }
  }
  std::error_code probe(message_sink&) noexcept override { return {}; }
  std::error_code open() override { return {}; }
  poll_report walk(message_sink& sink) noexcept override {
    ++polls_;
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      if (i % 3 == 0) messages_[i][info_at_ + 128] = static_cast<std::byte>(polls_);
      sink.on_socket({messages_[i]});
    }
    poll_report report;
    report.complete = true;
    return report;
  }
  std::error_code drain(message_sink&) noexcept override { return {}; }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const socket_id&, message_sink&) noexcept override {
    return {ENOENT, std::system_category()};
  }
  void query_all(std::span<const socket_id>, answer_callback, void*) noexcept override {}
  std::int64_t event_overflows() const noexcept override { return 0; }

 private:
  std::vector<std::vector<std::byte>> messages_;
  std::size_t info_at_ = 0;
  int polls_ = 0;
};

}  // namespace

TEST_CASE("a poll in which no connection is opened allocates nothing in the sampler") {
  run r;
  statistics counts;
  reloadable current(r.settings, counts);
  REQUIRE(current.start().empty());
  current.begin_with("test");
  current_exclusions unwanted(current);
  observations seen(nullptr);
  sequence_index earlier;
  identity who;
  writer_limits limits;
  netns_registry namespaces;
  (void)namespaces.add(
      std::make_shared<recorded_netns>(std::string(), r.system, anonymize_by::none));
  completer complete(r.system, counts, r.settings.output, 3);
  output_lock lock(r.system, r.settings.output);
  REQUIRE_FALSE(lock.take());
  const writer_context writing{r.system, r.settings, who,     current.prefixes(), counts, limits,
                               complete, lock,       earlier, namespaces,         seen};
  std::vector<std::unique_ptr<writer>> writers;
  writers.push_back(std::make_unique<writer>(writing, std::size_t{8} << 20, std::size_t{64} << 20));
  REQUIRE_FALSE(writers.back()->start());
  steady_source from;
  const sampler_context sampling{r.system, r.settings, current, earlier,
                                 writers,  counts,     seen,    r.system.monotonic_ns()};
  sampler samples(sampling, {0, {}, unwanted, from});
  counting_attendant company;
  REQUIRE_FALSE(samples.run(company));
  writers.back()->finish();
  CHECK(counts.polls.get() == counting_attendant::last);
  CHECK(counts.lost_ring.get() == 0);
  CHECK(counts.records.get() >= 67U * (counting_attendant::last - 1));
  CHECK(company.after - company.before == 0);
#if !defined(TCPINFO_TEST_SANITIZED)
  CHECK(company.before > 0);  // They are counted.
#endif
}
