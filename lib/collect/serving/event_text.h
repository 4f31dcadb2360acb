// SPDX-License-Identifier: Apache-2.0
//
// From a notice to its line.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_TEXT_H
#define TCPINFO_COLLECT_SERVING_EVENT_TEXT_H

#include <array>
#include <string_view>
#include <vector>

#include "collect/owners/owner.h"
#include "collect/serving/event_queue.h"
#include "collect/writing/uuid_prefixes.h"

namespace tcpinfo::collect {

/// One thread.
class event_text {
 public:
  /// The prefixes outlive it.
  explicit event_text(const uuid_prefixes& prefixes) noexcept : prefixes_(prefixes) {}
  /// The line with its newline, valid until the next call; empty where the time cannot be written.
  /// @param owner null: not told
  /// Throws std::bad_alloc.
  [[nodiscard]] std::string_view line(const flow_notice& notice, const connection_owner* owner) {
    flow_event e;
    e.kind = notice.kind;
    e.time = timestamp::from_unix_nanoseconds(notice.time_ns);
    e.uuid = {uuid_.data(), format_uuid(prefixes_.get(notice.prefix), notice.id.cookie, uuid_)};
    e.has_id = notice.kind == flow_event_kind::opened ? 1 : 0;
    e.id = notice.id;
    if (owner != nullptr) {
      e.cgroup = owner->cgroup;
      e.owner = owner_found_name(owner->how);
      e.pid = owner->pid;
      e.comm = owner->comm;
      e.executable = owner->executable;
    }
    if (const std::size_t most = max_flow_event_size(e); text_.size() < most) text_.resize(most);
    std::size_t size = 0;
    if (encode_flow_event(text_, size, e)) return {};
    return {text_.data(), size};
  }

 private:
  const uuid_prefixes& prefixes_;
  std::array<char, max_uuid_size> uuid_{};
  std::vector<char> text_;
};

}  // namespace tcpinfo::collect

#endif
