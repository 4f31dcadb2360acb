// SPDX-License-Identifier: Apache-2.0
//
// What somebody asks of the records of a connection while they are written, and what a writer
// answers: what it holds itself, and where the rest lies. The asker reads the files; the writer
// does no more than it would do a little later anyway.
#ifndef TCPINFO_COLLECT_WRITING_QUESTION_H
#define TCPINFO_COLLECT_WRITING_QUESTION_H

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/endpoints.h"

namespace tcpinfo::collect {

/// Records that an answer has at most, of all connections in it.
inline constexpr std::size_t most_asked_records = 1000;
/// Connections that an answer has at most, where ends were named: those that began last.
inline constexpr std::size_t most_asked_flows = 16;

/// Which connection is asked for: by its cookie, or by its ends.
struct wanted_flow {
  std::uint64_t cookie = 0;
  std::optional<text::endpoint_pair> ends = {};
};

/// A file of records. While it is written its name has `.part` behind it.
struct asked_file {
  std::string complete;    ///< its name when it is complete
  std::uint64_t from = 0;  ///< byte at which whole frames begin that are of interest
  std::uint64_t size = 0;  ///< bytes of the `.part` that were written; 0: all there are
};

/// What one writer says. Of records that are in a file and in `lines` or `frames` only those of the
/// `.part` up to its size are meant: the complete file has them all.
struct recent_answer {
  struct flow {
    std::uint64_t cookie = 0;
    asked_file file;    ///< without a name where there is none, or many connections are in one
    std::string lines;  ///< the metadata record, and the latest records that wait
  };
  std::vector<flow> flows;
  std::vector<asked_file> shared;  ///< files of many connections, the oldest first
  std::vector<std::byte> frames;   ///< that the last of these does not have yet
};

/// Shared by who asks and the writer, so that either may go first.
class question {
 public:
  explicit question(wanted_flow about) : wanted(std::move(about)) {}

  const wanted_flow wanted;

  /// The writer's. nullopt: it cannot say, for want of memory.
  void settle(std::optional<recent_answer> said) noexcept {
    {
      const std::lock_guard lock(mutex_);
      said_ = std::move(said);
      settled_ = true;
    }
    changed_.notify_one();
  }
  /// The asker's. @return nullopt where no answer came in that time, or none could be given.
  [[nodiscard]] std::optional<recent_answer> await(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return settled_; });
    return std::move(said_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool settled_ = false;
  std::optional<recent_answer> said_;
};

}  // namespace tcpinfo::collect

#endif
