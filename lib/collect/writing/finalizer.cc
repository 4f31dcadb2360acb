// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/finalizer.h"

#include <iterator>
#include <limits>
#include <new>
#include <utility>

#include "collect/os/thread.h"

namespace tcpinfo::collect {
namespace {

// From here on one sync of the file system is cheaper than one for each file.
constexpr std::size_t many_files = 64;
// So many files wait for another try at most; on a disk that takes none that would be memory
// without end.
constexpr std::size_t failed_limit = 100'000;
// A file that failed is tried again after this long: disks get room, networks come back.
constexpr std::int64_t retry_pause_ns = 10'000'000'000;

}  // namespace

bool syncfs_tells_faults(std::string_view release) noexcept {
  const auto version = version_of_release(release);
  return version && *version >= kernel_version{5, 8};
}

finalizer::finalizer(os& system, statistics& counts, std::string output, int level,
                     std::string_view release)
    : system_(system),
      output_(std::move(output)),
      sync_all_(syncfs_tells_faults(release)),
      report_(system, counts),
      salvage_(system, report_),
      rewriter_(system, level) {}

std::error_code finalizer::start() {
  return system_.start_thread(
      [this] {
        name_this_thread("finalizer");
        run();
      },
      thread_);
}

void finalizer::add(part_file file) {
  std::list<part_file> one;
  one.push_back(std::move(file));
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < queue_limit) {
      queue_.splice(queue_.end(), one);
      changed_.notify_one();
    }
  }
  if (!one.empty()) report_.gave_up(one.front());
}

void finalizer::add(std::vector<part_file> files) {
  std::list<part_file> all(std::move_iterator(files.begin()), std::move_iterator(files.end()));
  const std::lock_guard lock(mutex_);
  queue_.splice(queue_.end(), all);
  changed_.notify_one();
}

void finalizer::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void finalizer::wait_for_work(std::unique_lock<std::mutex>& lock) {
  constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  while (!finishing_ && queue_.empty()) {
    const std::int64_t until_ns = failed_.empty() ? never : retry_at_ns_;
    if (system_.monotonic_ns() >= until_ns) return;
    system_.wait(changed_, lock, until_ns);
  }
}

void finalizer::run() {
  std::list<part_file> batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_work(lock);
    const bool last = finishing_ && queue_.empty();
    // All that came meanwhile is one batch: the busier, the fewer syncs a file.
    batch.splice(batch.end(), queue_);
    lock.unlock();
    // However many files are new, those that failed have their turn.
    if (last || system_.monotonic_ns() >= retry_at_ns_) batch.splice(batch.end(), failed_);
    const bool waiting = !failed_.empty();
    finalize(batch);
    if (!waiting) retry_at_ns_ = system_.monotonic_ns() + retry_pause_ns;
    lock.lock();
    if (last && queue_.empty()) break;
  }
  lock.unlock();
  for (const part_file& file : failed_) report_.gave_up(file);
  failed_.clear();
  report_.tell_leftovers(true);
}

// Takes files that are done with, or must wait, out of the batch. Whatever happens to one, the
// others and the process go on.
template <class Step>
void finalizer::each(std::list<part_file>& batch, Step step) noexcept {
  for (auto next = batch.begin(); next != batch.end();) {
    const auto file = next++;
    auto result = next_step::retry;
    try {
      result = step(*file);
    } catch (const std::bad_alloc&) {
      report_.out_of_memory(*file);
    }
    if (result == next_step::go_on) continue;
    file->copied = file->damaged = false;
    file->again = true;
    if (result == next_step::retry && failed_.size() < failed_limit) {
      failed_.splice(failed_.end(), batch, file);
      continue;
    }
    if (result == next_step::retry) report_.gave_up(*file);
    batch.erase(file);
  }
}

void finalizer::finalize(std::list<part_file>& batch) noexcept {
  each(batch, [this](part_file& file) { return prepare(file); });
  bool synced = false;
  try {
    synced = sync_all_ && batch.size() >= many_files && !system_.sync_file_system(output_);
  } catch (const std::bad_alloc&) {
    // Then one by one.
  }
  each(batch, [this, synced](part_file& file) {
    const auto result = synced ? next_step::go_on : make_durable(file);
    return result == next_step::go_on ? publish(file) : result;
  });
  report_.tell_leftovers(false);
}

next_step finalizer::prepare(part_file& file) {
  // Of an earlier try.
  (void)system_.remove(copy_name(file));
  if (file.leftover || file.again) {
    bool taken = false;
    if (const auto ec = system_.exists(complete_name(file), taken))
      return report_.failed(file, "read", ec);
    if (taken) return salvage_.resolve(file);
  }
  if (!file.leftover) {
    std::uint64_t size = 0;
    if (const auto ec = system_.size(file.path, size)) return report_.failed(file, "read", ec);
    file.leftover = size != file.size;
  }
  if (file.leftover)
    if (const auto result = salvage_.examine(file); result != next_step::go_on || file.damaged)
      return result;
  if (!file.doubtful && !rewriter_.pays(file)) return next_step::go_on;
  bool unreadable = false;
  const auto ec = rewriter_.rewrite(file, unreadable);
  // One that came out no smaller is for nothing, unless a copy is needed.
  file.copied = !ec && (file.doubtful || file.copy_size < file.size);
  if (file.copied) return next_step::go_on;
  (void)system_.remove(copy_name(file));
  if (!ec) return next_step::go_on;
  if (is_damage(ec) && !file.leftover) {
    // It does not hold what was written to it.
    file.leftover = true;
    return prepare(file);
  }
  if (unreadable) return report_.failed(file, "read", ec);
  if (file.doubtful) return report_.failed(file, "copy", ec);
  // The file in small frames is whole; only disk space is lost.
  report_.not_rewritten(file, ec);
  return next_step::go_on;
}

next_step finalizer::make_durable(part_file& file) {
  const auto ec = system_.sync(file.copied ? copy_name(file) : file.path);
  if (!ec) return next_step::go_on;
  file.doubtful = true;
  return report_.failed(file, "sync", ec);
}

next_step finalizer::publish(part_file& file) {
  const std::string complete = complete_name(file);
  const std::string copy = copy_name(file);
  if (file.damaged) {
    // In this order, so that whatever fails in between, both the damaged file and a complete one
    // are there, and salvage::resolve() does the rest. (The folder's journal keeps the order, too.)
    if (const auto ec = system_.rename_new(copy, complete))
      return report_.failed(file, "rename", ec);
    report_.finalized(file);
    return salvage_.set_aside(file, "damaged");
  }
  // In two steps where there is a copy: at no moment are there two files that hold the same
  // records.
  if (file.copied) {
    if (const auto ec = system_.replace(copy, file.path)) return report_.failed(file, "rename", ec);
    file.copied = file.doubtful = false;
    file.size = file.copy_size;
    file.frames = file.copy_frames;
  }
  if (const auto ec = system_.rename_new(file.path, complete))
    return report_.failed(file, "rename", ec);
  report_.finalized(file);
  return next_step::done;
}

}  // namespace tcpinfo::collect
