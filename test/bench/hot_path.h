// SPDX-License-Identifier: Apache-2.0
//
// The steps that every message or every record goes through, each to be done any number of times.
// Shared by the micro-benchmarks and the test that counts instructions.
#ifndef TCPINFO_TEST_BENCH_HOT_PATH_H
#define TCPINFO_TEST_BENCH_HOT_PATH_H

#include <tcpinfo/archive.h>
#include <tcpinfo/cache.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "archive/base64.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/segment_summaries.h"
#include "collect/writing/snapshot_queue.h"
#include "unit/made_socket.h"

namespace hot_path {

using namespace tcpinfo;

inline void demand(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s failed\n", what);
  std::abort();
}

/// 100 messages like those of Linux 6.18 (516 bytes), of connections that change.
class messages {
 public:
  static constexpr std::size_t count = 100;

  messages() {
    // What the kernel sends beside what a made_socket has.
    constexpr std::pair<attribute_type, std::size_t> others[] = {
        {attribute_type::tos, 1},        {attribute_type::mark, 4},
        {attribute_type::class_id, 4},   {attribute_type::cgroup_id, 8},
        {attribute_type::sockopt, 2},    {attribute_type::meminfo, 16},
        {attribute_type::skmeminfo, 36}, {attribute_type::bbrinfo, 20}};
    for (std::size_t i = 0; i < count; ++i) {
      made_socket s;
      s.cookie = i + 1;
      (void)s.view();
      for (const auto& [type, size] : others)
        s.built.add(static_cast<std::uint16_t>(type), std::string(size, '\1'));
      const message m = s.built.view();
      bytes_.emplace_back(m.bytes.begin(), m.bytes.end());
      info_at_ = static_cast<std::size_t>(m.find(attribute_type::info)->data() - m.bytes.data());
    }
  }
  [[nodiscard]] message at(std::size_t i) const noexcept { return {bytes_[i % count]}; }
  /// As a connection that has sent and received: its totals have grown, and more.
  void move(std::size_t i) noexcept {
    std::byte* const info = bytes_[i % count].data() + info_at_;
    constexpr std::size_t moving[] = {24, 68, 72, 104, 120, 128, 136, 140, 152, 156, 160, 192, 200};
    for (const std::size_t at : moving) std::memcpy(info + at, &++moves_, sizeof moves_);
  }

 private:
  std::vector<std::vector<std::byte>> bytes_;
  std::size_t info_at_ = 0;
  std::uint32_t moves_ = 0;
};

class steps {
 public:
  steps() {
    demand(!table_.reset({}), "reset");
    demand(!frames_.create(3), "create");
    for (std::size_t i = 0; i < frame_records; ++i) {
      from_.move(0);
      text_size_ += encode(0, std::span(text_).subspan(text_size_));
    }
    demand(prefixes_.set("bench_1"), "prefix");
    demand(!segment_.create({}), "create");
    begin_segment();
    compare_new();
  }

  /// What a poll does with an idle connection.
  void compare_idle(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      if (i % messages::count == 0) next_poll();
      flow_update update;
      demand(!table_.update(from_.at(i), now_ns_, update) && update.change == flow_change::none,
             "update");
    }
  }
  /// What it does with one that has changed.
  void compare_changed(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      if (i % messages::count == 0) next_poll();
      from_.move(i);
      flow_update update;
      demand(!table_.update(from_.at(i), now_ns_, update) &&
                 update.change == flow_change::changed && !table_.commit(update),
             "update");
    }
  }
  /// A snapshot through the queue.
  void pass_on(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      collect::snapshot_header header;
      bytes_view message;
      demand(queue_.push(header, from_.at(i).bytes) && queue_.front(header, message), "queue");
      queue_.pop(header);
    }
  }
  void decode(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
      demand(!decoded_.decode(from_.at(i), info_layout::a), "decode");
  }
  /// One record's line, on its own.
  void encode_lines(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) (void)encode(i, line_);
  }
  /// One record's line after the last one of the connection.
  void encode_next_lines(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      from_.move(0);
      std::size_t written = 0;
      demand(!lines_.encode(line_, written, timestamp::from_unix_nanoseconds(now_ns_ += 10'000'000),
                            from_.at(0), i),
             "encode");
    }
  }
  /// What a record tells the metrics.
  void observe(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      from_.move(i);
      observer_.look(observed_[i % messages::count], {}, from_.at(i).bytes);
    }
  }
  /// The same with metrics of the traffic.
  void observe_traffic(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      from_.move(i);
      next_time(i);
      collect::snapshot_header header;
      header.cookie = i % messages::count + 1;
      header.time_ns = now_ns_;
      traffic_observer_.look(traffic_observed_[i % messages::count], header, from_.at(i).bytes);
    }
  }
  /// Both records of a connection that is seen once and ends, to metrics of the traffic.
  void observe_short(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      from_.move(i);
      next_time(i);
      collect::observed_flow flow;
      collect::snapshot_header header;
      header.cookie = i + 1;
      header.time_ns = now_ns_;
      traffic_observer_.look(flow, header, from_.at(i).bytes);
      header.kind = collect::snapshot_kind::final;
      traffic_observer_.look(flow, header, from_.at(i).bytes);
    }
  }
  /// A record into a segment's block, which is not made.
  void add_to_segment(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      from_.move(i);
      next_time(i);
      record_extras extras;
      extras.poll = poll_;
      const auto time = timestamp::from_unix_nanoseconds(now_ns_);
      const auto number = static_cast<std::uint32_t>(i % messages::count);
      demand(!segment_.add(number, time, from_.at(i), extras), "add");
    }
  }
  /// A record into its archive's summary.
  void summarize(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      from_.move(i);
      next_time(i);
      collect::snapshot_header header;
      header.time_ns = now_ns_;
      header.poll = poll_;
      summaries_.record(summarized_[i % messages::count], header, from_.at(i), 1);
    }
  }
  /// The payload of INFO.
  void encode_base64(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
      (void)base64::encode(from_.at(i).bytes.data(), tcp_info_known_size, line_);
  }
  /// A frame of 230 records.
  void compress(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t written = 0;
      demand(!frames_.compress(std::as_bytes(std::span(text_.data(), text_size_)), frame_, written),
             "compress");
    }
  }
  static constexpr std::size_t frame_records = 230;

 private:
  void next_poll() {
    table_.end_cycle(true, now_ns_, nullptr, nullptr);
    now_ns_ += 10'000'000;
  }
  void compare_new() {
    next_poll();
    for (std::size_t i = 0; i < messages::count; ++i) {
      flow_update update;
      demand(!table_.update(from_.at(i), now_ns_, update) && !table_.commit(update), "update");
    }
  }
  void next_time(std::size_t i) noexcept {
    if (i % messages::count != 0) return;
    ++poll_;
    now_ns_ += 10'000'000;
  }
  void begin_segment() {
    metadata about;
    about.uuid = "bench_1_0";
    segment_archive archive;
    archive.about = &about;
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < messages::count; ++i)
      demand(!segment_.begin(archive, number) && number == i, "begin");
  }
  std::size_t encode(std::size_t i, std::span<char> to) {
    std::size_t written = 0;
    demand(!encode_record(to, written, {1'600'000'000, 123'456'789}, from_.at(i), 42, nullptr),
           "encode_record");
    return written;
  }

  messages from_;
  flow_table table_;
  std::int64_t now_ns_ = 1'000'000'000;
  collect::snapshot_queue queue_{std::size_t{1} << 16};
  std::uint64_t poll_ = 0;
  snapshot decoded_;
  collect::observations observed_by_all_;
  collect::record_observer observer_{observed_by_all_};
  std::vector<collect::observed_flow> observed_{messages::count};
  collect::uuid_prefixes prefixes_;
  collect::traffic_table traffic_table_{{.wanted = {true, true, true, true}}};
  collect::traffic_observer traffic_{traffic_table_, prefixes_};
  collect::record_observer traffic_observer_{observed_by_all_, &traffic_};
  std::vector<collect::observed_flow> traffic_observed_{messages::count};
  segment_writer segment_;
  collect::segment_summaries summaries_{segment_};
  std::vector<collect::open_summary> summarized_{messages::count};
  frame_writer frames_;
  record_encoder lines_;
  char line_[4096];
  std::vector<char> text_ = std::vector<char>(frame_records * 2048);
  std::size_t text_size_ = 0;
  std::vector<std::byte> frame_ = std::vector<std::byte>(frame_writer::bound(text_.size()));
};

}  // namespace hot_path

#endif
