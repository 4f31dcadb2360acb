// SPDX-License-Identifier: Apache-2.0
//
// From a notice to its line.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_TEXT_H
#define TCPINFO_COLLECT_SERVING_EVENT_TEXT_H

#include <array>
#include <string_view>

#include "collect/serving/event_queue.h"
#include "collect/writing/uuid_prefixes.h"

namespace tcpinfo::collect {

/// One thread.
class event_text {
 public:
  /// The prefixes outlive it.
  explicit event_text(const uuid_prefixes& prefixes) noexcept : prefixes_(prefixes) {}
  /// The line with its newline, valid until the next call; empty where the time cannot be written.
  [[nodiscard]] std::string_view line(const flow_notice& notice) noexcept {
    flow_event e;
    e.kind = notice.kind;
    e.time = timestamp::from_unix_nanoseconds(notice.time_ns);
    e.uuid = {uuid_.data(), format_uuid(prefixes_.get(notice.prefix), notice.id.cookie, uuid_)};
    e.has_id = notice.kind == flow_event_kind::opened ? 1 : 0;
    e.id = notice.id;
    std::size_t size = 0;
    if (encode_flow_event(text_, size, e)) return {};
    return {text_.data(), size};
  }

 private:
  const uuid_prefixes& prefixes_;
  std::array<char, max_uuid_size> uuid_{};
  // An event takes six characters for each of the UUID's at most, and some 320 more.
  std::array<char, 6 * max_uuid_size + 512> text_{};
};

}  // namespace tcpinfo::collect

#endif
