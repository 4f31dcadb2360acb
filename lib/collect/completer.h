// SPDX-License-Identifier: Apache-2.0
//
// Turns .part files into complete ones: rewrites those made of many small frames, waits until the
// content is on stable storage, and renames. On a thread of its own, for stable storage is slow and
// writers must not wait for it. Leftovers of an earlier run take the same way, salvaged first.
#ifndef TCPINFO_COLLECT_COMPLETER_H
#define TCPINFO_COLLECT_COMPLETER_H

#include <tcpinfo/zstd.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collect/log.h"
#include "collect/os.h"
#include "collect/statistics.h"

namespace tcpinfo::collect {

/// A .part file that is to be completed.
struct completion {
  std::string part;              ///< its path
  std::uint64_t size = 0;        ///< what we wrote to it; a leftover's is found by salvage
  std::uint64_t text_bytes = 0;  ///< what its frames hold
  std::uint64_t frames = 0;
  bool copied = false;    ///< a copy of its records is to be published in its place
  bool leftover = false;  ///< its writer died, or could not end a frame: salvage first
};

class completer {
 public:
  completer(os& system, statistics& counts, std::string output, int level);
  ~completer() { finish(); }
  completer(const completer&) = delete;
  completer& operator=(const completer&) = delete;

  void start();
  /// Any thread.
  void add(completion job);
  void add(std::vector<completion> jobs);
  /// Completes what was added and ends the thread.
  void finish();

 private:
  void run();
  void complete(std::vector<completion>& batch);
  [[nodiscard]] bool prepare(completion& job);
  [[nodiscard]] bool salvage(completion& job);
  [[nodiscard]] bool set_aside(completion& job, std::string_view what, bool has_frames);
  [[nodiscard]] std::error_code copy_frames(const completion& job);
  [[nodiscard]] std::error_code rewrite(const completion& job);
  [[nodiscard]] std::error_code publish(const completion& job);
  [[nodiscard]] std::error_code append_frame(const std::string& path, std::string_view text,
                                             std::uint64_t& size);
  void fail(completion& job, std::string_view deed, std::error_code ec);
  void give_up();
  void tell_leftovers();

  os& system_;
  statistics& counts_;
  const std::string output_;
  const int level_;

  stream_reader reader_;
  frame_writer frames_;
  std::vector<std::byte> frame_;
  std::vector<char> text_;
  log_limit limit_;
  std::uint64_t leftovers_ = 0;
  std::uint64_t leftover_bytes_cut_ = 0;
  std::uint64_t leftovers_empty_ = 0;
  std::vector<completion> failed_;  // to be tried again

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<completion> queue_;
  bool finishing_ = false;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
