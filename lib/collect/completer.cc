// SPDX-License-Identifier: Apache-2.0
#include "collect/completer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>

#include "collect/sequence_index.h"

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

// What failed is tried again after this long: disks get room, networks come back.
constexpr std::chrono::seconds retry_pause(10);

bool pays_to_rewrite(const completion& job) noexcept {
  return job.size > one_block && job.frames > 1 && job.text_bytes / job.frames < small_frame;
}

std::string complete_name(const std::string& part) {
  return part.substr(0, part.size() - part_suffix.size());
}

// A descriptor that is closed.
class open_file {
 public:
  open_file() = default;
  ~open_file() {
    if (fd >= 0) ::close(fd);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  int fd = -1;
};

std::string copy_name(const std::string& part) {
  return complete_name(part) + std::string(rewrite_suffix);
}

}  // namespace

completer::completer(os& system, statistics& counts, std::string output, int level)
    : system_(system), counts_(counts), output_(std::move(output)), level_(level) {}

void completer::start() {
  thread_ = std::thread([this] { run(); });
}

void completer::add(completion job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(job));
  changed_.notify_one();
}

void completer::add(std::vector<completion> jobs) {
  const std::lock_guard lock(mutex_);
  std::move(jobs.begin(), jobs.end(), std::back_inserter(queue_));
  changed_.notify_one();
}

void completer::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void completer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto wanted = [this] { return finishing_ || !queue_.empty(); };
    if (failed_.empty())
      changed_.wait(lock, wanted);
    else
      changed_.wait_for(lock, retry_pause, wanted);
    const bool last = finishing_ && queue_.empty();
    // All that came meanwhile is one batch: the busier, the fewer syncs a file.
    std::vector<completion> batch = std::move(queue_);
    queue_.clear();
    lock.unlock();
    if (batch.empty()) std::swap(batch, failed_);
    complete(batch);
    lock.lock();
    if (last && queue_.empty()) break;
  }
  give_up();
}

// A completion that failed is kept for another try; it is lost only when there is none any more.
void completer::fail(completion& job, std::string_view deed, std::error_code ec) {
  std::uint64_t held_back = 0;
  if (limit_.allow(system_.monotonic_ns(), held_back))
    log("cannot {} {}: {} (it stays, and is tried again; {} more such since the last line)", deed,
        job.part, ec.message(), held_back);
  job.copied = false;
  failed_.push_back(std::move(job));
}

void completer::give_up() {
  counts_.lost_files.add(failed_.size());
  for (const completion& job : failed_)
    log("{} could not be completed; the next start tries again", job.part);
  failed_.clear();
}

void completer::tell_leftovers() {
  if (leftovers_ + leftovers_empty_ == 0) return;
  counts_.leftovers_completed.add(leftovers_);
  log("completed {} leftover files ({} bytes of cut frames dropped, {} empty files removed)",
      leftovers_, leftover_bytes_cut_, leftovers_empty_);
  leftovers_ = leftover_bytes_cut_ = leftovers_empty_ = 0;
}

void completer::complete(std::vector<completion>& batch) {
  std::erase_if(batch, [this](completion& job) {
    try {
      return !prepare(job);
    } catch (const std::bad_alloc&) {
      fail(job, "complete", errc::out_of_memory);
      return true;
    }
  });
  const bool synced = batch.size() >= many_files && !system_.sync_file_system(output_);
  for (completion& job : batch) {
    if (!synced) {
      if (const auto ec = system_.sync(job.copied ? copy_name(job.part) : job.part)) {
        fail(job, "sync", ec);
        continue;
      }
    }
    if (const auto ec = publish(job)) {
      fail(job, "rename", ec);
      continue;
    }
    counts_.files_completed.add();
    if (job.leftover) ++leftovers_;
  }
  tell_leftovers();
}

// In two steps where there is a copy: at no moment are there two files that hold the same records.
std::error_code completer::publish(const completion& job) {
  if (job.copied)
    if (const auto ec = system_.replace(copy_name(job.part), job.part)) return ec;
  return system_.rename_new(job.part, complete_name(job.part));
}

// Everything but making it durable. False when the file is done with, or must stay as it is.
bool completer::prepare(completion& job) {
  // Of an earlier try.
  (void)system_.remove(copy_name(job.part));
  if (job.leftover && !salvage(job)) return false;
  if (job.copied || !pays_to_rewrite(job)) return true;
  const auto ec = rewrite(job);
  job.copied = !ec;
  if (ec) {
    // The file in small frames is whole; only disk space is lost.
    std::uint64_t held_back = 0;
    if (limit_.allow(system_.monotonic_ns(), held_back))
      log("cannot rewrite {} in large frames: {}; it is kept as it is", job.part, ec.message());
    (void)system_.remove(copy_name(job.part));
  }
  return true;
}

std::error_code completer::append_frame(const std::string& path, std::string_view text,
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

// Looks what a writer that died left behind. A file that only ends in the middle of a frame is cut
// there, which destroys nothing that could be read; one that is empty is removed. Anything else (a
// damaged frame, something that is no archive) is kept as it is under another name.
bool completer::salvage(completion& job) {
  std::uint64_t size = 0;
  open_file file;
  std::error_code ec = system_.size(job.part, size);
  if (!ec) ec = system_.open_read(job.part, file.fd);
  frame_scan found;
  if (!ec) ec = scan_frames(file.fd, found);
  if (ec) {
    fail(job, "read", ec);
    return false;
  }
  job.size = found.whole_end;
  job.frames = found.frames;
  job.text_bytes = found.content_bytes;
  if (size > 0 && found.fault == errc::ok && found.is_zstd) return true;
  const bool cut_short = found.fault == errc::truncated_frame;
  if (cut_short && found.whole_end > 0) {
    if (const auto cut = system_.truncate(job.part, found.whole_end)) {
      fail(job, "cut", cut);
      return false;
    }
    leftover_bytes_cut_ += size - found.whole_end;
    return true;
  }
  // A first frame is written by one call: less of it than a block holds nothing that can be read.
  if (size == 0 || (cut_short && size < one_block)) {
    if (const auto removed = system_.remove(job.part))
      fail(job, "remove the empty", removed);
    else
      ++leftovers_empty_;
    leftover_bytes_cut_ += size;
    return false;
  }
  if (found.fault != errc::ok && found.fault != errc::corrupt_frame && !cut_short) {
    fail(job, "read", found.fault);
    return false;
  }
  return set_aside(job, found.is_zstd ? "damaged" : "no archive", found.whole_end > 0);
}

// The damaged file keeps all its bytes, for tcpinfo-csv reads what can be read of them; its whole
// frames before the damage are published as well.
bool completer::set_aside(completion& job, std::string_view what, bool has_frames) {
  const std::string kept = complete_name(job.part) + std::string(damaged_suffix);
  if (has_frames) {
    if (const auto ec = copy_frames(job)) {
      fail(job, "copy the whole frames of", ec);
      return false;
    }
  }
  if (const auto ec = system_.rename_new(job.part, kept)) {
    fail(job, "set aside", ec);
    return false;
  }
  counts_.set_aside.add();
  log("leftover file {} is {}: it is kept as {}", job.part, what, kept);
  if (!has_frames) return false;
  job.copied = true;
  return true;
}

std::error_code completer::copy_frames(const completion& job) {
  open_file file;
  if (const auto ec = system_.open_read(job.part, file.fd)) return ec;
  frame_.resize(std::size_t{64} << 10);
  for (std::uint64_t at = 0; at < job.size;) {
    const ssize_t got =
        ::read(file.fd, frame_.data(),
               static_cast<std::size_t>(std::min<std::uint64_t>(frame_.size(), job.size - at)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {errno, std::system_category()};
    if (got == 0) return errc::truncated_frame;
    const auto block = bytes_view(frame_).first(static_cast<std::size_t>(got));
    if (const auto ec = system_.append(copy_name(job.part), block, at)) return ec;
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

std::error_code completer::rewrite(const completion& job) {
  const std::string copy = copy_name(job.part);
  open_file file;
  if (const auto ec = system_.open_read(job.part, file.fd)) return ec;
  if (const auto ec = reader_.open_fd(file.fd)) return ec;
  text_.resize(large_frame);
  std::uint64_t size = 0;
  std::size_t filled = 0;
  for (;;) {
    std::size_t n = 0;
    if (const auto ec = reader_.read(std::as_writable_bytes(std::span(text_)).subspan(filled), n))
      return ec;
    filled += n;
    if (n > 0 && filled < text_.size()) continue;
    if (filled > 0)
      if (const auto ec = append_frame(copy, {text_.data(), filled}, size)) return ec;
    filled = 0;
    if (n == 0) break;
  }
  if (reader_.content_offset() != job.text_bytes) return errc::corrupt_frame;
  return {};
}

}  // namespace tcpinfo::collect
