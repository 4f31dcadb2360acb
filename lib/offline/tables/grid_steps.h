// SPDX-License-Identifier: Apache-2.0
//
// The records of one connection on a fixed grid of times: what was known at each step, and how much
// counters grew from one step to the next (tcpinfo-csv --grid).
#ifndef TCPINFO_OFFLINE_TABLES_GRID_STEPS_H
#define TCPINFO_OFFLINE_TABLES_GRID_STEPS_H

#include <tcpinfo/parse.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tcpinfo::offline {

/// Fields of which the last value is told, and those of which the growth is.
inline constexpr std::array grid_values = {
    tcp_field::ca_state,    tcp_field::rtt,           tcp_field::rttvar,
    tcp_field::min_rtt,     tcp_field::rto,           tcp_field::rcv_rtt,
    tcp_field::snd_cwnd,    tcp_field::snd_ssthresh,  tcp_field::snd_mss,
    tcp_field::unacked,     tcp_field::sacked,        tcp_field::lost,
    tcp_field::retrans,     tcp_field::retransmits,   tcp_field::notsent_bytes,
    tcp_field::snd_wnd,     tcp_field::rcv_wnd,       tcp_field::rcv_space,
    tcp_field::pacing_rate, tcp_field::delivery_rate, tcp_field::delivery_rate_app_limited,
};
inline constexpr std::array grid_counters = {
    tcp_field::bytes_sent,    tcp_field::bytes_acked,    tcp_field::bytes_received,
    tcp_field::bytes_retrans, tcp_field::segs_out,       tcp_field::segs_in,
    tcp_field::data_segs_out, tcp_field::data_segs_in,   tcp_field::delivered,
    tcp_field::delivered_ce,  tcp_field::total_retrans,  tcp_field::dsack_dups,
    tcp_field::reord_seen,    tcp_field::total_rto,      tcp_field::busy_time,
    tcp_field::rwnd_limited,  tcp_field::sndbuf_limited,
};

/// What is told of one step.
struct grid_step {
  std::uint64_t number = 0;   ///< the moment is so many steps after the first record
  std::int64_t time_ns = 0;   ///< the same, since the first record
  std::uint64_t records = 0;  ///< since the step before; 0: all is as it was
  std::int64_t age_ns = 0;    ///< since the last record
  std::uint8_t state = 0;
  std::array<std::optional<std::uint64_t>, grid_values.size()> values{};
  /// None at the first step, behind a hole, and where the counter is not known at both.
  std::array<std::optional<std::uint64_t>, grid_counters.size()> growth{};
};

/// Takes the records of one connection in the order of their times. A field that a record does not
/// have keeps its last value. Memory is some 800 bytes.
class grid_steps {
 public:
  /// A silence of more steps than that is a hole: its steps are left out, and counted.
  static constexpr std::uint64_t longest_silence = 1'000'000;

  /// `step_ns`: above 0.
  explicit grid_steps(std::int64_t step_ns) noexcept : step_ns_(step_ns) {}

  /// Calls `fn(const grid_step&)` for each step before the record. @return false, and it is not
  /// used, where it is older than the one before it.
  template <class F>
  bool add(const snapshot& s, std::int64_t time_ns, F&& fn) {
    // A poll is read after it was made, so an end may be told as before it: it is last all the
    // same.
    if (begun_ && time_ns < last_ns_ && s.state() == tcp_state::close) time_ns = last_ns_;
    if (begun_ && time_ns < last_ns_) return false;
    if (!begun_) begin_ns_ = time_ns;
    begun_ = true;
    pass_hole(time_ns);
    while (moment_of(next_) < time_ns) tell(fn);
    take(s, time_ns);
    return true;
  }
  /// The same for the step at or behind the last record. Nothing is added afterwards.
  template <class F>
  void end(F&& fn) {
    if (begun_) tell(fn);
  }
  /// Steps that are in holes.
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  [[nodiscard]] std::int64_t moment_of(std::uint64_t step) const noexcept {
    return begin_ns_ + static_cast<std::int64_t>(step) * step_ns_;
  }
  template <class F>
  void tell(F&& fn) {
    fill();
    fn(static_cast<const grid_step&>(step_));
    step_.records = 0;
    ++next_;
  }
  void take(const snapshot& s, std::int64_t time_ns) noexcept;
  void fill() noexcept;
  void pass_hole(std::int64_t time_ns) noexcept;

  using counters = std::array<std::optional<std::uint64_t>, grid_counters.size()>;

  std::int64_t step_ns_;
  std::int64_t begin_ns_ = 0;
  std::int64_t last_ns_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t left_out_ = 0;
  counters now_{};
  counters before_{};  // at the step before
  grid_step step_;
  bool begun_ = false;
};

}  // namespace tcpinfo::offline

#endif
