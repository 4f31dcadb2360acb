// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/cause_clock.h"

#include <algorithm>
#include <limits>

#include "analysis/why/thresholds.h"

namespace tcpinfo::analysis::why {
namespace {

// Of counters that have 32 bits: what looks like more than half of that has gone back.
std::int64_t grown(std::uint32_t from, std::uint32_t to) noexcept {
  return std::max<std::int64_t>(0, static_cast<std::int32_t>(to - from));
}

// A socket that its own program aborts has cleared them.
bool is_cleared(const cause_point& from, const cause_point& to) noexcept {
  return static_cast<std::int32_t>(to.busy_ms - from.busy_ms) < 0 ||
         static_cast<std::int32_t>(to.sent - from.sent) < 0;
}

// Whatever a file says, a sum is a number.
std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t made = 0;
  if (!__builtin_add_overflow(a, b, &made)) return made;
  return b < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}
std::int64_t between(std::int64_t from, std::int64_t to) noexcept {
  std::int64_t made = 0;
  if (to <= from) return 0;
  return __builtin_sub_overflow(to, from, &made) ? std::numeric_limits<std::int64_t>::max() : made;
}
std::int64_t nanoseconds(std::int64_t ms) noexcept {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  return std::clamp<std::int64_t>(ms, 0, most) * 1'000'000;
}

}  // namespace

void cause_clock::give(cause c, std::int64_t ms) {
  if (c == cause::none || ms == 0) return;
  if (c == cause::application) {
    application_ms_ = sum(application_ms_, ms);
    return;
  }
  if (others_ms_ == nullptr) others_ms_ = std::make_unique<std::array<std::int64_t, cause_count>>();
  std::int64_t& to = (*others_ms_)[index_of(c)];
  to = sum(to, ms);
}

void cause_clock::settle() noexcept {
  application_ms_ = sum(application_ms_, pending_ms_);
  pending_ms_ = 0;
}

// Differences of the chronographs may be more than the time that has passed, because they count in
// steps: what is too much in one is too little in another, so that sums are right.
void cause_clock::charge(const cause_point& from, const cause_point& to) {
  const std::int64_t length = between(from.time_ms, to.time_ms);
  const bool sends = to.sent != from.sent;
  if (from.is(cause_point::opening)) {
    if (to.is(cause_point::syn_lost) || from.is(cause_point::syn_lost))
      give(cause::handshake, length);
  } else if (to.is(cause_point::receiving)) {
    give(to.rest == cause::none && to.received == from.received ? cause::cannot_tell : to.rest,
         length);
  } else if (!to.is(cause_point::told) || !from.is(cause_point::told)) {
    give(to.rest == cause::none ? cause::cannot_tell : to.rest, length);
  } else {
    const std::int64_t busy = grown(from.busy_ms, to.busy_ms);
    const std::int64_t window = grown(from.rwnd_ms, to.rwnd_ms);
    const std::int64_t buffer = grown(from.sndbuf_ms, to.sndbuf_ms);
    pending_ms_ = sum(pending_ms_, length - busy);
    cause rest = to.rest;
    if (to.timeouts != from.timeouts && rest != cause::spurious_rto && rest != cause::tail_loss &&
        !to.is(cause_point::window_closed))
      rest = cause::rto_stall;
    const cause of_window =
        to.is(cause_point::window_closed) ? cause::peer_reads_slowly : cause::peer_window;
    std::int64_t left = busy;
    if (!is_of_timeout(rest)) {
      give(of_window, window);
      give(cause::send_buffer, buffer);
      left -= window + buffer;
      const auto part = [busy](std::int64_t of, double share) {
        return of > 0 && static_cast<double>(of) >= share * static_cast<double>(busy);
      };
      if (part(window, thresholds::window_share))
        rest = of_window;
      else if (part(buffer, thresholds::send_buffer_share))
        rest = cause::send_buffer;
    }
    if (rest == cause::application)
      pending_ms_ = sum(pending_ms_, left);
    else
      give(rest, left);
  }
  // It had more to send: what went before was time in which it had not.
  if (sends) settle();
}

void cause_clock::add(const cause_point& given) {
  if (empty_) {
    first_ = last_ = given;
    empty_ = false;
    return;
  }
  if ((given.time_ms < last_.time_ms && !given.is(cause_point::ended)) || is_cleared(last_, given))
    return;
  cause_point p = given;
  p.time_ms = std::max(p.time_ms, last_.time_ms);
  charge(last_, p);
  last_ = p;
}

void cause_clock::append(const cause_clock& later) {
  if (later.empty_) return;
  if (empty_) {
    load(later.save());
    return;
  }
  if (is_cleared(last_, later.first_) && later.first_ == later.last_) return;
  charge(last_, later.first_);
  if (later.last_.sent != later.first_.sent) settle();
  pending_ms_ = sum(pending_ms_, later.pending_ms_);
  application_ms_ = sum(application_ms_, later.application_ms_);
  if (later.others_ms_ != nullptr)
    for (std::size_t i = 0; i < cause_count; ++i)
      give(static_cast<cause>(i), (*later.others_ms_)[i]);
  const std::int64_t time_ms = std::max(last_.time_ms, later.last_.time_ms);
  last_ = later.last_;
  last_.time_ms = time_ms;
}

std::int64_t cause_clock::life_ns() const noexcept {
  return empty_ ? 0 : nanoseconds(between(first_.time_ms, last_.time_ms));
}

// What only the whole life tells is decided here.
cause_times cause_clock::times() const noexcept {
  cause_times all{};
  if (others_ms_ != nullptr)
    for (std::size_t i = 0; i < cause_count; ++i) all[i] = nanoseconds((*others_ms_)[i]);
  all[index_of(cause::application)] = nanoseconds(application_ms_);
  const auto at = [&all](cause c) -> std::int64_t& { return all[index_of(c)]; };
  const auto take_over = [&at](cause to, cause from) {
    at(to) = sum(at(to), at(from));
    at(from) = 0;
  };
  const auto is_part = [&at](cause c, cause other, double share) {
    return at(c) > 0 && static_cast<double>(at(c)) >=
                            share * (static_cast<double>(at(c)) + static_cast<double>(at(other)));
  };
  if (!last_.is(cause_point::slow_start)) at(cause::slow_start_never_left) = 0;
  if (is_part(cause::peer_reads_slowly, cause::peer_window, thresholds::closed_window_share))
    take_over(cause::peer_reads_slowly, cause::peer_window);
  constexpr double above_95th_percentile = 0.05;
  if (is_part(cause::bufferbloat, cause::shaped_bottleneck, above_95th_percentile))
    take_over(cause::bufferbloat, cause::shaped_bottleneck);
  std::int64_t explained = 0;
  for (const std::int64_t ns : all) explained = sum(explained, ns);
  at(cause::none) = std::max<std::int64_t>(0, between(explained, life_ns()));
  return all;
}

std::optional<live_verdict> cause_clock::verdict() const noexcept {
  const std::int64_t life = life_ns();
  if (life <= 0) return std::nullopt;
  cause_times all = times();
  const auto share_of = [&all, life](cause c) {
    return std::min(1.0, static_cast<double>(all[index_of(c)]) / static_cast<double>(life));
  };
  live_verdict v;
  const double untold = share_of(cause::cannot_tell);
  const double none = share_of(cause::none);
  all[index_of(cause::none)] = all[index_of(cause::cannot_tell)] = 0;
  v.main = static_cast<cause>(std::max_element(all.begin(), all.end()) - all.begin());
  v.share = share_of(v.main);
  if (v.main != cause::none && v.share >= thresholds::verdict_share) return v;
  v.main = untold >= 0.5 ? cause::cannot_tell : cause::none;
  v.share = untold >= 0.5 ? untold : none;
  return v;
}

cause_clock::stored cause_clock::save() const noexcept {
  stored s{first_, last_, pending_ms_, {}};
  if (others_ms_ != nullptr) s.ms = *others_ms_;
  s.ms[index_of(cause::application)] = application_ms_;
  return s;
}

void cause_clock::load(const stored& from) {
  first_ = from.first;
  last_ = from.last;
  pending_ms_ = from.pending_ms;
  application_ms_ = 0;
  others_ms_.reset();
  for (std::size_t i = 0; i < cause_count; ++i)
    if (from.ms[i] != 0) give(static_cast<cause>(i), from.ms[i]);
  empty_ = false;
}

}  // namespace tcpinfo::analysis::why
