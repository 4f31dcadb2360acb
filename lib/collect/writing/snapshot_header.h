// SPDX-License-Identifier: Apache-2.0
//
// A sampler tells a writer this of a snapshot, besides the message.
#ifndef TCPINFO_COLLECT_WRITING_SNAPSHOT_HEADER_H
#define TCPINFO_COLLECT_WRITING_SNAPSHOT_HEADER_H

#include <cstdint>

namespace tcpinfo::collect {

enum class snapshot_kind : std::uint8_t {
  data = 0,                 ///< a message seen in a poll
  reused = 1,               ///< the same, and the cookie now belongs to another connection
  final = 2,                ///< a destroy event's message: the last of its cookie
  ended_without_event = 3,  ///< no destroy event: it is detached, or excluded; no message
  reused_final = 4,  ///< a destroy event's message of another connection than the last message's
  /// The first message of a connection of which the final one alone is recorded, perhaps in place
  /// of another connection of its cookie: not recorded.
  followed = 5,
};

/// Whether the snapshot is the first of a connection that uses another's cookie.
[[nodiscard]] constexpr bool begins_reuse(snapshot_kind kind) noexcept {
  return kind == snapshot_kind::reused || kind == snapshot_kind::reused_final;
}
/// Whether nothing more comes of the connection.
[[nodiscard]] constexpr bool ends_connection(snapshot_kind kind) noexcept {
  return kind == snapshot_kind::final || kind == snapshot_kind::reused_final ||
         kind == snapshot_kind::ended_without_event;
}

/// In the queue it is followed by the message's bytes.
struct snapshot_header {
  std::uint32_t size = 0;  ///< of the message
  snapshot_kind kind = snapshot_kind::data;
  /// 1 where the connection may be older than its first snapshot, as in a sampler's first poll:
  /// what it did before is not known.
  std::uint8_t may_be_old = 0;
  std::uint16_t prefix = 0;  ///< number of the UUID prefix in force (uuid_prefixes)
  std::uint64_t cookie = 0;
  std::uint64_t poll = 0;    ///< or no_poll
  std::int64_t time_ns = 0;  ///< since 1970
  /// When the connection began to open, since 1970, in its first snapshot where an event told; else
  /// 0.
  std::int64_t opened_ns = 0;
  /// When the connection ended, since 1970, in its final snapshot where that is known; else 0.
  std::int64_t ended_ns = 0;
  /// Number of the network namespace (netns_registry).
  std::uint32_t netns = 0;
  std::uint32_t carried = 0;      ///< as flow_update::carried
  std::uint32_t thinned = 0;      ///< as record_extras::thinned
  std::uint32_t finals_only = 0;  ///< 1 where the final record alone is kept of the connection
};

}  // namespace tcpinfo::collect

#endif
