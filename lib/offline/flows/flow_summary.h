// SPDX-License-Identifier: Apache-2.0
//
// One connection as a whole, made of its records. These may come from any number of files and in
// any order. Memory is some 450 bytes, and what its round-trip times take (quantiles).
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_SUMMARY_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_SUMMARY_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/closing.h"
#include "analysis/flow_totals.h"
#include "analysis/opener.h"
#include "analysis/packed_time.h"
#include "analysis/quantiles.h"
#include "offline/flows/flow_key.h"
#include "offline/flows/poll_log.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

using analysis::closing;
using analysis::closing_name;
using analysis::closing_text;
using analysis::flow_totals;
using analysis::offset_minutes;
using analysis::opener;
using analysis::packed_time;
using analysis::quantiles;
using analysis::total;

class flow_summary {
 public:
  /// `names` holds the texts that many connections share; it must outlive this.
  flow_summary(const flow_key& key, const name_pool& names) : key_(key), names_(&names) {}

  /// `s` is the decoded r.m. `exact_rtts`: as quantiles::add().
  void add(const input_record& r, const snapshot& s, name_pool& names, bool exact_rtts);
  /// Whether that is of the socket's next connection: it is in use again after its end, or has
  /// another remote end. `in_order`: nothing that was read after the end was recorded before it.
  [[nodiscard]] bool is_left_by(const input_record& r, bool in_order) const noexcept;
  void saw_context(const input_context& c, name_pool& names);
  void saw_poll(std::uint32_t run, std::uint64_t poll);

  [[nodiscard]] const flow_key& key() const noexcept { return key_; }
  [[nodiscard]] std::string uuid() const { return key_.uuid(*names_); }
  /// The machine that recorded it; empty where no file says it.
  [[nodiscard]] std::string_view host() const noexcept { return names_->text(host_); }
  /// The network namespace; empty: the recorder's own, or unknown.
  [[nodiscard]] std::string_view netns() const noexcept { return names_->text(netns_); }
  /// Of the first record with a remote port: the last one may have none.
  [[nodiscard]] socket_id ends() const noexcept;
  /// When it began to open, where that was recorded; else first sight; zero where unknown.
  [[nodiscard]] timestamp start() const noexcept {
    return opened_.is_zero() ? first_seen() : opened();
  }
  /// First sight: of its first file as that says it, or its first record; zero where unknown.
  [[nodiscard]] timestamp first_seen() const noexcept;
  /// The same, to compare with.
  [[nodiscard]] packed_time first_seen_at() const noexcept;
  /// Of its last record; zero where unknown.
  [[nodiscard]] timestamp last_seen() const noexcept { return last_time_.at(last_offset_); }
  /// When it began to open; zero where that was not recorded.
  [[nodiscard]] timestamp opened() const noexcept { return opened_.at(opened_offset_); }
  /// When it ended; zero where no end was recorded.
  [[nodiscard]] timestamp ended() const noexcept { return end_time_.at(end_offset_); }
  /// From start() to ended(), or to the last record where no end was recorded.
  [[nodiscard]] std::optional<std::int64_t> duration_ns() const noexcept;
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
  /// Bytes a second, of the direction that carried more: from opened() to the end where that was
  /// recorded, else what was gained from the first record to the last. nullopt for a single record
  /// without opened(), and for a time below one round trip: it says nothing.
  [[nodiscard]] std::optional<double> mean_rate() const noexcept;
  /// Percent of the same stretch of time in which something was to be sent, and not yet
  /// acknowledged; nullopt as there.
  [[nodiscard]] std::optional<double> busy_percent() const noexcept;
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
  [[nodiscard]] std::string_view congestion_control() const noexcept { return names_->text(cong_); }
  [[nodiscard]] std::uint64_t snapshots() const noexcept { return snapshots_; }
  /// Sequence numbers missing between the lowest and the highest, and changes of run: while the
  /// collector was not running nobody looked.
  [[nodiscard]] std::uint64_t gaps() const noexcept;
  /// Calls `fn` for the polls of each run in which it was seen.
  template <class F>
  void for_each_run(F&& fn) const {
    if (polls_.run != no_run) fn(polls_);
    if (rest_ == nullptr) return;
    for (const poll_span& p : rest_->polls) fn(p);
  }

 private:
  static constexpr std::uint32_t no_run = ~std::uint32_t{0};

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
  /// What few connections have: files of other numbers than the first one, other runs.
  struct rare {
    std::set<std::uint64_t> sequences;
    std::vector<poll_span> polls;
    last_counts at_end;  // where last_ is not of the end
  };

  [[nodiscard]] rare& rest();
  [[nodiscard]] last_counts counts_at_end() const noexcept;
  [[nodiscard]] static last_counts counts_of(const flow_totals& t) noexcept;
  void judge_fin(const flow_totals& now, bool end);
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
  [[nodiscard]] std::optional<bool> fin_of_ours_acked() const noexcept;

  // In the order of their sizes: there may be a million of these.
  flow_totals last_;
  first_counts first_;
  last_counts before_end_;  // of the last record before the end
  opener opener_;
  packed_time start_time_;
  packed_time first_time_;
  packed_time last_time_;
  packed_time state_time_;
  packed_time first_info_time_;
  packed_time last_info_time_;  // of an end: when it ended, not when that was told
  packed_time opened_;
  packed_time end_time_;
  packed_time before_end_time_;
  quantiles rtts_;
  std::uint64_t peak_rate_ = 0;
  std::uint64_t snapshots_ = 0;
  std::uint64_t sequence_ = 0;  // the first one seen; others are in rest_
  poll_span polls_{no_run, 0, 0};
  std::unique_ptr<rare> rest_;
  flow_key key_;
  const name_pool* names_;
  flow_ends ends_;
  name_pool::id host_ = name_pool::none;
  name_pool::id netns_ = name_pool::none;
  name_pool::id cong_ = name_pool::none;
  std::uint32_t uid_ = 0;
  std::uint32_t last_rtt_us_ = 0;
  std::uint32_t min_rtt_ = 0;  // 0: none
  std::uint32_t states_ = 0;   // bit for each seen before the end
  std::int16_t start_offset_ = 0;
  std::int16_t first_offset_ = 0;
  std::int16_t last_offset_ = 0;
  std::int16_t opened_offset_ = 0;
  std::int16_t end_offset_ = 0;
  std::optional<bool> fin_counted_;  // the peer's, in the last received
  std::uint8_t state_ = 0;
  bool ended_ = false;
  bool ends_cleared_ = false;  // in the final message: addresses and ports
  bool end_counted_ = false;   // the kernel told counters of the end
  bool last_is_end_ = false;   // and last_ is these
  bool info_ = false;
  bool data_with_fin_ = false;  // what was received last may have it in it
  bool has_sequence_ = false;
  bool has_rate_ = false;
};

}  // namespace tcpinfo::offline

#endif
