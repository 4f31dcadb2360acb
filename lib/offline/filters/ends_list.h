// SPDX-License-Identifier: Apache-2.0
//
// The connections asked for by their ends, and which of them were met.
#ifndef TCPINFO_OFFLINE_FILTERS_ENDS_LIST_H
#define TCPINFO_OFFLINE_FILTERS_ENDS_LIST_H

#include <tcpinfo/inetdiag.h>

#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "offline/inputs/inputs.h"
#include "text/endpoints.h"

namespace tcpinfo::offline {

/// Copies share what was met: each worker has one. Any thread.
class ends_list {
 public:
  struct item {
    text::endpoint_pair ends;
    std::string typed;  ///< as messages call it
  };

  ends_list() = default;
  explicit ends_list(const std::vector<item>& items);

  [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
  /// Whether a connection has these ends, in either order. Notes which of them it has.
  [[nodiscard]] bool holds(const socket_id& id) const;
  /// Those that no connection had, as they were typed and in the order in which they were given.
  [[nodiscard]] std::vector<std::string> unmet() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;  // null for none
};

/// Says which records are of connections that are named by their ends. Remembers the connections
/// that it met, because the last record of one that was aborted here has no remote port. One for
/// each reader.
class ends_filter {
 public:
  explicit ends_filter(ends_list ends) : ends_(std::move(ends)) {}

  /// Whether a record with a message is of one. Show it every record, in order.
  [[nodiscard]] bool wants(const input_record& r);

 private:
  ends_list ends_;
  std::unordered_set<std::string> met_;  // connection_key() of each
};

}  // namespace tcpinfo::offline

#endif
