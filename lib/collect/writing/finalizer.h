// SPDX-License-Identifier: Apache-2.0
//
// Makes .part files complete ones: rewrites those made of many small frames, waits until the
// content is on stable storage, and renames. On a thread of its own, because stable storage is slow
// and writers must not wait for it. Leftovers of a former run take the same way, salvaged first.
#ifndef TCPINFO_COLLECT_WRITING_FINALIZER_H
#define TCPINFO_COLLECT_WRITING_FINALIZER_H

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "collect/os/os.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/finalize_report.h"
#include "collect/writing/frame_rewriter.h"
#include "collect/writing/part_file.h"
#include "collect/writing/salvage.h"
#include "common/kernel_release.h"

namespace tcpinfo::collect {

/// Whether syncfs(2) of this kernel (its release, as uname -r) tells of failed writes: since 5.8.
[[nodiscard]] bool syncfs_tells_faults(std::string_view release) noexcept;

/// So many files wait at most for the finalizer; on a disk that stands still that would be memory
/// without end.
inline constexpr std::size_t queue_limit = 250'000;

class finalizer {
 public:
  /// `system` and `counts` outlive it. `level`: of compression, where a file is rewritten.
  finalizer(os& system, statistics& counts, std::string output, int level,
            std::string_view release = kernel_release());
  /// Segments keep the blocks that were written, small as they are. Before start().
  void keep_blocks() noexcept { rewriter_.keep_blocks(); }
  ~finalizer() { finish(); }
  finalizer(const finalizer&) = delete;
  finalizer& operator=(const finalizer&) = delete;

  /// @return why there is no thread for it.
  [[nodiscard]] std::error_code start();
  /// Any thread. Beyond queue_limit a file is left to the next start, counted and said.
  void add(part_file file);
  /// The leftovers of former runs, which that limit does not concern: they are as many as they
  /// are, and no more come.
  void add(std::vector<part_file> files);
  /// Finalizes what was added and ends the thread.
  void finish();

 private:
  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void finalize(std::list<part_file>& batch) noexcept;
  template <class Step>
  void each(std::list<part_file>& batch, Step step) noexcept;
  [[nodiscard]] next_step prepare(part_file& file);
  [[nodiscard]] next_step make_durable(part_file& file);
  [[nodiscard]] next_step publish(part_file& file);

  os& system_;
  const std::string output_;
  const bool sync_all_;
  finalize_report report_;
  salvage salvage_;
  frame_rewriter rewriter_;
  // Lists, because a file that goes from one to another needs no memory, which may be short.
  std::list<part_file> failed_;  // to be tried again
  std::int64_t retry_at_ns_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<part_file> queue_;
  bool finishing_ = false;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
