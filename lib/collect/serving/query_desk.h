// SPDX-License-Identifier: Apache-2.0
//
// Answers questions about connections while they are recorded: reads what is wanted out of a
// request's path, asks the writers, reads the files they name.
#ifndef TCPINFO_COLLECT_SERVING_QUERY_DESK_H
#define TCPINFO_COLLECT_SERVING_QUERY_DESK_H

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collect/serving/http_server.h"
#include "collect/writing/question.h"
#include "collect/writing/writer.h"

namespace tcpinfo::collect {

/// What a path names: /cookie/N (decimal, or hexadecimal behind 0x), /uuid/UUID, and
/// /ends/ADDRESS:PORT-ADDRESS:PORT, each with %XX for any byte.
struct named_flow {
  wanted_flow wanted;
  std::string uuid;  ///< that its records must have; empty: any
};
/// @return what is wrong with it, in one line; empty where `out` has it.
[[nodiscard]] std::string parse_query_path(std::string_view path, named_flow& out);

/// One thread at a time.
class query_desk {
 public:
  /// How long a writer may take to answer: it may be waiting for the disk.
  static constexpr std::chrono::milliseconds patience{2000};
  /// Between two questions at least: each may have a writer write a little early.
  static constexpr std::chrono::milliseconds pause{100};

  /// The writers outlive it.
  explicit query_desk(const std::vector<std::unique_ptr<writer>>& writers) : writers_(writers) {}

  /// 200 and the lines of an archive; 400 for a path that names nothing, 404 for a connection that
  /// is not known, or of which no record is at hand, 503 where a writer has no time or no memory.
  /// Throws std::bad_alloc.
  [[nodiscard]] http_answer answer(std::string_view path);
  /// From here on nobody is answered. Any thread.
  void end() noexcept { ends_.store(true, std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::optional<std::vector<recent_answer>> ask(const wanted_flow& wanted);

  const std::vector<std::unique_ptr<writer>>& writers_;
  std::chrono::steady_clock::time_point next_{};
  std::atomic<bool> ends_{false};
};

}  // namespace tcpinfo::collect

#endif
