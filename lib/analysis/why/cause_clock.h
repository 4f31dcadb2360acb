// SPDX-License-Identifier: Apache-2.0
//
// What limited a connection, told while its records come: the cheap part of the rules. docs/why.md
// says how these times differ from what an examiner finds.
#ifndef TCPINFO_ANALYSIS_WHY_CAUSE_CLOCK_H
#define TCPINFO_ANALYSIS_WHY_CAUSE_CLOCK_H

#include <tcpinfo/bytes.h>
#include <tcpinfo/message.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "analysis/why/cause.h"

namespace tcpinfo::analysis::why {

/// What one record tells, of itself and of the time before it. The kernel's counters in
/// milliseconds, of which only differences count.
struct cause_point {
  enum flag : std::uint8_t {
    opening = 1,        ///< the handshake was not over
    syn_lost = 2,       ///< a SYN had been sent again, and no data
    told = 4,           ///< it has the chronographs
    window_closed = 8,  ///< the peer's window took no segment
    slow_start = 16,    ///< the threshold had never been set
    receiving = 32,     ///< this end received more than it sent
    ended = 64,         ///< it is of the end
  };

  std::int64_t time_ms = 0;  ///< since 1970
  std::uint32_t busy_ms = 0;
  std::uint32_t rwnd_ms = 0;
  std::uint32_t sndbuf_ms = 0;
  std::uint32_t sent = 0;      ///< segments with data
  std::uint32_t received = 0;  ///< bytes
  std::uint16_t timeouts = 0;
  cause rest = cause::none;  ///< of the time that the chronographs do not explain
  std::uint8_t flags = 0;

  [[nodiscard]] bool is(flag f) const noexcept { return (flags & f) != 0; }
  /// `info`: the payload of INFO. `bbr`: whether that is the congestion control.
  [[nodiscard]] static cause_point of(const message& m, bytes_view info, std::int64_t time_ns,
                                      bool bbr) noexcept;
  friend bool operator==(const cause_point&, const cause_point&) noexcept = default;
};

/// What limited a connection most.
struct live_verdict {
  cause main = cause::none;
  double share = 0;  ///< of its time
};

/// Adds up the time of one connection by cause, record by record. It looks at two records at a
/// time: therefore what was made of two parts of a connection can be put together, and comes to
/// what all records do. Memory is 96 bytes, 200 more where anything but the program limited it. One
/// thread at a time.
class cause_clock {
 public:
  /// The next record with INFO. One that is older than that before is of no use, but of the end: a
  /// poll is read after it was made. Neither is one whose counters were cleared.
  void add(const cause_point& p);
  /// What was made of later records.
  void append(const cause_clock& later);

  /// Of nanoseconds, rounded down.
  [[nodiscard]] static constexpr std::int64_t milliseconds(std::int64_t ns) noexcept {
    constexpr std::int64_t ms = 1'000'000;
    return ns / ms - (ns % ms < 0 ? 1 : 0);
  }

  /// Whether there was a record.
  [[nodiscard]] bool empty() const noexcept { return empty_; }
  /// Times of the first record and of the last, in ms since 1970.
  [[nodiscard]] std::int64_t first_ms() const noexcept { return first_.time_ms; }
  /// Whether the first record is of the end.
  [[nodiscard]] bool is_end() const noexcept { return first_.is(cause_point::ended); }
  [[nodiscard]] std::int64_t last_ms() const noexcept { return last_.time_ms; }
  /// From the first record to the last, in nanoseconds.
  [[nodiscard]] std::int64_t life_ns() const noexcept;
  /// Nanoseconds by cause, together life_ns(), or more by what the chronographs' steps add.
  [[nodiscard]] cause_times times() const noexcept;
  /// nullopt where no time has passed.
  [[nodiscard]] std::optional<live_verdict> verdict() const noexcept;

  /// Memory beside the object.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return others_ms_ == nullptr ? 0 : sizeof *others_ms_;
  }
  /// All of it, to be kept elsewhere. Milliseconds, as they were added.
  struct stored {
    cause_point first;
    cause_point last;
    std::int64_t pending_ms = 0;
    std::array<std::int64_t, cause_count> ms{};
  };
  [[nodiscard]] stored save() const noexcept;
  void load(const stored& from);

 private:
  void charge(const cause_point& from, const cause_point& to);
  void give(cause c, std::int64_t ms);
  void settle() noexcept;

  cause_point first_;
  cause_point last_;
  // Of the program, if it sends once more; else it had nothing more to send.
  std::int64_t pending_ms_ = 0;
  std::int64_t application_ms_ = 0;
  std::unique_ptr<std::array<std::int64_t, cause_count>> others_ms_;
  bool empty_ = true;
};

}  // namespace tcpinfo::analysis::why

#endif
