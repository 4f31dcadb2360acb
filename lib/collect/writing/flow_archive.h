// SPDX-License-Identifier: Apache-2.0
//
// The archive that a connection's records go to: its name, and what its metadata record says.
#ifndef TCPINFO_COLLECT_WRITING_FLOW_ARCHIVE_H
#define TCPINFO_COLLECT_WRITING_FLOW_ARCHIVE_H

#include <tcpinfo/archive.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "collect/owners/owner_book.h"
#include "collect/writing/recorded_netns.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

/// When the connection began to open; the zero time where its first snapshot does not tell.
[[nodiscard]] inline timestamp opening_of(const snapshot_header& first) noexcept {
  return first.opened_ns == 0 ? timestamp() : timestamp::from_unix_nanoseconds(first.opened_ns);
}

struct flow_archive {
  std::uint64_t cookie = 0;
  timestamp first_seen;
  timestamp opened;  ///< zero: not told
  std::uint64_t sequence = 0;
  std::uint16_t prefix = 0;  ///< number of its UUID prefix
  std::shared_ptr<recorded_netns> netns;
  std::int64_t file_date_ns = 0;  ///< whose UTC date names the folder, since 1970
  bool finals_only = false;       ///< its final record alone is kept
  owner_pointer owner;            ///< null: not known, or not asked for
  owner_clues clues;

  /// At the connection's first snapshot.
  void begin(const snapshot_header& first, std::shared_ptr<recorded_netns> where) noexcept {
    cookie = first.cookie;
    prefix = first.prefix;
    netns = std::move(where);
    first_seen = timestamp::from_unix_nanoseconds(first.time_ns);
    opened = opening_of(first);
    file_date_ns = first.time_ns;
    finals_only = first.finals_only != 0;
  }

  /// At its first message, and before what is known is written: whose it is, where that is asked
  /// for. @return whether it is told now, and was not before, or not so.
  bool find_owner(owner_book* book, bytes_view message = {}) noexcept {
    if (book == nullptr || (owner != nullptr && is_settled(owner->how))) return false;
    if (!message.empty()) clues.add({message});
    try {
      owner_pointer found = book->find(clues, owner);
      if (found == owner) return false;
      owner = std::move(found);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }
  void forget_owner() noexcept {
    owner = nullptr;
    clues = {};
  }
};

}  // namespace tcpinfo::collect

#endif
