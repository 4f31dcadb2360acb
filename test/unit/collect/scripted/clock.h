// SPDX-License-Identifier: Apache-2.0
//
// Time of a test: a clock that only waiting moves, and threads that wait by it.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_CLOCK_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_CLOCK_H

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "collect/os/os.h"

class scripted_clock : public tcpinfo::collect::os {
 public:
  std::atomic<std::int64_t> realtime{1'600'000'000'000'000'000};
  /// How long the machine has slept; moves the wall clock, too.
  std::atomic<std::int64_t> slept{0};
  /// Processor time used.
  std::atomic<std::int64_t> processor{0};
  /// Whether wait() says of its descriptors that nothing has come.
  std::atomic<bool> silent{false};
  /// How many threads have done what they were started for.
  std::atomic<int> threads_ended{0};
  /// Asked for each thread, on the one that starts it: an errno, or 0 and there is one.
  std::function<int()> thread_errno;

  std::int64_t realtime_ns() noexcept override { return realtime + clock_ + slept; }
  std::int64_t monotonic_ns() noexcept override { return clock_; }
  std::int64_t boottime_ns() noexcept override { return clock_ + slept; }
  std::int64_t processor_ns() noexcept override { return processor; }
  readable wait(int, int, std::int64_t until_ns) noexcept override {
    // Time passes only here, so each poll takes none.
    std::int64_t now = clock_;
    while (now < until_ns && !clock_.compare_exchange_weak(now, until_ns)) continue;
    // Where others wait for what another thread does.
    std::this_thread::yield();
    if (silent) return {};
    // Its descriptors tell nothing: whatever may have come is looked for.
    return {true, true};
  }
  // By the script's clock, and never for long.
  void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
            std::int64_t until_ns) noexcept override {
    constexpr std::chrono::milliseconds look_again{1};
    if (clock_ >= until_ns) return;
    if (is_writer()) {
      // What was asked for since it looked last it has heard only now: it rests when it waits the
      // next time.
      const std::lock_guard resting(rest_mutex_);
      rested_ = std::exchange(heard_, rests_asked_);
      rest_changed_.notify_all();
    }
    // Not until then: a notification that comes as the time ends may be told as neither.
    changed.wait_for(lock, look_again);
  }
  /// Waits until the writer has done all that it has to do by now: what was pushed before is taken,
  /// what is due is written or has failed. For a run with one writer, on its sampler's thread.
  void let_writer_rest() {
    std::unique_lock resting(rest_mutex_);
    const int asked = ++rests_asked_;
    rest_changed_.wait(resting, [&] { return rested_ >= asked; });
  }
  std::error_code start_thread(std::function<void()> body, std::thread& out) noexcept override {
    if (const int error = thread_errno ? thread_errno() : 0) return {error, std::system_category()};
    return real_->start_thread(
        [this, body = std::move(body)] {
          body();
          ++threads_ended;
        },
        out);
  }

 protected:
  /// For what is not scripted.
  [[nodiscard]] tcpinfo::collect::os& real() noexcept { return *real_; }

 private:
  // The finalizer and the retention wait on a condition variable, too.
  static bool is_writer() noexcept {
    char name[16] = "";
    return ::pthread_getname_np(::pthread_self(), name, sizeof name) == 0 &&
           std::string_view(name) == "writer";
  }

  const std::unique_ptr<tcpinfo::collect::os> real_ = tcpinfo::collect::make_linux_os({});
  // An hour after the start of the machine: longer than any age of a file in the tests.
  std::atomic<std::int64_t> clock_{3'600'000'000'000};
  std::mutex rest_mutex_;
  std::condition_variable rest_changed_;
  // Calls of let_writer_rest(): all, those the writer knew of when it waited last, those done.
  int rests_asked_ = 0;
  int heard_ = 0;
  int rested_ = 0;
};

#endif
