// SPDX-License-Identifier: Apache-2.0
//
// Whether a poll queries the active sockets or dumps all. Both are measured in processor time of
// the polling thread, so that a process that is stopped or pushed aside learns nothing wrong.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_COST_MODEL_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_COST_MODEL_H

#include <cstddef>
#include <cstdint>

namespace tcpinfo::collect {

/// One thread. Times are nanoseconds of processor time.
class cost_model {
 public:
  /// Where dumps are cheaper the source makes so many before it tries queries again, so that it
  /// does not switch to and fro.
  static constexpr int dumps_in_a_row = 16;

  [[nodiscard]] bool is_dump_cheaper(std::size_t queries) const noexcept {
    return dump_ns_ > 0 && expected_ns(queries) > dump_ns_;
  }
  [[nodiscard]] double expected_ns(std::size_t queries) const noexcept {
    return query_ns_ * static_cast<double>(queries);
  }
  /// Learns from a batch; a small one tells little and is passed over.
  void note_queries(std::size_t queries, std::int64_t cpu_ns) noexcept;
  /// Learns from a whole dump.
  void note_dump(std::int64_t cpu_ns) noexcept;

  /// Learns whether activity found no room before this poll.
  void note_drops(bool dropped) noexcept { drops_in_a_row_ = dropped ? drops_in_a_row_ + 1 : 0; }
  /// The last poll's activity is incomplete.
  [[nodiscard]] bool has_drops() const noexcept { return drops_in_a_row_ > 0; }
  /// So many polls in a row were without room that this is no burst: there is much activity.
  [[nodiscard]] bool drops_persist() const noexcept { return drops_in_a_row_ >= lasting_drops; }

  /// The source makes a row of dumps now.
  [[nodiscard]] bool in_row() const noexcept { return dumps_left_ > 0; }
  void begin_row() noexcept;
  /// A dump of the row is about to be made.
  /// @return whether it is the last: the next poll tries queries again.
  [[nodiscard]] bool next_in_row() noexcept { return --dumps_left_ == 0; }

 private:
  static constexpr double usual_query_ns = 3500;
  static constexpr int lasting_drops = 3;

  double query_ns_ = usual_query_ns;  // running mean, until measured a guess
  double dump_ns_ = 0;                // running mean; 0: not measured
  int dumps_left_ = 0;
  int drops_in_a_row_ = 0;
};

}  // namespace tcpinfo::collect

#endif
