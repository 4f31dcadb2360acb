// SPDX-License-Identifier: Apache-2.0
//
// Turns .part files into complete ones: rewrites those made of many small frames, waits until the
// content is on stable storage, and renames. On a thread of its own, for stable storage is slow and
// writers must not wait for it. Leftovers of an earlier run take the same way, salvaged first.
#ifndef TCPINFO_COLLECT_WRITING_FINALIZER_H
#define TCPINFO_COLLECT_WRITING_FINALIZER_H

#include <tcpinfo/zstd.h>

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/os/os.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/statistics.h"
#include "common/kernel_release.h"

namespace tcpinfo::collect {

/// A .part file that is to be completed.
struct completion {
  std::string part;              ///< its path
  std::uint64_t size = 0;        ///< what we wrote to it; a leftover's is found by salvage
  std::uint64_t text_bytes = 0;  ///< what its frames hold
  std::uint64_t frames = 0;
  bool copied = false;    ///< a copy of its records is to be published in its place
  bool leftover = false;  ///< its writer died, or it is not as it was written: salvage first
  bool damaged = false;   ///< the copy holds its whole frames; it is set aside after that
  bool again = false;     ///< an earlier try failed
  /// It could not be synced once. The system then takes its pages for clean although the disk has
  /// not got them, and the next sync says nothing: only a copy can be believed.
  bool doubtful = false;
  std::uint64_t copy_size = 0;
  std::uint64_t copy_frames = 0;
};

/// Whether syncfs(2) of this kernel (its release, as uname -r) tells of failed writes: since 5.8.
[[nodiscard]] bool syncfs_tells_faults(std::string_view release) noexcept;

/// So many files wait at most for the finalizer; on a disk that stands still that would be memory
/// without end.
inline constexpr std::size_t queue_limit = 250'000;

class finalizer {
 public:
  finalizer(os& system, statistics& counts, std::string output, int level,
            std::string_view release = kernel_release());
  ~finalizer() { finish(); }
  finalizer(const finalizer&) = delete;
  finalizer& operator=(const finalizer&) = delete;

  /// @return why there is no thread for it.
  [[nodiscard]] std::error_code start();
  /// Any thread. Beyond queue_limit a file is left to the next start, counted and said.
  void add(completion job);
  /// The leftovers of earlier runs, which that limit does not concern: they are as many as they
  /// are, and no more come.
  void add(std::vector<completion> jobs);
  /// Completes what was added and ends the thread.
  void finish();

 private:
  enum class outcome {
    go_on,  ///< to the next step
    done,   ///< nothing is left to do
    retry,
  };
  struct found_frames;

  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void complete(std::list<completion>& batch) noexcept;
  template <class Step>
  void each(std::list<completion>& batch, Step step) noexcept;
  [[nodiscard]] outcome prepare(completion& job);
  [[nodiscard]] outcome salvage(completion& job);
  [[nodiscard]] outcome resolve(completion& job);
  [[nodiscard]] outcome set_aside(const completion& job, std::string_view what);
  [[nodiscard]] outcome finish_one(completion& job, bool synced);
  [[nodiscard]] outcome publish(completion& job);
  [[nodiscard]] outcome fail(const completion& job, std::string_view deed, std::error_code ec);
  [[nodiscard]] std::error_code look(const std::string& part, found_frames& out);
  [[nodiscard]] std::error_code same_content(const std::string& part, std::uint64_t content,
                                             const std::string& complete, bool& same);
  [[nodiscard]] std::error_code same_bytes(const std::string& a, const std::string& b, bool& same);
  [[nodiscard]] std::error_code copy_frames(const completion& job);
  [[nodiscard]] std::error_code rewrite(completion& job, bool& unreadable);
  [[nodiscard]] std::error_code append_frame(const std::string& path, std::string_view text,
                                             std::uint64_t& size);
  [[nodiscard]] bool is_gone(const std::string& path);
  void count_completed(const completion& job) noexcept;
  void give_up(const completion& job) noexcept;
  [[nodiscard]] std::error_code open(const std::string& path, descriptor& out);
  void tell_leftovers(bool last) noexcept;

  os& system_;
  statistics& counts_;
  const std::string output_;
  const int level_;
  const bool sync_all_;

  stream_reader reader_;
  frame_writer frames_;
  std::vector<std::byte> frame_;
  std::vector<char> text_;
  log_limit fail_limit_;
  log_limit vanish_limit_;
  log_limit give_up_limit_;
  log_limit rewrite_limit_;
  log_limit set_aside_limit_;
  log_limit leftovers_limit_;
  std::uint64_t leftovers_ = 0;
  std::uint64_t leftover_bytes_cut_ = 0;
  // Lists, for a job that moves from one to another needs no memory, which may be what is short.
  std::list<completion> failed_;  // to be tried again
  std::int64_t retry_at_ns_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<completion> queue_;
  bool finishing_ = false;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
