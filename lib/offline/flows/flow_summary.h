// SPDX-License-Identifier: Apache-2.0
//
// One connection as a whole, made of its records, of summaries of them, or of both. These may come
// from any number of files and in any order. Memory is some 550 bytes, and what its round-trip
// times take (quantiles).
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_SUMMARY_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_SUMMARY_H

#include <tcpinfo/archive.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/records_summary.h"
#include "offline/flows/flow_key.h"
#include "offline/flows/poll_log.h"
#include "offline/inputs/inputs.h"
#include "offline/inputs/owner_text.h"

namespace tcpinfo::offline {

using analysis::closing;
using analysis::closing_name;
using analysis::closing_text;
using analysis::packed_time;
using analysis::quantiles;
using analysis::total;

class flow_summary : public analysis::records_summary {
 public:
  /// `names` holds the texts that many connections share; it must outlive this.
  flow_summary(const flow_key& key, const name_pool& names, quantiles::limit rtts)
      : records_summary(rtts), key_(key), names_(&names) {}

  void saw_archive(const archive_facts& a, name_pool& names);
  void saw_poll(std::uint32_t run, std::uint64_t poll);

  [[nodiscard]] const flow_key& key() const noexcept { return key_; }
  [[nodiscard]] std::string uuid() const {
    std::string text;
    append_uuid(text);
    return text;
  }
  void append_uuid(std::string& to) const { key_.append_uuid(to, *names_); }
  /// The machine that recorded it; empty where no file says it.
  [[nodiscard]] std::string_view host() const noexcept { return names_->text(host_); }
  /// The network namespace; empty: the recorder's own, or unknown.
  [[nodiscard]] std::string_view netns() const noexcept { return names_->text(netns_); }
  /// Whose it is; all empty where no file says it.
  [[nodiscard]] owner_facts owner() const noexcept { return owner_of_text(names_->text(owner_)); }
  /// When it began to open, where that was recorded; else first sight; zero where unknown.
  [[nodiscard]] timestamp start() const noexcept {
    return opened_.is_zero() ? first_seen() : opened();
  }
  /// First sight: of its first file as that says it, or its first record; zero where unknown.
  [[nodiscard]] timestamp first_seen() const noexcept;
  /// The same, to compare with.
  [[nodiscard]] packed_time first_seen_at() const noexcept;
  /// When it began to open; zero where that was not recorded.
  [[nodiscard]] timestamp opened() const noexcept { return opened_.at(opened_offset_); }
  /// From start() to ended(), or to the last record where no end was recorded.
  [[nodiscard]] std::optional<std::int64_t> duration_ns() const noexcept;
  /// As there, from opened() where that was recorded.
  [[nodiscard]] std::optional<double> mean_rate() const noexcept {
    return records_summary::mean_rate(opened_);
  }
  [[nodiscard]] std::optional<double> busy_percent() const noexcept {
    return records_summary::busy_percent(opened_);
  }
  [[nodiscard]] std::string_view congestion_control() const noexcept {
    return names_->text(records_summary::congestion_control());
  }
  /// Sequence numbers missing between the lowest and the highest, and changes of run: while the
  /// collector was not running nobody looked.
  [[nodiscard]] std::uint64_t gaps() const noexcept;
  /// Calls `fn` for the polls of each run in which it was seen.
  template <class F>
  void for_each_run(F&& fn) const {
    if (run_ != no_run) fn(poll_span{run_, first_poll_, last_poll_});
    if (rest_ == nullptr) return;
    for (const poll_span& p : rest_->polls) fn(p);
  }

 private:
  static constexpr std::uint32_t no_run = ~std::uint32_t{0};

  /// What few connections have: files of other numbers than the first one, other runs.
  struct rare {
    std::set<std::uint64_t> sequences;
    std::vector<poll_span> polls;
  };

  [[nodiscard]] rare& rest();

  // There may be a million of these: the first one fits behind the last member of the base.
  std::int16_t start_offset_ = 0;
  packed_time start_time_;
  packed_time opened_;
  std::uint64_t sequence_ = 0;  // the first one seen; others are in rest_
  std::uint64_t latest_sequence_ = 0;
  std::uint64_t first_poll_ = 0;  // of run_; other runs are in rest_
  std::uint64_t last_poll_ = 0;
  std::unique_ptr<rare> rest_;
  flow_key key_;
  const name_pool* names_;
  name_pool::id host_ = name_pool::none;
  name_pool::id netns_ = name_pool::none;
  name_pool::id owner_ = name_pool::none;
  std::uint32_t run_ = no_run;  // of the poll_log
  std::int16_t opened_offset_ = 0;
  bool has_sequence_ = false;
};

}  // namespace tcpinfo::offline

#endif
