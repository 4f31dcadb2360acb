// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/captures/capture_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tcpinfo::offline {

std::string capture_reader::open(byte_source& from, bool bare) {
  bare_ = bare;
  rest_ = {};
  datagrams_ = 0;
  told_none_ = false;
  if (!bare) return packets_.open(from);
  messages_.open(from);
  return {};
}

capture_step capture_reader::next(netlink_message& out, std::string& what) {
  if (bare_) return messages_.next(out, what);
  while (rest_.empty()) {
    const capture_step step = packets_.next(packet_, what);
    if (step == capture_step::end && datagrams_ == 0 && packets_.packets() != 0 &&
        !std::exchange(told_none_, true)) {
      what = fmt::format("none of its {} packets is of sock_diag", packets_.packets());
      return capture_step::fault;
    }
    if (step != capture_step::message) return step;
    ++datagrams_;
    rest_ = packet_.datagram;
  }
  const message_start start = rest_.size() >= netlink_header_size
                                  ? start_of_message(rest_.data(), rest_.size())
                                  : message_start{};
  const auto fail = [&](std::string_view why) {
    what = fmt::format("packet {}: {}", packet_.number, why);
    return capture_step::fault;
  };
  if (!is_plausible_length(start.length, rest_.size())) {
    rest_ = {};  // nothing tells where the next message begins
    return fail(bad_message_length);
  }
  const std::string_view wrong = parse_message(rest_.first(start.length), start, out);
  rest_ = rest_.subspan(std::min<std::size_t>(wire::align4(start.length), rest_.size()));
  out.has_time = packet_.has_time;
  out.time_ns = packet_.time_ns;
  return wrong.empty() ? capture_step::message : fail(wrong);
}

}  // namespace tcpinfo::offline
