// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/archive_lines.h"

#include <fcntl.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/message_of.h"
#include "common/text_head.h"
#include "offline/inputs/sniffing/content_kind.h"
#include "offline/inputs/stream_fault.h"

namespace tcpinfo::offline {
namespace {

constexpr std::size_t buffer_size = std::size_t{128} << 10;
// Stretches of damage in one file, of which each takes 16 bytes while it is read.
constexpr std::size_t most_stretches = std::size_t{1} << 16;

}  // namespace

std::uint64_t identity_of(const struct stat& st) {
  std::uint64_t sum = 0;
  for (const std::uint64_t part :
       {std::uint64_t{st.st_dev}, std::uint64_t{st.st_ino}, static_cast<std::uint64_t>(st.st_size),
        static_cast<std::uint64_t>(st.st_mtim.tv_sec),
        static_cast<std::uint64_t>(st.st_mtim.tv_nsec),
        static_cast<std::uint64_t>(st.st_ctim.tv_sec),
        static_cast<std::uint64_t>(st.st_ctim.tv_nsec)}) {
    // The finalizer of splitmix64: every bit of a part moves every bit of the sum.
    sum += part + 0x9e3779b97f4a7c15U;
    sum = (sum ^ sum >> 30U) * 0xbf58476d1ce4e5b9U;
    sum = (sum ^ sum >> 27U) * 0x94d049bb133111ebU;
    sum ^= sum >> 31U;
  }
  return sum;
}

archive_lines::archive_lines(std::int32_t max_window_log) : buffer_(buffer_size) {
  options_.max_window_log = max_window_log;
}

bool archive_lines::open(const std::string& path, const tell& on_fault) {
  close();
  cut_at_end_ = false;
  // A pipe is not waited for: it is refused.
  file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat st {};
  if (!file_ || fstat(file_.get(), &st) != 0) {
    error_ = errno;
    on_fault(0, message_of(error_));
    return false;
  }
  if (!S_ISREG(st.st_mode)) {
    on_fault(0, "no regular file");
    return false;
  }
  identity_ = identity_of(st);
  stored_bytes_ = static_cast<std::uint64_t>(st.st_size);
  if (look_through(on_fault)) return true;
  close();
  return false;
}

void archive_lines::close() {
  file_.reset();
  error_ = 0;
  damaged_ = false;
  lines_ = text_bytes_ = kept_bytes_ = stored_bytes_ = identity_ = 0;
  untrusted_.clear();
  ended_ = true;
  at_ = filled_ = 0;
  begun_.clear();
}

std::error_code archive_lines::rewind() {
  at_ = filled_ = 0;
  begun_.clear();
  begun_given_ = false;
  line_ = {};
  line_from_ = line_to_ = line_number_ = not_whole_ = 0;
  cut_ = torn_ = next_torn_ = ended_ = false;
  fault_.clear();
  untrusted_at_ = 0;
  if (lseek(file_.get(), 0, SEEK_SET) != 0) return {errno, std::system_category()};
  return stream_.open_fd(file_.get(), options_);
}

// Makes the latest line of what has begun and the next `size` bytes of the buffer.
void archive_lines::take(std::size_t size) {
  const std::string_view piece = as_text(bytes_view(buffer_).subspan(at_, size));
  at_ += size;
  line_from_ = line_to_;
  line_to_ += begun_.size() + size;
  if (begun_.empty()) {
    line_ = piece;
  } else {
    begun_ += piece;
    line_ = begun_;
    begun_given_ = true;
  }
  ++line_number_;
  torn_ = std::exchange(next_torn_, false);
  cut_ = false;
}

archive_lines::step archive_lines::read_line() {
  if (std::exchange(begun_given_, false)) begun_.clear();
  for (;;) {
    if (at_ < filled_) {
      const std::byte* const from = buffer_.data() + at_;
      const auto* const newline =
          static_cast<const std::byte*>(std::memchr(from, '\n', filled_ - at_));
      const std::size_t size =
          newline == nullptr ? filled_ - at_ : static_cast<std::size_t>(newline - from) + 1;
      if (begun_.size() + size > max_segment_line) return step::too_long;
      if (newline != nullptr) {
        take(size);
        return step::line;
      }
      begun_ += as_text(bytes_view(buffer_).subspan(at_, size));
      at_ = filled_;
    }
    if (fault_ || ended_) {
      if (!begun_.empty()) {
        take(0);
        cut_ = static_cast<bool>(fault_);
        return step::line;
      }
      return fault_ ? step::fault : step::end;
    }
    at_ = filled_ = 0;
    fault_ = stream_.read(buffer_, filled_);
    ended_ = !fault_ && filled_ == 0;
  }
}

// Whether a file with such a fault is read on, and what is good in it kept.
bool archive_lines::bears(const std::error_code& fault) const {
  return fault == errc::truncated_frame || fault == errc::wrong_checksum ||
         fault == errc::corrupt_frame;
}

// The content of the frame whose fault has come is not what was written, but where only its end is
// missing. All of it was delivered before the fault, and nothing of what follows.
void archive_lines::note_untrusted() {
  const std::uint64_t now = stream_.content_offset() - stream_.whole_frames_content();
  const std::uint64_t size = now - std::exchange(not_whole_, now);
  if (size == 0 || fault_ == errc::truncated_frame) return;
  const std::uint64_t to = stream_.content_offset();
  if (!untrusted_.empty() && untrusted_.back().second == to - size)
    untrusted_.back().second = to;
  else
    untrusted_.emplace_back(to - size, to);
}

// What begins so is no archive, and not kept as the text of one.
std::string_view archive_lines::refused_by_content() const {
  const bytes_view head = bytes_view(buffer_).first(filled_);
  if (is_segment(head)) return "a segment: it is packed already";
  std::string_view what;
  switch (kind_of_content(head, false, what)) {
    case content_kind::gzip:
      return "gzip: unpack it with gzip -d first";
    case content_kind::tar:
      return "a tar: unpack it with tar -x first";
    case content_kind::pcap:
    case content_kind::netlink:
      return "a capture, not an archive";
    case content_kind::unread:
      return what;
    default:
      return {};
  }
}

bool archive_lines::look_through(const tell& on_fault) {
  if (const std::error_code ec = rewind()) {
    on_fault(0, ec.message());
    return false;
  }
  fault_ = stream_.read(buffer_, filled_);
  ended_ = !fault_ && filled_ == 0;
  if (const std::string_view why = refused_by_content(); !why.empty()) {
    on_fault(0, why);
    return false;
  }
  for (;;) {
    const step is = read_line();
    if (is == step::end) break;
    cut_at_end_ &= is == step::fault;
    if (is == step::too_long) {
      on_fault(line_number_ + 1, "line too long for a segment: the archive stays as it is");
      return false;
    }
    if (is == step::line) {
      text_bytes_ += line_.size();
      ++lines_;
      continue;
    }
    on_fault(line_number_, describe_fault(fault_, stream_.window_needed(),
                                          stream_.dictionary_needed(), options_.max_window_log));
    cut_at_end_ = !damaged_ && fault_ == errc::truncated_frame;
    if (!bears(fault_)) return false;
    damaged_ = true;
    note_untrusted();
    if (untrusted_.size() > most_stretches) {
      on_fault(0, "damaged in too many places: the archive stays as it is");
      return false;
    }
    fault_.clear();
    ended_ = !stream_.resume();
    next_torn_ = true;
  }
  kept_bytes_ = text_bytes_;
  if (damaged_) {
    lines_ = kept_bytes_ = 0;
    if (const std::error_code ec = rewind()) {
      on_fault(0, ec.message());
      return false;
    }
    for (std::string_view line; next(line); ++lines_) kept_bytes_ += line_to_ - line_from_;
  }
  if (lines_ == 0 && damaged_) {
    on_fault(1, "nothing in it is whole");
    return false;
  }
  if (const std::error_code ec = rewind()) {
    on_fault(0, ec.message());
    return false;
  }
  return true;
}

bool archive_lines::keeps() {
  if (!damaged_) return true;
  while (untrusted_at_ < untrusted_.size() && untrusted_[untrusted_at_].second <= line_from_)
    ++untrusted_at_;
  if (untrusted_at_ < untrusted_.size() && untrusted_[untrusted_at_].first < line_to_) return false;
  if (!cut_ && !torn_) return true;
  if (parsed_.parse(line_)) return false;
  if (!line_.ends_with('\n')) {
    // A whole record whose end of line is missing: others may follow.
    if (!begun_given_) begun_ = line_;
    begun_ += '\n';
    begun_given_ = true;
    line_ = begun_;
  }
  return true;
}

bool archive_lines::next(std::string_view& line) {
  while (file_) {
    const step is = read_line();
    if (is == step::line) {
      if (!keeps()) continue;
      line = line_;
      return true;
    }
    // A file that became another since it was looked through ends where that shows.
    if (is != step::fault || !damaged_ || !bears(fault_)) return false;
    fault_.clear();
    ended_ = !stream_.resume();
    next_torn_ = true;
  }
  return false;
}

}  // namespace tcpinfo::offline
