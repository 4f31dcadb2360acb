// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/captures/capture_records.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "offline/inputs/captures/byte_order.h"

namespace tcpinfo::offline {

bool capture_records::open(byte_source& from, bool bare) {
  from_ = &from;
  context_ = context_without_uuid(faults_.file());
  number_ = 0;
  const std::string wrong = messages_.open(from, bare);
  if (!wrong.empty()) faults_.tell(0, wrong);
  return wrong.empty();
}

void capture_records::take(const netlink_message& n, const message& m, input_record& out) {
  out.context = context_;
  out.line = ++number_;
  out.parsed = nullptr;
  out.of_capture = true;
  // The reader's memory is that of one packet: who keeps the record keeps its bytes.
  auto bytes = std::make_shared<std::vector<std::byte>>();
  if (n.other_order) {
    out.m = turn_kernel_message(m, context_->layout, *bytes);
  } else {
    bytes->assign(n.payload.begin(), n.payload.end());
    (void)message::from(*bytes, out.m);
  }
  out.held = std::move(bytes);
  out.is_metadata = out.begins_archive = out.goes_on = false;
  out.has_message = true;
  out.time = n.has_time ? timestamp::from_unix_nanoseconds(n.time_ns) : timestamp{};
  out.poll = no_poll;
  out.ended = {};
  out.carried = 0;
  out.thinned = 0;
}

bool capture_records::next(input_record& out) {
  netlink_message n;
  std::string what;
  while (!faults_.stopped()) {
    switch (messages_.next(n, what)) {
      case capture_step::fault:
        // It may be why the input ended.
        if (what == from_->fault()) faults_.cause_was_told(what);
        faults_.tell(0, what);
        continue;
      case capture_step::end:
        faults_.tell_cause(0, from_->fault());
        return false;
      case capture_step::message:
        break;
    }
    if (n.kind != message_kind::response) continue;
    message m;
    if (message::from(n.payload, m)) continue;  // a short one is a fault already
    // Other families of sock_diag (unix, netlink, packet) have messages of their own.
    if (m.family() != address_family::ipv4 && m.family() != address_family::ipv6) continue;
    take(n, m, out);
    return true;
  }
  return false;
}

}  // namespace tcpinfo::offline
