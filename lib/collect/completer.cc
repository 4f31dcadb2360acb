// SPDX-License-Identifier: Apache-2.0
#include "collect/completer.h"

#include <tcpinfo/archive.h>

#include <algorithm>
#include <cerrno>

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

bool pays_to_rewrite(const completion& job) noexcept {
  return job.size > one_block && job.frames > 1 && job.text_bytes / job.frames < small_frame;
}

std::string complete_name(const std::string& part) {
  return part.substr(0, part.size() - part_suffix.size());
}

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
    changed_.wait(lock, [this] { return finishing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    // All that came meanwhile is one batch: the busier, the fewer syncs a file.
    std::vector<completion> batch = std::move(queue_);
    queue_.clear();
    lock.unlock();
    complete(batch);
    lock.lock();
  }
}

void completer::fail(const completion& job, std::string_view deed, std::error_code ec) {
  counts_.lost_files.add();
  std::uint64_t held_back = 0;
  if (limit_.allow(system_.monotonic_ns(), held_back))
    log("cannot {} {}: {} (it stays; the next start tries again; {} more such since the last line)",
        deed, job.part, ec.message(), held_back);
}

void completer::complete(std::vector<completion>& batch) {
  std::erase_if(batch, [this](completion& job) { return !prepare(job); });
  const bool synced = batch.size() >= many_files && !system_.sync_file_system(output_);
  for (const completion& job : batch) {
    if (!synced) {
      if (const auto ec = system_.sync(job.rewritten ? copy_name(job.part) : job.part)) {
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
  if (leftovers_ + leftovers_empty_ > 0) {
    counts_.leftovers_completed.add(leftovers_);
    log("completed {} leftover files ({} bytes of cut frames dropped, {} empty files removed)",
        leftovers_, leftover_bytes_cut_, leftovers_empty_);
    leftovers_ = leftover_bytes_cut_ = leftovers_empty_ = 0;
  }
}

// In two steps where there is a copy: at no moment are there two files that hold the same records.
std::error_code completer::publish(const completion& job) {
  if (job.rewritten)
    if (const auto ec = system_.replace(copy_name(job.part), job.part)) return ec;
  return system_.rename_new(job.part, complete_name(job.part));
}

// Everything but making it durable. False when the file is done with, or must stay as it is.
bool completer::prepare(completion& job) {
  if (job.leftover && !salvage(job)) return false;
  if (!pays_to_rewrite(job)) return true;
  if (const auto ec = rewrite(job)) {
    // The file in small frames is whole; only disk space is lost.
    std::uint64_t held_back = 0;
    if (limit_.allow(system_.monotonic_ns(), held_back))
      log("cannot rewrite {} in large frames: {}; it is kept as it is", job.part, ec.message());
    (void)system_.remove(copy_name(job.part));
  } else {
    job.rewritten = true;
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

// Cuts a crashed writer's file after its last whole frame. Of a frame that was cut short, the lines
// that can still be read are data: they are kept in a frame of their own.
bool completer::salvage(completion& job) {
  if (const auto ec = reader_.open_path(job.part)) {
    fail(job, "read", ec);
    return false;
  }
  std::string tail;  // content after the last whole frame
  std::uint64_t whole_end = 0;
  std::vector<std::byte> block(std::size_t{64} << 10);
  std::error_code fault;
  for (;;) {
    std::size_t n = 0;
    fault = reader_.read(block, n);
    tail.append(reinterpret_cast<const char*>(block.data()), n);
    if (reader_.whole_frames_end() != whole_end) {
      whole_end = reader_.whole_frames_end();
      const std::uint64_t beyond = reader_.content_offset() - reader_.whole_frames_content();
      tail.erase(0, tail.size() - static_cast<std::size_t>(beyond));
      job.text_bytes = reader_.whole_frames_content();
      job.frames = reader_.frames();
    }
    if (fault || n == 0) break;
  }
  if (fault && fault.category() == std::system_category()) {
    fail(job, "read", fault);
    return false;
  }
  job.size = whole_end;
  std::uint64_t file_size = reader_.compressed_offset();
  if (fault) {
    if (const auto ec = system_.truncate(job.part, whole_end)) {
      fail(job, "cut", ec);
      return false;
    }
    if (file_size > whole_end) leftover_bytes_cut_ += file_size - whole_end;
    // A frame that is wrong, not just short, is not believed.
    const std::size_t last_newline = tail.rfind('\n');
    if (fault == errc::truncated_frame && last_newline != std::string::npos) {
      tail.resize(last_newline + 1);
      // A file of size 0 would have to be created anew; it is ours and holds nothing.
      if (job.size == 0) (void)system_.remove(job.part);
      if (const auto ec = append_frame(job.part, tail, job.size)) {
        fail(job, "keep the cut frame's lines of", ec);
        return false;
      }
      job.text_bytes += tail.size();
      ++job.frames;
    }
  }
  if (job.size > 0) return true;
  // Not one line: the writer died before its first frame was whole.
  if (const auto ec = system_.remove(job.part))
    fail(job, "remove the empty", ec);
  else
    ++leftovers_empty_;
  return false;
}

std::error_code completer::rewrite(const completion& job) {
  const std::string copy = copy_name(job.part);
  if (const auto ec = reader_.open_path(job.part)) return ec;
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
