// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/finalizer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <new>
#include <span>

#include "collect/os/thread.h"
#include "collect/writing/file_names.h"
#include "collect/writing/sequence_index.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// A frame that holds less compresses badly: two of 5 s of a slow connection cost twice what one
// does.
constexpr std::uint64_t small_frame = std::uint64_t{64} << 10;
// A file within one block of the disk takes no less room for being rewritten, while making and
// deleting a file for it costs ext4 up to a millisecond (it avoids inodes freed in the last
// minute).
constexpr std::uint64_t one_block = 4096;
// What a rewritten file's frames hold.
constexpr std::size_t large_frame = std::size_t{1} << 20;
// From here on one sync of the file system is cheaper than one for each file.
constexpr std::size_t many_files = 64;

// So many files wait for another try at most; on a disk that takes none that would be memory
// without end.
constexpr std::size_t failed_limit = 100'000;
// What failed is tried again after this long: disks get room, networks come back.
constexpr std::int64_t retry_pause_ns = 10'000'000'000;
// Of the names with .part.damaged that are tried, .2 and so on behind it.
constexpr int kept_names = 100;

bool pays_to_rewrite(const completion& job) noexcept {
  return job.size > one_block && job.frames > 1 && job.text_bytes / job.frames < small_frame;
}

std::string complete_name(const std::string& part) {
  return part.substr(0, part.size() - part_suffix.size());
}

std::string copy_name(const std::string& part) {
  return complete_name(part) + std::string(rewrite_suffix);
}

// The content is at fault, not the reading of it.
bool is_damage(const std::error_code& ec) noexcept {
  return ec == errc::truncated_frame || ec == errc::corrupt_frame || ec == errc::wrong_checksum ||
         ec == errc::window_too_large || ec == errc::dictionary_needed;
}

// Reads until `out` is full or the file ends.
std::error_code read_full(int fd, std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  while (n < out.size()) {
    const ssize_t got = ::read(fd, out.data() + n, out.size() - n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return last_error();
    if (got == 0) break;
    n += static_cast<std::size_t>(got);
  }
  return {};
}

// The same of a file's content.
std::error_code read_full(stream_reader& from, std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  while (n < out.size()) {
    std::size_t got = 0;
    if (const auto ec = from.read(out.subspan(n), got)) return ec;
    if (got == 0) break;
    n += got;
  }
  return {};
}

}  // namespace

struct finalizer::found_frames : frame_scan {
  std::uint64_t file_size = 0;
  [[nodiscard]] bool is_whole() const noexcept {
    return file_size > 0 && fault == errc::ok && is_zstd;
  }
};

bool syncfs_tells_faults(std::string_view release) noexcept {
  const auto version = version_of_release(release);
  return version && *version >= kernel_version{5, 8};
}

finalizer::finalizer(os& system, statistics& counts, std::string output, int level,
                     std::string_view release)
    : system_(system),
      counts_(counts),
      output_(std::move(output)),
      level_(level),
      sync_all_(syncfs_tells_faults(release)) {}

std::error_code finalizer::start() {
  return system_.start_thread(
      [this] {
        name_this_thread("finalizer");
        run();
      },
      thread_);
}

void finalizer::add(completion job) {
  std::list<completion> one;
  one.push_back(std::move(job));
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < queue_limit) {
      queue_.splice(queue_.end(), one);
      changed_.notify_one();
    }
  }
  if (!one.empty()) give_up(one.front());
}

void finalizer::add(std::vector<completion> jobs) {
  std::list<completion> all(std::move_iterator(jobs.begin()), std::move_iterator(jobs.end()));
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
  while (!finishing_ && queue_.empty()) {
    if (failed_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const std::int64_t left = retry_at_ns_ - system_.monotonic_ns();
    if (left <= 0) return;
    changed_.wait_for(lock, std::chrono::nanoseconds(left));
  }
}

void finalizer::run() {
  std::list<completion> batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_work(lock);
    const bool last = finishing_ && queue_.empty();
    // All that came meanwhile is one batch: the busier, the fewer syncs a file.
    batch.splice(batch.end(), queue_);
    lock.unlock();
    // However much is new, what failed has its turn.
    if (last || system_.monotonic_ns() >= retry_at_ns_) batch.splice(batch.end(), failed_);
    const bool waiting = !failed_.empty();
    complete(batch);
    if (!waiting) retry_at_ns_ = system_.monotonic_ns() + retry_pause_ns;
    lock.lock();
    if (last && queue_.empty()) break;
  }
  lock.unlock();
  for (const completion& job : failed_) give_up(job);
  failed_.clear();
  tell_leftovers(true);
}

bool finalizer::is_gone(const std::string& path) {
  bool there = true;
  return !system_.exists(path, there) && !there;
}

// A completion that failed is kept for another try; it is lost only when there is none any more, or
// when its file was taken away.
finalizer::outcome finalizer::fail(const completion& job, std::string_view deed,
                                   std::error_code ec) {
  const std::int64_t now_ns = system_.monotonic_ns();
  if (is_errno(ec, ENOENT) && is_gone(job.part)) {
    counts_.lost_files.add();
    vanish_limit_.log(now_ns, event::file_vanished, {job.part, ec},
                      "{} was taken away before it was complete", job.part);
    return outcome::done;
  }
  fail_limit_.log(now_ns, event::completion_failed, {job.part, ec},
                  "cannot {} {}: {} (it stays, and is tried again)", deed, job.part, ec.message());
  return outcome::retry;
}

// The file stays as it is. The next start finds it.
void finalizer::give_up(const completion& job) noexcept {
  counts_.lost_files.add();
  give_up_limit_.log(system_.monotonic_ns(), event::completion_given_up, {.file = job.part},
                     "{} could not be completed; the next start tries again", job.part);
}

void finalizer::count_completed(const completion& job) noexcept {
  counts_.files_finalized.add();
  if (!job.leftover) return;
  counts_.leftovers_finalized.add();
  ++leftovers_;
}

// A start after a crash may come in many batches.
void finalizer::tell_leftovers(bool last) noexcept {
  if (leftovers_ == 0) return;
  std::uint64_t held_back = 0;
  if (!leftovers_limit_.allow(system_.monotonic_ns(), held_back) && !last) return;
  log(event::leftovers_completed, "completed {} leftover files ({} bytes of cut frames dropped)",
      leftovers_, leftover_bytes_cut_);
  leftovers_ = leftover_bytes_cut_ = 0;
}

// Takes those that are done with, or must wait, out of the batch. Whatever happens to one, the
// others and the process go on.
template <class Step>
void finalizer::each(std::list<completion>& batch, Step step) noexcept {
  for (auto next = batch.begin(); next != batch.end();) {
    const auto job = next++;
    auto result = outcome::retry;
    try {
      result = step(*job);
    } catch (const std::bad_alloc&) {
      // Nothing here may need memory.
      fail_limit_.log(
          system_.monotonic_ns(), event::completion_failed, {job->part, errc::out_of_memory},
          "cannot complete {}: out of memory (it stays, and is tried again)", job->part);
    }
    if (result == outcome::go_on) continue;
    job->copied = job->damaged = false;
    job->again = true;
    if (result == outcome::retry && failed_.size() < failed_limit) {
      failed_.splice(failed_.end(), batch, job);
      continue;
    }
    if (result == outcome::retry) give_up(*job);
    batch.erase(job);
  }
}

void finalizer::complete(std::list<completion>& batch) noexcept {
  each(batch, [this](completion& job) { return prepare(job); });
  bool synced = false;
  try {
    synced = sync_all_ && batch.size() >= many_files && !system_.sync_file_system(output_);
  } catch (const std::bad_alloc&) {
    // Then one by one.
  }
  each(batch, [this, synced](completion& job) { return finish_one(job, synced); });
  tell_leftovers(false);
}

finalizer::outcome finalizer::finish_one(completion& job, bool synced) {
  if (!synced) {
    if (const auto ec = system_.sync(job.copied ? copy_name(job.part) : job.part)) {
      job.doubtful = true;
      return fail(job, "sync", ec);
    }
  }
  return publish(job);
}

finalizer::outcome finalizer::publish(completion& job) {
  const std::string complete = complete_name(job.part);
  const std::string copy = copy_name(job.part);
  if (job.damaged) {
    // In this order, so that whatever fails in between, both the damaged file and a complete one
    // are there, and resolve() does the rest. (The folder's journal keeps the order, too.)
    if (const auto ec = system_.rename_new(copy, complete)) return fail(job, "rename", ec);
    count_completed(job);
    return set_aside(job, "damaged");
  }
  // In two steps where there is a copy: at no moment are there two files that hold the same
  // records.
  if (job.copied) {
    if (const auto ec = system_.replace(copy, job.part)) return fail(job, "rename", ec);
    job.copied = job.doubtful = false;
    job.size = job.copy_size;
    job.frames = job.copy_frames;
  }
  if (const auto ec = system_.rename_new(job.part, complete)) return fail(job, "rename", ec);
  count_completed(job);
  return outcome::done;
}

// Everything but making it durable.
finalizer::outcome finalizer::prepare(completion& job) {
  // Of an earlier try.
  (void)system_.remove(copy_name(job.part));
  if (job.leftover || job.again) {
    bool taken = false;
    if (const auto ec = system_.exists(complete_name(job.part), taken))
      return fail(job, "read", ec);
    if (taken) return resolve(job);
  }
  if (!job.leftover) {
    std::uint64_t size = 0;
    if (const auto ec = system_.size(job.part, size)) return fail(job, "read", ec);
    job.leftover = size != job.size;
  }
  if (job.leftover)
    if (const auto result = salvage(job); result != outcome::go_on || job.damaged) return result;
  if (!job.doubtful && !pays_to_rewrite(job)) return outcome::go_on;
  bool unreadable = false;
  const auto ec = rewrite(job, unreadable);
  job.copied = !ec;
  if (!ec) return outcome::go_on;
  (void)system_.remove(copy_name(job.part));
  if (is_damage(ec) && !job.leftover) {
    // Not what was written to it.
    job.leftover = true;
    return prepare(job);
  }
  if (unreadable) return fail(job, "read", ec);
  if (job.doubtful) return fail(job, "copy", ec);
  // The file in small frames is whole; only disk space is lost.
  rewrite_limit_.log(system_.monotonic_ns(), event::rewrite_failed, {job.part, ec},
                     "cannot rewrite {} in large frames: {}; it is kept as it is", job.part,
                     ec.message());
  return outcome::go_on;
}

std::error_code finalizer::open(const std::string& path, descriptor& out) {
  int fd = -1;
  const auto ec = system_.open_read(path, fd);
  if (!ec) out.reset(fd);
  return ec;
}

std::error_code finalizer::append_frame(const std::string& path, std::string_view text,
                                        std::uint64_t& size) {
  if (frames_.memory_bytes() == 0)
    if (const auto ec = frames_.create(level_)) return ec;
  frame_.resize(frame_writer::bound(text.size()));
  std::size_t written = 0;
  if (const auto ec =
          frames_.compress(std::as_bytes(std::span(text.data(), text.size())), frame_, written))
    return ec;
  if (const auto ec = system_.append(path, bytes_view(frame_.data(), written), size)) return ec;
  size += written;
  return {};
}

std::error_code finalizer::look(const std::string& part, found_frames& out) {
  descriptor file;
  if (const auto ec = system_.size(part, out.file_size)) return ec;
  if (const auto ec = open(part, file)) return ec;
  if (const auto ec = scan_frames(file.get(), out)) return ec;
  if (out.fault == errc::out_of_memory || out.fault == errc::window_too_large) return out.fault;
  return {};
}

// Looks what a writer that died left behind, or what became of a file that is not as we wrote it. A
// file that only ends in the middle of a frame is cut there, which destroys nothing that could be
// read. Anything else (a damaged frame, something that is no archive) is kept as it is under
// another name, and its whole frames before the damage are published.
finalizer::outcome finalizer::salvage(completion& job) {
  found_frames found;
  if (const auto ec = look(job.part, found)) return fail(job, "read", ec);
  if (found.content_bytes < job.text_bytes) {
    counts_.lost_files.add();
    vanish_limit_.log(system_.monotonic_ns(), event::file_vanished, {.file = job.part},
                      "part of {} was taken away or damaged before it was complete", job.part);
  }
  job.size = found.whole_end;
  job.frames = found.frames;
  job.text_bytes = found.content_bytes;
  if (found.is_whole()) return outcome::go_on;
  if (found.whole_end == 0) return set_aside(job, found.is_zstd ? "damaged" : "no archive");
  if (found.fault == errc::truncated_frame) {
    if (const auto ec = system_.truncate(job.part, found.whole_end)) return fail(job, "cut", ec);
    leftover_bytes_cut_ += found.file_size - found.whole_end;
    return outcome::go_on;
  }
  if (const auto ec = copy_frames(job)) return fail(job, "copy the whole frames of", ec);
  job.copied = job.damaged = true;
  return outcome::go_on;
}

// The complete file's name is taken. By the same records where a crash, or a failure, came between
// making that file and taking this one away; then nothing else in this one is needed unless it is
// damaged. No record is given up for that name.
finalizer::outcome finalizer::resolve(completion& job) {
  const std::string complete = complete_name(job.part);
  found_frames found;
  if (const auto ec = look(job.part, found)) return fail(job, "read", ec);
  bool same = false;
  if (const auto ec = same_content(job.part, found.content_bytes, complete, same))
    return fail(job, "compare", ec);
  if (same && found.is_whole()) {
    if (const auto ec = system_.remove(job.part)) return fail(job, "remove", ec);
    count_completed(job);
    return outcome::done;
  }
  const auto result = set_aside(job, same ? "damaged" : "not what the complete file holds");
  if (result == outcome::done && !same && found.content_bytes > 0) counts_.lost_files.add();
  return result;
}

// The file keeps all its bytes: tcpinfo-csv reads what can be read of them.
finalizer::outcome finalizer::set_aside(const completion& job, std::string_view what) {
  const std::string first = complete_name(job.part) + std::string(damaged_suffix);
  std::string kept = first;
  for (int n = 2;; ++n) {
    const auto ec = system_.rename_new(job.part, kept);
    if (!ec) break;
    if (!is_errno(ec, EEXIST) || n > kept_names) return fail(job, "set aside", ec);
    // A rename made of link and unlink may have come half way.
    bool same = false;
    if (const auto unread = same_bytes(job.part, kept, same)) return fail(job, "compare", unread);
    if (same) {
      if (const auto left = system_.remove(job.part)) return fail(job, "remove", left);
      break;
    }
    kept = first + "." + std::to_string(n);
  }
  counts_.set_aside.add();
  set_aside_limit_.log(system_.monotonic_ns(), event::leftover_set_aside, {.file = kept},
                       "leftover file {} is {}: it is kept as {}", job.part, what, kept);
  return outcome::done;
}

// Whether the first `content` bytes that the frames of `part` hold are all that `complete` holds.
std::error_code finalizer::same_content(const std::string& part, std::uint64_t content,
                                        const std::string& complete, bool& same) {
  same = false;
  descriptor ours;
  descriptor theirs;
  stream_reader other;
  if (const auto ec = open(part, ours)) return ec;
  if (const auto ec = open(complete, theirs)) {
    // No regular file.
    if (is_errno(ec, EINVAL) || is_errno(ec, ELOOP)) return {};
    return ec;
  }
  if (const auto ec = reader_.open_fd(ours.get())) return ec;
  if (const auto ec = other.open_fd(theirs.get())) return ec;
  text_.resize(large_frame);
  const auto all = std::as_writable_bytes(std::span(text_));
  const auto a = all.first(large_frame / 2);
  const auto b = all.last(large_frame / 2);
  for (std::uint64_t left = content;; left -= std::min<std::uint64_t>(left, a.size())) {
    std::size_t n = 0;
    std::size_t m = 0;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, a.size()));
    if (const auto ec = read_full(reader_, a.first(want), n)) return ec;
    if (n < want) return errc::truncated_frame;
    // After our last byte one of theirs would be one too many.
    const auto ec = read_full(other, b.first(std::max<std::size_t>(want, 1)), m);
    if (is_damage(ec)) return {};
    if (ec) return ec;
    if (m != want || std::memcmp(a.data(), b.data(), want) != 0) return {};
    if (want == 0) break;
  }
  same = other.is_zstd();
  return {};
}

std::error_code finalizer::same_bytes(const std::string& a, const std::string& b, bool& same) {
  same = false;
  descriptor files[2];
  if (const auto ec = open(a, files[0])) return ec;
  if (const auto ec = open(b, files[1])) {
    if (is_errno(ec, EINVAL) || is_errno(ec, ELOOP)) return {};
    return ec;
  }
  constexpr std::size_t block = std::size_t{64} << 10;
  frame_.resize(2 * block);
  std::size_t n = 0;
  do {
    std::size_t m = 0;
    const auto all = std::span(frame_);
    if (const auto ec = read_full(files[0].get(), all.first(block), n)) return ec;
    if (const auto ec = read_full(files[1].get(), all.last(block), m)) return ec;
    if (n != m || std::memcmp(all.data(), all.data() + block, n) != 0) return {};
  } while (n > 0);
  same = true;
  return {};
}

std::error_code finalizer::copy_frames(const completion& job) {
  const std::string copy = copy_name(job.part);
  descriptor file;
  if (const auto ec = open(job.part, file)) return ec;
  frame_.resize(std::size_t{64} << 10);
  for (std::uint64_t at = 0; at < job.size;) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(frame_.size(), job.size - at));
    std::size_t n = 0;
    if (const auto ec = read_full(file.get(), std::span(frame_).first(want), n)) return ec;
    if (n < want) return errc::truncated_frame;
    if (const auto ec = system_.append(copy, bytes_view(frame_).first(n), at)) return ec;
    at += n;
  }
  return {};
}

// Copies the content in large frames. `unreadable`: it is the file that is at fault.
std::error_code finalizer::rewrite(completion& job, bool& unreadable) {
  const std::string copy = copy_name(job.part);
  descriptor file;
  if (const auto ec = open(job.part, file)) return ec;
  if (const auto ec = reader_.open_fd(file.get())) return ec;
  text_.resize(large_frame);
  job.copy_size = job.copy_frames = 0;
  for (;;) {
    std::size_t n = 0;
    if (const auto ec = read_full(reader_, std::as_writable_bytes(std::span(text_)), n)) {
      unreadable = ec != errc::out_of_memory;
      return ec;
    }
    if (n > 0) {
      if (const auto ec = append_frame(copy, {text_.data(), n}, job.copy_size)) return ec;
      ++job.copy_frames;
    }
    if (n < text_.size()) break;
  }
  if (reader_.is_zstd() && reader_.compressed_offset() == job.size &&
      reader_.content_offset() == job.text_bytes)
    return {};
  unreadable = true;
  return errc::corrupt_frame;
}

}  // namespace tcpinfo::collect
