// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include "archive/text.h"
#include "common/blank_line.h"
#include "common/callback_scope.h"
#include "common/text_head.h"

namespace tcpinfo::inline v0 {
namespace {

// Small enough to be in the cache still when its lines are read.
constexpr std::size_t first_buffer_size = std::size_t{128} << 10;

constexpr std::uint64_t no_damage = std::numeric_limits<std::uint64_t>::max();

// What a block of a segment begins with, but the newline behind it: the end of no line of JSON.
constexpr std::string_view segment_line = "\x89TCPSEG";

}  // namespace

struct [[gnu::visibility("hidden")]] archive_reader::impl {
  stream_reader input;
  std::unique_ptr<char[]> buffer;
  std::size_t capacity = 0;
  std::size_t begin = 0;    // of the line being looked for
  std::size_t scanned = 0;  // no newline before this
  std::size_t end = 0;
  std::size_t max_line = 0;
  stream_options stream;
  std::uint64_t begin_offset = 0;  // of `begin` in the text
  std::uint64_t line_number = 0;
  std::uint64_t line_offset = 0;
  std::string_view line;
  std::error_code fault;  // of the stream, not reported yet
  bool at_start = true;   // a byte-order mark may still come
  bool input_ended = false;
  bool skipping = false;  // inside a line that is not kept; what was read of it is gone
  errc skipped_for = errc::line_too_long;
  bool broken = false;  // the stream's fault was reported; there may be a frame after it
  // Where the text of a damaged frame begins. The stream reports the frame's fault after its text,
  // so all text from here on is of that frame.
  std::uint64_t damaged_from = no_damage;
  bool line_damaged = false;
  bool in_garbage = false;  // a bad line that is no JSON, and no record since
  bool big_endian = false;
  bool stops_at_segment = false;
  bool at_segment = false;
  bool in_stream = false;  // its function may be running, which must not use the reader

  std::error_code prepare(const archive_reader_options& given) noexcept {
    if (in_stream) return errc::busy;
    archive_reader_options options;
    if (const std::error_code ec = read_known(given, options)) return ec;
    if (options.max_line == 0 || options.reserved != 0) return errc::invalid_argument;
    begin = scanned = end = 0;
    max_line = options.max_line;
    stream.max_window_log = options.max_window_log;
    begin_offset = line_number = line_offset = 0;
    line = {};
    fault.clear();
    at_start = true;
    input_ended = skipping = big_endian = broken = line_damaged = in_garbage = false;
    stops_at_segment = at_segment = false;
    damaged_from = no_damage;
    if (buffer) return {};
    buffer.reset(new (std::nothrow) char[first_buffer_size]);
    if (!buffer) return errc::out_of_memory;
    capacity = first_buffer_size;
    return {};
  }

  std::error_code begin_with(stream_reader & from, bytes_view begun) noexcept {
    if (begun.size() > capacity) {
      std::unique_ptr<char[]> larger(new (std::nothrow) char[begun.size()]);
      if (!larger) return errc::out_of_memory;
      buffer = std::move(larger);
      capacity = begun.size();
    }
    if (!begun.empty()) std::memcpy(buffer.get(), begun.data(), begun.size());
    end = begun.size();
    std::swap(input, from);
    if (input.from_damaged_frame()) damaged_from = 0;
    return {};
  }

  // Lets go of what was read of a line whose end is not here yet.
  void skip(errc why) noexcept {
    if (!std::exchange(skipping, true)) {
      line_offset = begin_offset;
      skipped_for = why;
    }
    begin_offset += end - begin;
    begin = scanned = end = 0;
  }

  // Makes room and reads. Whatever goes wrong with that ends the input; a line that there is no
  // memory for costs that line.
  void refill() noexcept {
    if (begin > 0) {
      std::memmove(buffer.get(), buffer.get() + begin, end - begin);
      end -= begin;
      scanned -= begin;
      begin = 0;
    }
    if (end == capacity) {
      std::unique_ptr<char[]> grown(new (std::nothrow) char[2 * capacity]);
      if (grown) {
        std::memcpy(grown.get(), buffer.get(), end);
        buffer = std::move(grown);
        capacity *= 2;
      } else {
        skip(errc::out_of_memory);
      }
    }
    std::size_t n = 0;
    {
      const callback_scope scope(in_stream);
      fault = input.read(std::as_writable_bytes(std::span(buffer.get() + end, capacity - end)), n);
    }
    input_ended = fault || n == 0;
    if (n > 0 && damaged_from == no_damage && input.from_damaged_frame())
      damaged_from = begin_offset + (end - begin);
    end += n;
  }

  bool resume() noexcept {
    const callback_scope scope(in_stream);
    return input.resume();
  }

  // Passes over a byte-order mark at the start of the text, where it is part of no line: a file
  // that has nothing else has no line. False where more must be read to tell.
  bool pass_mark() noexcept {
    const std::string_view head(buffer.get(), std::min(end, byte_order_mark.size()));
    if (head == byte_order_mark) {
      begin = scanned = head.size();
      begin_offset = head.size();
    } else if (!input_ended && byte_order_mark.starts_with(head)) {
      return false;
    }
    at_start = false;
    return true;
  }

  // Takes `size` bytes as a line and `with_end` bytes off the buffer.
  void take(std::size_t size, std::size_t with_end) noexcept {
    ++line_number;
    if (!skipping) line_offset = begin_offset;
    line_damaged = damaged_from < begin_offset + size;
    line = skipping ? std::string_view() : std::string_view(buffer.get() + begin, size);
    begin += with_end;
    begin_offset += with_end;
    scanned = begin;
  }

  std::error_code parse(record & out) noexcept {
    if (std::exchange(skipping, false)) return skipped_for;
    if (line.size() > max_line) {
      line = {};
      return errc::line_too_long;
    }
    if (const std::error_code ec = out.parse(line)) return ec;
    if (out.has_metadata()) {
      metadata m;
      big_endian = out.get_metadata(m) && m.byte_order == "big";
    }
    return {};
  }

  // Whether a bad line belongs to damage that is reported already. A damaged frame is reported
  // once, as the frame's fault, not line by line. A stretch that is no JSON (zeros after a power
  // cut, a frame without its beginning) is reported once, with its first line, up to the next
  // record.
  [[nodiscard]] bool is_part_of_damage(const std::error_code& ec) noexcept {
    if (!ec || ec == errc::out_of_memory) {
      in_garbage = false;
      return false;
    }
    if (line_damaged) return true;
    const bool json = may_begin_object(line);
    return std::exchange(in_garbage, in_garbage || !json);
  }

  std::error_code next(record & out, bool& more) noexcept {
    for (;;) {
      if (at_start && !pass_mark()) {
        refill();
        continue;
      }
      const auto* const newline =
          static_cast<const char*>(std::memchr(buffer.get() + scanned, '\n', end - scanned));
      if (newline != nullptr) {
        auto size = static_cast<std::size_t>(newline - (buffer.get() + begin));
        const bool segment = stops_at_segment &&
                             std::string_view(buffer.get() + begin, size).ends_with(segment_line);
        if (segment && !skipping) {
          at_segment = true;
          more = false;
          line = {};
          return {};
        }
        // A line that is not kept is told before the segment that it ends at.
        if (segment) size -= segment_line.size();
        take(size, segment ? size : size + 1);
        if (!skipping && is_blank(line)) continue;
        const std::error_code ec = parse(out);
        if (is_part_of_damage(ec)) continue;
        return ec;
      }
      scanned = end;
      // One more than the limit for the '\r' of "\r\n".
      if (skipping || end - begin > max_line + 1) skip(errc::line_too_long);
      if (!input_ended) {
        refill();
        continue;
      }
      if (skipping || begin != end) {
        take(end - begin, end - begin);
        if (!skipping && is_blank(line)) continue;
        const std::error_code ec = parse(out);
        if (is_part_of_damage(ec)) continue;
        if (!ec || ec == errc::line_too_long || ec == errc::out_of_memory) return ec;
        // A line cut by a cut frame is the same damage; it is told once.
        if (fault) continue;
        return errc::unterminated_line;
      }
      if (fault) {
        broken = true;
        damaged_from = no_damage;
        return std::exchange(fault, std::error_code());
      }
      if (std::exchange(broken, false) && resume()) {
        input_ended = false;
        continue;
      }
      more = false;
      line = {};
      return {};
    }
  }
};

archive_reader::archive_reader(archive_reader&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

archive_reader& archive_reader::operator=(archive_reader&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

archive_reader::~archive_reader() { delete impl_; }

std::error_code archive_reader::open_path(std::string_view path,
                                          const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  return impl_->input.open_path(path, impl_->stream);
}

std::error_code archive_reader::open_fd(int fd, const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  return impl_->input.open_fd(fd, impl_->stream);
}

std::error_code archive_reader::open_memory(bytes_view bytes,
                                            const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  return impl_->input.open_memory(bytes, impl_->stream);
}

std::error_code archive_reader::open_stream(stream_reader& stream, bytes_view begun,
                                            const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  return impl_->begin_with(stream, begun);
}

std::error_code archive_reader::close() noexcept {
  if (impl_ != nullptr && impl_->in_stream) return errc::busy;
  delete std::exchange(impl_, nullptr);
  return {};
}

std::error_code archive_reader::next(record& out, bool& more) noexcept {
  more = impl_ != nullptr && impl_->buffer != nullptr;
  if (more && impl_->in_stream) return errc::busy;
  return more ? impl_->next(out, more) : std::error_code(errc::not_open);
}

std::uint64_t archive_reader::line_number() const noexcept {
  return impl_ == nullptr ? 0 : impl_->line_number;
}
std::uint64_t archive_reader::line_offset() const noexcept {
  return impl_ == nullptr ? 0 : impl_->line_offset;
}
std::string_view archive_reader::line() const& noexcept {
  return impl_ == nullptr ? std::string_view() : impl_->line;
}
bool archive_reader::from_damaged_frame() const noexcept {
  return impl_ != nullptr && impl_->line_damaged;
}
bool archive_reader::big_endian() const noexcept { return impl_ != nullptr && impl_->big_endian; }
std::uint64_t archive_reader::compressed_offset() const noexcept {
  return impl_ == nullptr ? 0 : impl_->input.compressed_offset();
}
std::uint64_t archive_reader::window_needed() const noexcept {
  return impl_ == nullptr ? 0 : impl_->input.window_needed();
}
std::uint32_t archive_reader::dictionary_needed() const noexcept {
  return impl_ == nullptr ? 0 : impl_->input.dictionary_needed();
}
void archive_reader::stop_at_segment() noexcept {
  if (impl_ != nullptr) impl_->stops_at_segment = true;
}

bool archive_reader::hand_over_segment(stream_reader& to, bytes_view& begun) noexcept {
  if (impl_ == nullptr || !impl_->at_segment) return false;
  impl& i = *impl_;
  begun = std::as_bytes(std::span(i.buffer.get() + i.begin, i.end - i.begin));
  std::swap(to, i.input);
  i.at_segment = false;
  i.begin = i.scanned = i.end = 0;
  i.input_ended = true;
  return true;
}

bool archive_reader::is_zstd() const noexcept { return impl_ != nullptr && impl_->input.is_zstd(); }

}  // namespace tcpinfo::inline v0
