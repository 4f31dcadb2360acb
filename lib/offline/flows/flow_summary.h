// SPDX-License-Identifier: Apache-2.0
//
// One connection as a whole, made of its records. These may come from any number of files and in
// any order. Memory grows with the number of distinct round-trip times.
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_SUMMARY_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_SUMMARY_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "offline/flows/closing.h"
#include "offline/flows/flow_totals.h"
#include "offline/flows/median.h"
#include "offline/flows/opener.h"
#include "offline/flows/poll_log.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

class flow_summary {
 public:
  explicit flow_summary(std::string uuid) : uuid_(std::move(uuid)) {}

  /// `s` is the decoded r.m.
  void add(const input_record& r, const snapshot& s);
  /// Whether that is of the socket's next connection: it is in use again after its end, or has
  /// another remote end.
  [[nodiscard]] bool is_left_by(const message& m) const noexcept;
  void saw_sequence(const input_context& c);
  void saw_poll(std::uint32_t run, std::uint64_t poll);

  [[nodiscard]] const std::string& uuid() const noexcept { return uuid_; }
  /// The network namespace; empty: the recorder's own, or unknown.
  [[nodiscard]] const std::string& netns() const noexcept { return netns_; }
  /// Of the first record with a remote port: the last one may have none.
  [[nodiscard]] const socket_id& ends() const noexcept { return ends_; }
  /// When it began to open, where that was recorded; else first sight; zero where unknown.
  [[nodiscard]] timestamp start() const noexcept;
  /// When it began to open; zero where that was not recorded.
  [[nodiscard]] timestamp opened() const noexcept { return opened_; }
  /// When it ended; zero where no end was recorded.
  [[nodiscard]] timestamp ended() const noexcept { return end_time_; }
  /// From start() to ended(), or to the last record where no end was recorded.
  [[nodiscard]] std::optional<std::int64_t> duration_ns() const noexcept;
  /// The last one before the socket's end; 0 where only the end was recorded.
  [[nodiscard]] std::uint8_t state() const noexcept { return state_; }
  [[nodiscard]] closing closed() const noexcept;

  /// Data bytes the peer acknowledged, without SYN and FIN. One too many at most: while data is in
  /// flight and SYN was counted, and on kernels before 4.19.
  [[nodiscard]] std::optional<std::uint64_t> sent() const noexcept;
  /// Data bytes received in order, without FIN where the records tell that it came; else one too
  /// many at most.
  [[nodiscard]] std::optional<std::uint64_t> received() const noexcept;
  [[nodiscard]] std::optional<double> retransmitted_percent() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> min_rtt_us() const noexcept { return min_rtt_; }
  [[nodiscard]] std::optional<double> median_rtt_us() { return rtts_.median(); }
  [[nodiscard]] std::optional<std::uint64_t> peak_rate() const noexcept { return peak_rate_; }
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
    return last_.dsack_dups;
  }
  /// How often reordering was seen.
  [[nodiscard]] std::optional<std::uint64_t> reord_seen() const noexcept {
    return last_.reord_seen;
  }
  [[nodiscard]] const std::string& congestion_control() const noexcept { return cong_; }
  [[nodiscard]] std::uint64_t snapshots() const noexcept { return snapshots_; }
  /// Sequence numbers missing between the lowest and the highest, and changes of run: while the
  /// collector was not running nobody looked.
  [[nodiscard]] std::uint64_t gaps() const noexcept;
  [[nodiscard]] const std::vector<poll_span>& polls() const noexcept { return polls_; }

 private:
  void take_totals(const snapshot& s, flow_totals& to) const;
  void judge_fin(const flow_totals& now, bool end);
  void note_silence(const input_record& r, const flow_totals& now, bool true_end, bool end);
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

  std::string uuid_;
  std::string netns_;
  socket_id ends_;
  timestamp start_time_;
  timestamp first_time_;
  timestamp last_time_;
  timestamp state_time_;
  std::uint8_t state_ = 0;
  std::uint32_t states_ = 0;  // bit for each seen before the end
  bool ended_ = false;
  bool ends_cleared_ = false;  // in the final message: addresses and ports
  bool info_ = false;
  std::optional<bool> fin_counted_;  // the peer's, in the last received
  bool data_with_fin_ = false;       // what was received last may have it in it
  opener opener_;
  flow_totals first_;
  flow_totals last_;
  timestamp first_info_time_;
  timestamp last_info_time_;  // of an end: when it ended, not when that was told
  timestamp opened_;
  timestamp end_time_;
  timestamp before_end_time_;
  std::optional<flow_totals> before_end_;  // of the last record before the end
  std::optional<flow_totals> at_end_;      // as the kernel told them
  std::uint64_t last_rtt_us_ = 0;
  std::optional<std::uint64_t> min_rtt_;
  std::optional<std::uint64_t> peak_rate_;
  median_of rtts_;
  std::string cong_;
  std::uint64_t snapshots_ = 0;
  std::set<std::uint64_t> sequences_;
  std::vector<poll_span> polls_;
};

}  // namespace tcpinfo::offline

#endif
