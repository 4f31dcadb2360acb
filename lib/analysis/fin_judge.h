// SPDX-License-Identifier: Apache-2.0
//
// Whether bytes_received has the peer's FIN in it. What the states tell is certain. Else: a segment
// without data that adds one byte is a FIN, and where nothing was added there was none; unless it
// was in the record before, whose counters may be later than its state. A state after that would
// tell of it.
#ifndef TCPINFO_ANALYSIS_FIN_JUDGE_H
#define TCPINFO_ANALYSIS_FIN_JUDGE_H

#include <cstdint>
#include <optional>

namespace tcpinfo::analysis {

/// What a record says of what came from the peer.
struct received_counts {
  std::uint64_t bytes = 0;
  std::uint32_t segments = 0;  ///< with data
  bool has_segments = false;   ///< the kernel counts them
};

/// Judges the records of one connection, one after the other. What it made of later records can be
/// added to what another one made of earlier ones: it then is as if one had seen them all.
class fin_judge {
 public:
  /// `before`: of the record before, all 0 for the first one. `end`: of the socket's end. `told`:
  /// a state tells that the FIN came.
  void judge(const received_counts& before, const received_counts& now, bool end, bool told);
  /// Adds what was made of later records. `before`: of the last record here.
  void append(const fin_judge& later, const received_counts& before, bool told);
  /// Whether it is counted; nullopt where that is open.
  [[nodiscard]] std::optional<bool> counted() const noexcept;

  /// All that it knows, in two numbers and bits below 512 of a third one.
  struct stored {
    std::uint64_t bytes = 0;
    std::uint32_t segments = 0;
    std::uint32_t bits = 0;
  };
  [[nodiscard]] stored save() const noexcept;
  void load(const stored& from) noexcept;

 private:
  enum class step : std::uint8_t { counted, same, same_at_end, more };
  // What the latest record with another count than before may have with its data.
  enum class data : std::uint8_t { unknown, without_fin, with_fin };
  // Whether an end showed that there was none. `if_without`: unless the data before these records
  // had it.
  enum class none : std::uint8_t { unknown, if_without, sure };
  // What records make of what was known before them.
  struct change {
    bool counted = false;
    data latest = data::unknown;
    none not_counted = none::unknown;

    void add(step s) noexcept;
    void append(const change& later) noexcept;
  };
  [[nodiscard]] static step step_of(const received_counts& before, const received_counts& now,
                                    bool end, bool told) noexcept;

  // The first record is judged anew where others come to stand before it.
  received_counts first_;
  bool any_ = false;
  bool first_is_end_ = false;
  bool first_told_ = false;
  change rest_;
};

}  // namespace tcpinfo::analysis

#endif
