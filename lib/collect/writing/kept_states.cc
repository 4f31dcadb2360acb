// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/kept_states.h"

#include <tcpinfo/message.h>

#include <cstring>

#include "analysis/records_summary.h"
#include "analysis/seen_message.h"

namespace tcpinfo::collect {
namespace {

constexpr std::size_t message_size = wire::inet_diag_msg_size;

analysis::seen_message seen(bytes_view message, bytes_view info, std::int64_t time_ns,
                            std::uint32_t carried) noexcept {
  analysis::seen_message s;
  s.m = tcpinfo::message{message};
  if (!info.empty()) s.info = info;
  s.time = analysis::packed_time::of_raw(time_ns);
  s.carried = carried;
  return s;
}

}  // namespace

void kept_states::keep(const snapshot_header& header, bytes_view message, bytes_view info) {
  const bool same_state =
      !bytes_.empty() && bytes_[last_ + sizeof(head) + wire::state_at] == message[wire::state_at];
  const std::size_t at = same_state ? last_ : bytes_.size();
  bytes_.resize(at + sizeof(head) + message_size + info.size());
  last_ = at;
  const head about{header.time_ns, header.carried, static_cast<std::uint32_t>(info.size())};
  std::byte* const to = bytes_.data() + last_;
  std::memcpy(to, &about, sizeof about);
  std::memcpy(to + sizeof about, message.data(), message_size);
  if (!info.empty()) std::memcpy(to + sizeof about + message_size, info.data(), info.size());
}

bytes_view kept_states::first() const noexcept {
  return bytes_.empty() ? bytes_view() : bytes_view(bytes_).subspan(sizeof(head), message_size);
}

analysis::closing kept_states::end(const snapshot_header& header, bytes_view message,
                                   bytes_view info) const {
  analysis::records_summary all(analysis::quantiles::usual);
  for (std::size_t at = 0; at < bytes_.size();) {
    head about;
    std::memcpy(&about, bytes_.data() + at, sizeof about);
    const bytes_view whole = bytes_view(bytes_).subspan(at + sizeof about);
    all.add(seen(whole.first(message_size), whole.subspan(message_size, about.info_size),
                 about.time_ns, about.carried));
    at += sizeof about + message_size + about.info_size;
  }
  analysis::seen_message last = seen(message, info, header.time_ns, header.carried);
  if (header.ended_ns != 0) last.ended = analysis::packed_time::of_raw(header.ended_ns);
  all.add(last);
  return all.closed();
}

}  // namespace tcpinfo::collect
