// SPDX-License-Identifier: Apache-2.0
//
// The connections of a writer as somebody names them who asks (question.h): the ends of those that
// are open, and for a minute those of the ones that have ended.
#ifndef TCPINFO_COLLECT_WRITING_KNOWN_FLOWS_H
#define TCPINFO_COLLECT_WRITING_KNOWN_FLOWS_H

#include <tcpinfo/bytes.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collect/writing/question.h"
#include "collect/writing/recorded_netns.h"
#include "text/endpoints.h"

namespace tcpinfo::collect {

/// One thread's. Takes some 130 bytes a connection; for want of memory it knows fewer.
class known_flows {
 public:
  static constexpr std::int64_t kept_ns = 60'000'000'000;
  static constexpr std::size_t most_ended = 10'000;

  struct known {
    text::endpoint_pair ends;   ///< as they are recorded: anonymized, where records are
    std::uint64_t number = 0;   ///< in the order in which they began
    std::int64_t ended_ns = 0;  ///< monotonic; 0: it is open
    std::string file;           ///< of one that ended, where it has a file of its own
  };

  /// `message` is the first of the connection, or of another one that uses its cookie.
  void see(std::uint64_t cookie, recorded_netns& netns, bytes_view message) noexcept;
  /// `file`: the complete name of the one that its last records are in; empty where there is none.
  void end(std::uint64_t cookie, std::string_view file, std::int64_t now_ns) noexcept;
  /// The cookies of what is wanted, most_asked_flows at most, the latest first. Throws
  /// std::bad_alloc.
  [[nodiscard]] std::vector<std::uint64_t> find(const wanted_flow& wanted, std::int64_t now_ns);
  /// Null where it is not known.
  [[nodiscard]] const known* of(std::uint64_t cookie) const noexcept;

 private:
  void forget_old(std::int64_t now_ns) noexcept;

  struct ended {
    std::uint64_t cookie;
    std::int64_t ended_ns;
  };
  std::unordered_map<std::uint64_t, known> all_;
  std::deque<ended> ended_;  // those that were seen again are stale
  std::uint64_t last_number_ = 0;
};

}  // namespace tcpinfo::collect

#endif
