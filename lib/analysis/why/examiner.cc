// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/examiner.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/why/handshake.h"
#include "analysis/why/receiver.h"
#include "analysis/why/sender.h"
#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

std::vector<cause_times> receiver_times(const life& l) {
  const labels causes = receiver_causes(l);
  std::vector<cause_times> times(l.size());
  const bool syn_lost = lost_syns(l) != 0;
  for (std::size_t i = 0; i < l.size(); ++i) {
    const cause c = syn_lost && l.is_opening(i) ? cause::handshake : causes[i];
    times[i][index_of(c)] = l.length_ns(i);
  }
  return times;
}

cause largest_of(const cause_times& times) {
  return static_cast<cause>(std::max_element(times.begin(), times.end()) - times.begin());
}

// SYNs are sent again after 1, 2, 4 … seconds (RFC 6298), and a connect gives up after some two
// minutes: what takes longer is no handshake, its first records are elsewhere.
bool is_opening(const life& l, std::int64_t opened_ns) {
  constexpr std::int64_t second_ns = 1'000'000'000;
  constexpr std::int64_t answer_ns = 13 * second_ns / 10;
  const std::uint64_t lost = std::min<std::uint64_t>(lost_syns(l), 7);
  const std::int64_t ns = l.start().time_ns() - opened_ns;
  return ns > 0 && ns < ((std::int64_t{1} << lost) - 1) * second_ns + answer_ns;
}

// Between the connect and the first record. Where no SYN was lost it is a round trip.
phase opening_phase(const life& l, std::int64_t opened_ns) {
  phase p;
  p.begin_ns = opened_ns;
  p.end_ns = l.start().time_ns();
  p.of = lost_syns(l) != 0 ? cause::handshake : cause::none;
  p.time_ns = p.end_ns - p.begin_ns;
  return p;
}

void explain(const life& l, view of, phase& p) {
  if (p.of == cause::handshake)
    explain_handshake(l, p);
  else if (l.size() == 0)
    p.sentence = meaning_of(p.of);
  else if (of == view::receiver)
    explain_receiver(l, p);
  else
    explain_sender(l, p);
}

std::string sentence_of(const verdict& v) {
  const std::int64_t life = v.end_ns - v.begin_ns;
  const phase* longest = nullptr;
  for (const phase& p : v.phases)
    if (p.of == v.main && (longest == nullptr || p.time_ns > longest->time_ns)) longest = &p;
  const std::string_view what = longest != nullptr ? longest->sentence : meaning_of(v.main);
  if (v.main == cause::none || v.main == cause::cannot_tell) return std::string(what);
  return fmt::format("{:.0f} % of {}: {}", 100 * v.share, ns_text(life), what);
}

verdict judge(const life& l, view of, std::optional<std::int64_t> opened_ns) {
  verdict v;
  v.of = of;
  v.begin_ns = l.start().time_ns();
  v.end_ns = l.size() == 0 ? v.begin_ns : l.final().time_ns();
  if (opened_ns && is_opening(l, *opened_ns)) {
    v.phases.push_back(opening_phase(l, *opened_ns));
    v.times[index_of(v.phases.back().of)] += v.phases.back().time_ns;
    v.begin_ns = *opened_ns;
  }
  const bool opened_apart = !v.phases.empty();
  const std::vector<cause_times> times = of == view::sender ? sender_times(l) : receiver_times(l);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const cause c = largest_of(times[i]);
    const bool goes_on =
        !v.phases.empty() && v.phases.back().of == c && (v.phases.size() > 1 || !opened_apart);
    if (!goes_on) {
      phase p;
      p.begin_ns = l.from(i).time_ns();
      p.of = c;
      p.first = i;
      v.phases.push_back(p);
    }
    phase& p = v.phases.back();
    p.end_ns = l.to(i).time_ns();
    p.last = i;
    p.time_ns += times[i][index_of(c)];
    for (std::size_t k = 0; k < cause_count; ++k) v.times[k] += times[i][k];
  }
  for (phase& p : v.phases) explain(l, of, p);

  const std::int64_t life = v.end_ns - v.begin_ns;
  const auto share_of = [&](cause c) {
    return life > 0 ? static_cast<double>(v.times[index_of(c)]) / static_cast<double>(life) : 0;
  };
  cause_times causes = v.times;
  causes[index_of(cause::none)] = causes[index_of(cause::cannot_tell)] = 0;
  v.main = largest_of(causes);
  if (life <= 0)
    v.main = cause::cannot_tell;
  else if (v.main == cause::none || share_of(v.main) < thresholds::verdict_share)
    v.main = share_of(cause::cannot_tell) >= 0.5 ? cause::cannot_tell : cause::none;
  v.share = share_of(v.main);
  if (life > 0) {
    v.sentence = sentence_of(v);
  } else {
    v.phases.clear();
    v.sentence = "One moment of it was recorded: nothing to compare.";
  }
  return v;
}

}  // namespace

bool examiner::add(const snapshot& s, std::int64_t time_ns) {
  if (!cut_.empty() && time_ns < cut_.latest().time_ns()) {
    // A poll is read after it was made, so an end may be told as before it: it is last all the
    // same.
    if (s.state() != tcp_state::close) return false;
    time_ns = cut_.latest().time_ns();
  }
  sample taken(s, time_ns);
  // Mini sockets have no counters, and a socket that was aborted has cleared them.
  if (!taken.has_info()) return true;
  if (!cut_.empty()) {
    for (const seen f : {seen::bytes_acked, seen::bytes_received, seen::busy_time})
      if (taken.has(f) && taken.or_zero(f) < cut_.latest().or_zero(f)) return true;
    taken.keep_from(cut_.latest());
  }
  cut_.add(taken);
  return true;
}

std::vector<verdict> examiner::verdicts() const {
  if (cut_.empty()) return {};
  round_cutter cut = cut_;
  cut.finish();
  const life l(cut);
  const auto sent = static_cast<double>(cut.latest().or_zero(seen::bytes_acked));
  const auto received = static_cast<double>(cut.latest().or_zero(seen::bytes_received));
  std::vector<verdict> all;
  if (sent >= received || sent >= thresholds::other_way_share * received)
    all.push_back(judge(l, view::sender, opened_ns_));
  if (received > sent || (received > 2 && received >= thresholds::other_way_share * sent))
    all.push_back(judge(l, view::receiver, opened_ns_));
  return all;
}

}  // namespace tcpinfo::analysis::why
