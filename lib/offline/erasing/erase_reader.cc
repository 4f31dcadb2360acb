// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/erase_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <tcpinfo/error.h>
#include <tcpinfo/zstd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "common/message_of.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/stream_fault.h"

namespace tcpinfo::offline {
namespace {

// Whether what it is cannot be told from its name. Errors are those of who reads it then.
bool begins_as_segment(const std::string& path, std::int32_t max_window_log) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat st {};
  stream_reader stream;
  stream_options options;
  options.max_window_log = max_window_log;
  if (!file || fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode) ||
      stream.open_fd(file.get(), options))
    return false;
  std::byte head[64];
  std::size_t n = 0;
  return !stream.read(head, n) && is_segment(bytes_view(head).first(n));
}

// Damage, which a reader passes over.
bool is_damage(const std::error_code& ec) {
  return ec == errc::truncated_frame || ec == errc::wrong_checksum || ec == errc::corrupt_frame ||
         ec == errc::bad_block;
}

}  // namespace

erase_reader::erase_reader(erase_judge& judge, std::int32_t max_window_log)
    : judge_(judge), max_window_log_(max_window_log), lines_(max_window_log) {}

bool erase_reader::open(const std::string& path, const std::string& name,
                        archive_lines::tell on_fault) {
  close();
  on_fault_ = std::move(on_fault);
  is_segment_ = take_apart(base_name(name)).segment || begins_as_segment(path, max_window_log_);
  judge_.begin_file(name);
  if (is_segment_) return open_segment(path);
  if (!lines_.open(path, on_fault_)) return false;
  damaged_ = lines_.damaged();
  if (damaged_) judge_.meet_damage();
  stored_bytes_ = lines_.stored_bytes();
  identity_ = lines_.identity();
  return true;
}

bool erase_reader::open_segment(const std::string& path) {
  file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat st {};
  if (!file_ || fstat(file_.get(), &st) != 0) {
    on_fault_(0, message_of(errno));
    return false;
  }
  if (!S_ISREG(st.st_mode)) {
    on_fault_(0, "no regular file");
    return false;
  }
  segment_reader_options options;
  options.max_window_log = max_window_log_;
  if (const std::error_code ec = segment_.open_fd(file_.get(), options)) {
    on_fault_(0, ec.message());
    return false;
  }
  stored_bytes_ = static_cast<std::uint64_t>(st.st_size);
  identity_ = identity_of(st);
  return true;
}

void erase_reader::close() {
  lines_.close();
  (void)segment_.close();
  file_.reset();
  is_segment_ = damaged_ = beyond_us_ = cut_at_end_ = false;
  stored_bytes_ = identity_ = number_ = 0;
}

std::uint64_t erase_reader::number() const noexcept {
  return is_segment_ ? segment_.record_number() : number_;
}

bool erase_reader::next(erase_item& out) {
  out = {};
  if (is_segment_) return next_of_segment(out);
  if (!lines_.next(out.line)) return false;
  ++number_;
  out.is = judge_.line(out.line);
  return true;
}

bool erase_reader::next_of_segment(erase_item& out) {
  for (bool more = true;;) {
    record_ = {};
    if (const std::error_code ec = segment_.next(record_, more)) {
      on_fault_(segment_.record_number(),
                describe_fault(ec, segment_.window_needed(), segment_.dictionary_needed(),
                               max_window_log_));
      cut_at_end_ = !damaged_ && !beyond_us_ && ec == errc::truncated_frame;
      (is_damage(ec) ? damaged_ : beyond_us_) = true;
      judge_.meet_damage();
      if (more) continue;
    }
    if (!more) {
      if (const std::uint64_t missing = segment_.missing_records(); missing != 0) {
        damaged_ = true;
        cut_at_end_ = false;
        on_fault_(0, fmt::format("{} records are missing: they were in damaged blocks", missing));
      }
      return false;
    }
    if (record_.first != 0) {
      const segment_archive& a = segment_.archive();
      judge_.begin_archive(std::string(a.path), a.about, a.goes_on != 0);
      about_ = judge_.by_name();
    }
    cut_at_end_ = false;
    out.record = &record_;
    out.line = record_.line;
    out.is = record_.m.bytes.empty() ? judge_.line(record_.line) : judge_.message_of(record_.m);
    return true;
  }
}

}  // namespace tcpinfo::offline
