// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/output_lock.h"

namespace tcpinfo::collect {
namespace {

constexpr std::string_view lock_name = "/.tcpinfo-collect.lock";

}  // namespace

output_lock::output_lock(os& system, std::string output)
    : system_(system), output_(std::move(output)), path_(output_ + std::string(lock_name)) {}

std::error_code output_lock::take() {
  const std::lock_guard guard(mutex_);
  if (lock_ != nullptr && lock_->in_place()) return {};
  if (const auto ec = system_.make_directories(output_)) return ec;
  std::unique_ptr<held_lock> fresh;
  if (const auto ec = system_.lock(path_, fresh)) return ec;
  lock_ = std::move(fresh);
  if (!note_.empty()) (void)lock_->write_note(note_);
  return {};
}

std::error_code output_lock::check() {
  constexpr std::int64_t pause_ns = 1'000'000'000;
  const std::int64_t now_ns = system_.monotonic_ns();
  if (now_ns - checked_ns_.load(std::memory_order_relaxed) < pause_ns) return {};
  const auto ec = take();
  if (!ec) checked_ns_.store(now_ns, std::memory_order_relaxed);
  return ec;
}

std::error_code output_lock::read_note(std::string& out) {
  const std::lock_guard guard(mutex_);
  return lock_->read_note(out);
}

std::error_code output_lock::write_note(const std::string& text) {
  const std::lock_guard guard(mutex_);
  note_ = text;
  std::string there;
  if (!lock_->read_note(there) && there == text) return {};
  return lock_->write_note(text);
}

}  // namespace tcpinfo::collect
