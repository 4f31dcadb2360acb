// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/application.h"

#include <fmt/format.h>

#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {

// Nagle's algorithm (RFC 896) holds a segment that is not full while one is outstanding; a receiver
// that expects more waits 40 ms and longer with its acknowledgement (RFC 1122). Either alone costs
// nothing of the kind: the hold must last longer than the path.
void label_nagle(const life& l, labels& to) {
  if (l.delayed_acks() < thresholds::delayed_acks) return;
  for (std::size_t i = 0; i < l.size(); ++i)
    if (to[i] == cause::none && l.has_rest(i) && l.signs(i).nagle_ns >= l.length_ns(i) / 2)
      to[i] = cause::delayed_ack_nagle;
}

// T-RAT's and Siekkinen's application-limited periods, by the kernel's own rate sampling: all that
// was written is sent, and the congestion window would have taken more. Not where all data of the
// connection is out: the program is done, and what is left is to be acknowledged; nor in the round
// in which the last of it was sent, for that ends with the program done. The clock of the send
// buffer misses programs that wait for room only after the last segment was sent; the buffer's
// memory tells of them (everoute's rule).
void label_application(const life& l, labels& to) {
  for (std::size_t i = 0; i < l.size(); ++i) {
    const round_signs& m = l.signs(i);
    if (to[i] != cause::none || !l.has_rest(i) || m.samples == 0 || l.has_sent_all(i + 1)) continue;
    if (static_cast<double>(m.starved) < thresholds::starved_share * static_cast<double>(m.samples))
      continue;
    to[i] = 2 * m.buffer_full > m.starved ? cause::send_buffer : cause::application;
  }
}

void explain_nagle(const life& l, phase& p) {
  std::int64_t held = 0;
  for (std::size_t i = p.first; i <= p.last; ++i) held += l.signs(i).nagle_ns;
  p.sentence = fmt::format(
      "Small writes waited {} for delayed acknowledgements of the ones before (Nagle): the program "
      "should write at once what belongs together, or set TCP_NODELAY.",
      ns_text(held));
  for (std::size_t i = p.first; i <= p.last; ++i)
    if (is_held_by_nagle(l.to(i))) {
      p.show(l.to(i), seen::notsent_bytes, "written, and held back");
      p.show(l.to(i), seen::unacked, "segments outstanding meanwhile");
      break;
    }
  p.show(l.to(p.last), seen::snd_mss, "a full segment, which would not be held back");
  p.show(l.to(p.last), seen::min_rtt, "lowest round-trip time");
}

void explain_application(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& after = l.to(p.last);
  p.sentence =
      "The sending program had nothing to send: it wrote less than the path would have carried, or "
      "waited for something.";
  p.show_growth(before, after, seen::busy_time, "time with data to be sent or acknowledged");
  p.show_growth(before, after, seen::bytes_acked, "bytes that were sent and acknowledged");
  p.show(after, seen::notsent_bytes, "written and not sent yet");
  if (after.or_zero(seen::app_limited) != 0)
    p.show(after, seen::app_limited, "the kernel says so as well");
}

}  // namespace tcpinfo::analysis::why
