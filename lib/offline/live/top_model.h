// SPDX-License-Identifier: Apache-2.0
//
// The connections that there are now, and what each did since the look before (tcpinfo-dump top).
#ifndef TCPINFO_OFFLINE_LIVE_TOP_MODEL_H
#define TCPINFO_OFFLINE_LIVE_TOP_MODEL_H

#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "offline/live/watched_flow.h"

namespace tcpinfo::offline {

/// By what rows are sorted.
enum class top_order : std::uint8_t { rate, sent, received, retransmitted, rtt, cause, owner };
inline constexpr std::size_t top_order_count = 7;

/// Its name on the command line and on the screen.
[[nodiscard]] std::string_view name_of(top_order order) noexcept;
/// @return false where it names none.
[[nodiscard]] bool parse_top_order(std::string_view text, top_order& out) noexcept;

/// All connections of one look together.
struct top_totals {
  std::size_t flows = 0;
  double sent = 0;      ///< bytes a second
  double received = 0;  ///< bytes a second
  std::uint64_t retransmitted = 0;
};

/// One thread's. Takes some 900 bytes a connection. Throws std::bad_alloc.
class top_model {
 public:
  /// Who has a socket; empty where that is not known. Asked at each look until it is.
  using owner_finder = std::function<std::string(const message&)>;

  explicit top_model(owner_finder owner = {}) : owner_(std::move(owner)) {}

  /// A look begins. What it shows comes by see(), and with end() what was not shown is gone.
  void begin();
  /// `time_ns`: since 1970, when the kernel said so.
  void see(const message& m, std::int64_t time_ns);
  void end();

  /// In that order, the largest first; `reversed`: last. Of equal ones the larger rate and then the
  /// larger cookie comes first, so that rows do not change places for nothing. Valid until the next
  /// begin().
  [[nodiscard]] std::vector<const watched_flow*> rows(top_order order, bool reversed) const;
  [[nodiscard]] const watched_flow* find(std::uint64_t cookie) const noexcept;
  [[nodiscard]] const top_totals& totals() const noexcept { return totals_; }
  [[nodiscard]] bool knows_owners() const noexcept { return static_cast<bool>(owner_); }

 private:
  owner_finder owner_;
  std::unordered_map<std::uint64_t, watched_flow> flows_;  // by cookie
  const info_layout layout_ = running_kernel_layout();
  snapshot decoded_;
  std::uint64_t round_ = 0;
  top_totals totals_;
};

}  // namespace tcpinfo::offline

#endif
