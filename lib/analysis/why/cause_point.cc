// SPDX-License-Identifier: Apache-2.0
//
// The rules that one record is enough for. Those of the examiner look at the whole life; where they
// differ, docs/why.md says so.
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "analysis/kernel_values.h"
#include "analysis/why/cause_clock.h"
#include "analysis/why/rounds.h"
#include "analysis/why/thresholds.h"

namespace tcpinfo::analysis::why {
namespace {

constexpr std::uint32_t no_threshold = 0x7fffffff;  // tcpi_snd_ssthresh

// The payload of INFO; what the kernel did not send is 0.
class info_fields {
 public:
  explicit info_fields(bytes_view info) noexcept : at_(info.data()), size_(info.size()) {
    if (size_ >= padded_.size()) return;
    if (size_ != 0) std::memcpy(padded_.data(), at_, size_);
    std::fill(padded_.begin() + static_cast<std::ptrdiff_t>(size_), padded_.end(), std::byte{0});
    at_ = padded_.data();
  }
  info_fields(const info_fields&) = delete;
  info_fields& operator=(const info_fields&) = delete;

  template <tcp_field F, class T>
  [[nodiscard]] T get() const noexcept {
    static_assert(place<F> + sizeof(T) <= tcp_info_known_size);
    T value;
    std::memcpy(&value, at_ + place<F>, sizeof value);
    return value;
  }
  template <tcp_field F, class T>
  [[nodiscard]] bool has() const noexcept {
    return place<F> + sizeof(T) <= size_;
  }
  [[nodiscard]] bytes_view bytes() const noexcept { return {at_, size_}; }

 private:
  // A field's number is its first bit.
  template <tcp_field F>
  static constexpr std::size_t place = (static_cast<std::uint32_t>(F) & 0xffffU) / 8;

  std::array<std::byte, tcp_info_known_size> padded_;  // only of a short one
  const std::byte* at_;
  std::size_t size_;
};

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

bool is_window_closed(const message& m, const info_fields& info) noexcept {
  if (m.timer() == probe_timer || info.get<tcp_field::probes, u8>() != 0) return true;
  return info.has<tcp_field::snd_wnd, u32>() &&
         info.get<tcp_field::snd_wnd, u32>() <
             thresholds::closed_window_segments * info.get<tcp_field::snd_mss, u32>();
}

// The receiver's rule of peer_reads_slowly, where the kernel tells its window.
bool is_unread(const message& m, const info_fields& info) noexcept {
  const double unread = m.rqueue();
  return unread != 0 && info.has<tcp_field::rcv_wnd, u32>() &&
         unread >= thresholds::unread_share * (unread + info.get<tcp_field::rcv_wnd, u32>());
}

cause cause_of_timeout(const info_fields& info, u32 unacked, u32 again) noexcept {
  if (again != 0 && info.get<tcp_field::dsack_dups, u32>() >= thresholds::needless_share * again)
    return cause::spurious_rto;
  const bool tail = info.has<tcp_field::notsent_bytes, u32>() &&
                    info.get<tcp_field::notsent_bytes, u32>() == 0 &&
                    unacked <= thresholds::tail_segments;
  return tail ? cause::tail_loss : cause::rto_stall;
}

bool is_starved(const info_fields& info, u32 unacked, u32 cwnd) noexcept {
  return unacked < cwnd && info.has<tcp_field::notsent_bytes, u32>() &&
         info.get<tcp_field::notsent_bytes, u32>() == 0 &&
         tcp_value(info.bytes(), info_layout::unknown, tcp_field::delivery_rate_app_limited)
                 .value_or(0) != 0;
}

bool is_paced_at_cap(const info_fields& info) noexcept {
  const u64 cap = info.get<tcp_field::max_pacing_rate, u64>();
  return cap != 0 && cap != std::numeric_limits<u64>::max() &&
         cap != std::numeric_limits<u32>::max() && info.get<tcp_field::pacing_rate, u64>() >= cap &&
         static_cast<double>(info.get<tcp_field::delivery_rate, u64>()) >=
             thresholds::pacing_used_share * static_cast<double>(cap);
}

// What the round-trip time is above the lowest one, in us; 0 where that is of no queue.
u32 queue_of(const info_fields& info) noexcept {
  const u32 low = info.get<tcp_field::min_rtt, u32>();
  const u32 rtt = info.get<tcp_field::rtt, u32>();
  if (low == 0 || low == never_measured || rtt <= low) return 0;
  const u32 queue = rtt - low;
  return queue > thresholds::queue_noise_us && queue > (thresholds::queue_factor - 1) * low &&
                 queue > thresholds::queue_deviations * info.get<tcp_field::rttvar, u32>()
             ? queue
             : 0;
}

cause cause_of_queue(const info_fields& info, u32 queue) noexcept {
  const double times = 1 + queue / static_cast<double>(info.get<tcp_field::min_rtt, u32>());
  const bool bloat = queue > thresholds::bloat_us ||
                     (times > thresholds::bloat_factor && queue > thresholds::bloat_least_us);
  return bloat ? cause::bufferbloat : cause::shaped_bottleneck;
}

// A loss costs until the window has grown back. Cubic leaves 0.7 of it, Reno the half, and the
// threshold stays there.
cause cause_of_loss(const info_fields& info, u32 cwnd, u32 again) noexcept {
  const u64 with_ce = info.get<tcp_field::delivered_ce, u32>();
  if (again == 0 && with_ce == 0) return cause::none;
  if (cwnd >= 2 * u64{info.get<tcp_field::snd_ssthresh, u32>()}) return cause::none;
  if (with_ce >= again) return cause::ecn;
  if (info.get<tcp_field::reord_seen, u32>() != 0 &&
      info.get<tcp_field::dsack_dups, u32>() >= thresholds::needless_share * again)
    return cause::reordering;
  return again >= thresholds::loss_rounds ? cause::random_loss : cause::cannot_tell;
}

// In the examiner's order.
cause network_cause(const info_fields& info, bool bbr) noexcept {
  const u32 again = info.get<tcp_field::total_retrans, u32>();
  const u32 unacked = info.get<tcp_field::unacked, u32>();
  const u32 cwnd = info.get<tcp_field::snd_cwnd, u32>();
  if (info.get<tcp_field::retransmits, u8>() != 0 ||
      info.get<tcp_field::ca_state, u8>() == loss_state)
    return cause_of_timeout(info, unacked, again);
  if (is_starved(info, unacked, cwnd)) return cause::application;
  if (is_paced_at_cap(info)) return cause::pacing_cap;
  if (const u32 queue = queue_of(info); queue != 0) return cause_of_queue(info, queue);
  if (bbr) return cause::none;
  if (info.get<tcp_field::snd_ssthresh, u32>() == no_threshold)
    return 2 * u64{unacked} >= cwnd ? cause::slow_start_never_left : cause::none;
  return cause_of_loss(info, cwnd, again);
}

}  // namespace

cause_point cause_point::of(const message& m, bytes_view payload, std::int64_t time_ns,
                            bool bbr) noexcept {
  const info_fields info(payload);
  cause_point p;
  p.time_ms = cause_clock::milliseconds(time_ns);
  const auto counted = [](u64 us) { return static_cast<u32>(us / 1000); };
  p.busy_ms = counted(info.get<tcp_field::busy_time, u64>());
  p.rwnd_ms = counted(info.get<tcp_field::rwnd_limited, u64>());
  p.sndbuf_ms = counted(info.get<tcp_field::sndbuf_limited, u64>());
  p.sent = info.get<tcp_field::data_segs_out, u32>();
  const u64 received = info.get<tcp_field::bytes_received, u64>();
  p.received = static_cast<u32>(received);
  p.timeouts = info.get<tcp_field::total_rto, std::uint16_t>();
  const auto set = [&p](flag f, bool yes) {
    if (yes) p.flags = static_cast<u8>(p.flags | f);
  };
  const bool opens = is_opening(static_cast<tcp_state>(m.state()));
  set(opening, opens);
  set(ended, m.state() == tcp_state::close);
  set(syn_lost, info.get<tcp_field::total_retrans, u32>() != 0 && p.sent == 0);
  set(told, info.has<tcp_field::sndbuf_limited, u64>());
  set(receiving, received > info.get<tcp_field::bytes_acked, u64>());
  set(slow_start, !bbr && info.get<tcp_field::snd_ssthresh, u32>() == no_threshold);
  if (p.is(receiving)) {
    if (is_unread(m, info)) p.rest = cause::peer_reads_slowly;
    return p;
  }
  const bool closed = is_window_closed(m, info);
  set(window_closed, closed);
  p.rest = network_cause(info, bbr);
  if (closed && is_of_timeout(p.rest)) p.rest = cause::none;
  return p;
}

}  // namespace tcpinfo::analysis::why
