// SPDX-License-Identifier: Apache-2.0
//
// What the records of one connection come to. They may come in any order; what was made of some of
// them can be put together with what was made of others, and kept in a segment in between.
#ifndef TCPINFO_ANALYSIS_RECORDS_SUMMARY_H
#define TCPINFO_ANALYSIS_RECORDS_SUMMARY_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>

#include "analysis/closing.h"
#include "analysis/fin_judge.h"
#include "analysis/flow_totals.h"
#include "analysis/name_pool.h"
#include "analysis/opener.h"
#include "analysis/packed_time.h"
#include "analysis/quantiles.h"
#include "analysis/seen_message.h"
#include "analysis/summary_values.h"
#include "analysis/why/clock_runs.h"

namespace tcpinfo::analysis {

/// Both ends of a connection: a socket_id without the cookie.
struct flow_ends {
  ip_address src;
  ip_address dst;
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  std::uint32_t interface = 0;
};

/// Memory is some 500 bytes, and what its round-trip times take (quantiles).
class records_summary {
 public:
  explicit records_summary(quantiles::limit rtts) noexcept : rtts_(rtts) {}

  void add(const seen_message& r);
  /// Memory beside the object.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return rtts_.bytes() + causes_.bytes() + (at_end_ == nullptr ? 0 : sizeof *at_end_);
  }
  /// The next record is of another file than those before.
  void begin_part() { causes_.begin_part(); }
  /// What was made of other records of the connection, with names of the same pool, before or after
  /// these (their first times tell): where each of the one part are later than those of the other,
  /// all is as if add() had been given all, in that order. `other` is not to be used afterwards.
  void merge(records_summary&& other);
  /// Whether that is of the socket's next connection: it is in use again after its end, or has
  /// another remote end. `in_order`: nothing that was read after the end was recorded before it.
  [[nodiscard]] bool is_left_by(const message& m, packed_time time, bool in_order) const noexcept;
  /// The same of all records of another part.
  [[nodiscard]] bool is_left_by(const records_summary& later) const noexcept;

  /// Writes all that it knows, but names and round-trip times, as values of a segment's summary
  /// (docs/segment.md). `base`: what its times are counted from; 1970 where it is zero.
  void save(summary_values& to, packed_time base) const;
  /// Reads it back, in place of all that it knew. What is not there is unknown.
  void load(const summary_values& from, packed_time base);
  /// The rest of it. `cong`: in the pool of merge().
  void set_congestion_control(name_pool::id cong) noexcept { cong_ = cong; }
  [[nodiscard]] quantiles& rtts() noexcept { return rtts_; }

  /// Of the first record with a remote port: the last one may have none.
  [[nodiscard]] socket_id ends() const noexcept;
  /// Of its first record, to compare with; zero where unknown.
  [[nodiscard]] packed_time first_time() const noexcept { return first_time_; }
  /// Of its last one.
  [[nodiscard]] packed_time last_time() const noexcept { return last_time_; }
  /// Of its last record; zero where unknown.
  [[nodiscard]] timestamp last_seen() const noexcept { return last_time_.at(last_offset_); }
  /// When it ended; zero where no end was recorded.
  [[nodiscard]] timestamp ended() const noexcept { return end_time_.at(end_offset_); }
  [[nodiscard]] packed_time end_time() const noexcept { return end_time_; }
  /// The last one before the socket's end; 0 where only the end was recorded.
  [[nodiscard]] std::uint8_t state() const noexcept { return state_; }
  [[nodiscard]] closing closed() const noexcept;

  /// Whether this end connected; nullopt where the records leave it open.
  [[nodiscard]] std::optional<bool> opened_here() const noexcept { return opener_.is_this_end(); }
  /// The user whose process has the socket; nullopt where nothing tells.
  [[nodiscard]] std::optional<std::uint32_t> uid() const noexcept {
    return info_ ? std::optional(uid_) : std::nullopt;
  }

  /// The kernel's own count at the last record with tcp_info that it did not clear; nullopt where
  /// there is none, and where the kernel does not send it.
  [[nodiscard]] std::optional<std::uint64_t> last(total t) const noexcept { return last_.get(t); }
  /// Data bytes the peer acknowledged, without SYN and FIN. One too many at most: while data is in
  /// flight and SYN was counted, and on kernels before 4.19.
  [[nodiscard]] std::optional<std::uint64_t> sent() const noexcept;
  /// Data bytes received in order, without FIN where the records tell that it came; else one too
  /// many at most.
  [[nodiscard]] std::optional<std::uint64_t> received() const noexcept;
  [[nodiscard]] std::optional<double> retransmitted_percent() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> min_rtt_us() const noexcept {
    return min_rtt_ != 0 ? std::optional<std::uint64_t>(min_rtt_) : std::nullopt;
  }
  [[nodiscard]] std::optional<double> median_rtt_us() { return rtts_.median(); }
  [[nodiscard]] std::optional<double> p95_rtt_us() { return rtts_.percentile(95); }
  [[nodiscard]] std::optional<std::uint64_t> peak_rate() const noexcept {
    return has_rate_ ? std::optional(peak_rate_) : std::nullopt;
  }
  /// Bytes a second, of the direction that carried more: from `opened` to the end where that is
  /// not zero, else what was gained from the first record to the last. nullopt for a single record
  /// without `opened`, and for a time below one round trip: it says nothing.
  [[nodiscard]] std::optional<double> mean_rate(packed_time opened) const noexcept;
  /// Percent of the same stretch of time in which something was to be sent, and not yet
  /// acknowledged; nullopt as there.
  [[nodiscard]] std::optional<double> busy_percent(packed_time opened) const noexcept;
  /// What limited sending, in percent of that time over the whole connection; together 100. nullopt
  /// where there was none, and before Linux 4.10.
  struct limits {
    double rwnd = 0;     ///< the other end's receive window
    double sndbuf = 0;   ///< our send buffer
    double network = 0;  ///< neither: the congestion window, pacing, the path
  };
  [[nodiscard]] std::optional<limits> limited() const noexcept;
  /// Duplicates of ours that the other end told of (DSACK). nullopt before Linux 4.19, as the next.
  [[nodiscard]] std::optional<std::uint64_t> dsack_dups() const noexcept {
    return last_.get(total::dsack_dups);
  }
  /// How often reordering was seen.
  [[nodiscard]] std::optional<std::uint64_t> reord_seen() const noexcept {
    return last_.get(total::reord_seen);
  }
  /// Its number in the pool of add()'s messages.
  [[nodiscard]] name_pool::id congestion_control() const noexcept { return cong_; }
  [[nodiscard]] std::uint64_t snapshots() const noexcept { return snapshots_; }
  /// What limited it; empty where no record has counters, and of a summary that does not say it.
  [[nodiscard]] why::cause_clock causes() const { return causes_.whole(); }

 protected:
  [[nodiscard]] std::int16_t first_offset() const noexcept { return first_offset_; }

 private:
  /// What said_last() compares.
  struct last_counts {
    std::uint64_t acked = 0;
    std::uint64_t received = 0;
    std::uint32_t segs_in = 0;
    std::uint32_t segs_out = 0;
    std::uint8_t retransmits = 0;
    std::uint8_t probes = 0;
    bool counts_segs_in = false;
    bool there = false;
  };
  /// What mean_rate() and busy_percent() begin with.
  struct first_counts {
    std::uint64_t acked_data = 0;
    std::uint64_t received = 0;
    std::uint64_t busy = 0;
  };

  void add_info(const seen_message& r, bool latest);
  void append(records_summary& later);
  void append_totals(records_summary& later);
  void save_info(summary_values& to) const;
  void load_info(const summary_values& from);
  void save_causes(summary_values& to) const;
  void load_causes(const summary_values& from);
  void set_at_end(const last_counts& c);
  [[nodiscard]] last_counts counts_at_end() const noexcept;
  [[nodiscard]] static last_counts counts_of(const flow_totals& t) noexcept;
  [[nodiscard]] bool saw_fin() const noexcept;
  /// What came from the other end between the last record and the connection's end.
  enum class last_word : std::uint8_t {
    unknown,    ///< one of the two was not recorded, or the record may be of the very end
    reset,      ///< something that has no byte and acknowledged none
    a_segment,  ///< something else
    nothing,    ///< nothing, and nothing was waited for
    no_answer,  ///< nothing, while something was sent again or probed for
  };
  [[nodiscard]] last_word said_last() const noexcept;
  [[nodiscard]] bool saw(std::initializer_list<tcp_state> states) const noexcept;
  [[nodiscard]] bool has_other_ends(const message& m) const noexcept;
  [[nodiscard]] std::optional<bool> fin_of_ours_acked() const noexcept;

  // In the order of their sizes: there may be a million of these.
  flow_totals last_;
  first_counts first_;
  last_counts before_end_;  // of the last record before the end
  opener opener_;
  fin_judge fin_;
  packed_time first_time_;
  packed_time last_time_;
  packed_time state_time_;
  packed_time first_info_time_;
  packed_time last_info_time_;  // of an end: when it ended, not when that was told
  packed_time end_time_;
  packed_time before_end_time_;
  quantiles rtts_;
  why::clock_runs causes_;
  std::uint64_t peak_rate_ = 0;
  std::uint64_t snapshots_ = 0;
  std::unique_ptr<last_counts> at_end_;  // where last_ is not of the end
  flow_ends ends_;
  name_pool::id cong_ = name_pool::none;
  std::uint32_t uid_ = 0;
  std::uint32_t last_rtt_us_ = 0;
  std::uint32_t min_rtt_ = 0;  // 0: none
  std::uint32_t states_ = 0;   // bit for each seen before the end
  std::int16_t first_offset_ = 0;
  std::int16_t last_offset_ = 0;
  std::int16_t end_offset_ = 0;
  std::uint8_t state_ = 0;
  bool ended_ = false;
  bool ends_cleared_ = false;  // in the final message: addresses and ports
  bool end_counted_ = false;   // the kernel told counters of the end
  bool last_is_end_ = false;   // and last_ is these
  bool first_is_end_ = false;  // the first one with tcp_info is of the end
  bool info_ = false;
  bool causes_lost_ = false;  // some records' summary does not say them
  bool has_rate_ = false;
};

}  // namespace tcpinfo::analysis

#endif
