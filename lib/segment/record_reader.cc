// SPDX-License-Identifier: Apache-2.0
//
// Archives and segments as one stream of records. Reading begins as if it were an archive, whose
// reader stops where a segment begins: a block's magic number is the end of no line.
#include <memory>
#include <new>
#include <utility>

#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include "common/blank_line.h"
#include "common/callback_scope.h"
#include "common/known_part.h"
#include "common/text_head.h"

namespace tcpinfo::inline v0 {
namespace {

std::string_view without_end(std::string_view line) noexcept {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

struct [[gnu::visibility("hidden")]] record_reader::impl {
  archive_reader archive;
  segment_reader segment;
  archive_reader_options options;
  bool open = false;
  bool in_segment = false;
  bool reading = false;  // in next(), which a callback of the stream must not use
  // Of a segment.
  segment_record held;  // behind the metadata record that was made of its archive
  bool holds = false;
  bool gave = false;  // a record, by the latest call
  bool begins = false;
  bool goes_on = false;
  bool in_garbage = false;  // the lines before were none, and looked like none
  bool big_endian = false;
  std::string_view line;

  [[nodiscard]] std::error_code begin(std::error_code ec,
                                      const archive_reader_options& given) noexcept;
  [[nodiscard]] std::error_code next(record & out, segment_record * as_is, bool& more) noexcept;
  [[nodiscard]] std::error_code next_of_segment(record & out, segment_record * as_is,
                                                bool& more) noexcept;
  [[nodiscard]] std::error_code take(const segment_record& r, record& out,
                                     segment_record* as_is) noexcept;
};

std::error_code record_reader::impl::begin(std::error_code ec,
                                           const archive_reader_options& given) noexcept {
  if (ec == errc::busy) return ec;
  open = !ec;
  in_segment = holds = gave = begins = goes_on = in_garbage = big_endian = false;
  line = {};
  if (ec) return ec;
  options = given;
  archive.stop_at_segment();
  return {};
}

// `as_is`: where a segment's message goes without being copied into `out`; null: nowhere.
std::error_code record_reader::impl::next(record& out, segment_record* as_is, bool& more) noexcept {
  if (!in_segment) {
    if (const auto ec = archive.next(out, more); ec || more) return ec;
    stream_reader stream;
    bytes_view begun;
    if (!archive.hand_over_segment(stream, begun)) return {};
    in_segment = more = true;
    segment_reader_options given;
    given.max_window_log = options.max_window_log;
    if (const auto ec = segment.open_stream(stream, begun, given)) {
      open = false;
      return ec;
    }
  }
  return next_of_segment(out, as_is, more);
}

std::error_code record_reader::impl::next_of_segment(record& out, segment_record* as_is,
                                                     bool& more) noexcept {
  // Lines that are blank or bad begin no archive: its first record does.
  if (std::exchange(gave, false)) begins = goes_on = false;
  for (;;) {
    line = {};
    if (!std::exchange(holds, false)) {
      held = {};
      if (const auto ec = segment.next(held, more); ec || !more) {
        begins = goes_on = false;
        return ec;
      }
      if (held.first != 0) {
        begins = true;
        in_garbage = false;
        const segment_archive& a = segment.archive();
        goes_on = a.goes_on != 0;
        big_endian = a.about != nullptr && a.about->byte_order == "big";
        if (a.about != nullptr) {
          holds = true;
          const auto ec = out.assign(*a.about);
          gave = !ec;
          return ec;
        }
      }
    }
    if (held.m.bytes.empty()) {
      line = without_end(held.line);
      // As at the beginning of an archive's file, and nowhere else.
      const segment_archive& a = segment.archive();
      const bool at_start = held.first != 0 && a.goes_on == 0 && a.about == nullptr;
      if (at_start && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
      if (is_blank(line)) continue;
    }
    const auto ec = take(held, out, as_is);
    gave = !ec;
    // A run of lines that look like no records is told once, as in an archive.
    if (!ec)
      in_garbage = false;
    else if (ec != errc::out_of_memory &&
             std::exchange(in_garbage, in_garbage || !may_begin_object(line)))
      continue;
    return ec;
  }
}

std::error_code record_reader::impl::take(const segment_record& r, record& out,
                                          segment_record* as_is) noexcept {
  if (!r.m.bytes.empty()) {
    if (as_is == nullptr) return out.assign(r.time, r.m, extras_of(r));
    fill_known(*as_is, r);
    return {};
  }
  if (line.size() > options.max_line) {
    line = {};
    return errc::line_too_long;
  }
  if (const auto ec = out.parse(line)) return ec;
  if (const auto about = out.about()) big_endian = about->byte_order == "big";
  return {};
}

record_reader::record_reader(record_reader&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

record_reader& record_reader::operator=(record_reader&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

record_reader::~record_reader() { delete impl_; }

std::error_code record_reader::open_path(std::string_view path,
                                         const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (impl_->reading) return errc::busy;
  return impl_->begin(impl_->archive.open_path(path, options), options);
}

std::error_code record_reader::open_fd(int fd, const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (impl_->reading) return errc::busy;
  return impl_->begin(impl_->archive.open_fd(fd, options), options);
}

std::error_code record_reader::open_memory(bytes_view bytes,
                                           const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (impl_->reading) return errc::busy;
  return impl_->begin(impl_->archive.open_memory(bytes, options), options);
}

std::error_code record_reader::open_stream(stream_reader& stream, bytes_view begun,
                                           const archive_reader_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (impl_->reading) return errc::busy;
  return impl_->begin(impl_->archive.open_stream(stream, begun, options), options);
}

std::error_code record_reader::close() noexcept {
  if (impl_ != nullptr && impl_->reading) return errc::busy;
  delete std::exchange(impl_, nullptr);
  return {};
}

std::error_code record_reader::next(record& out, bool& more) noexcept {
  more = impl_ != nullptr && impl_->open;
  if (!more) return errc::not_open;
  if (impl_->reading) return errc::busy;
  const callback_scope scope(impl_->reading);
  return impl_->next(out, nullptr, more);
}

std::error_code record_reader::next(record& out, segment_record& as_is, bool& more) noexcept {
  more = impl_ != nullptr && impl_->open;
  if (!more) return errc::not_open;
  if (impl_->reading) return errc::busy;
  if (as_is.size < sizeof as_is.size) return errc::invalid_argument;
  fill_known(as_is, {});
  const callback_scope scope(impl_->reading);
  return impl_->next(out, &as_is, more);
}

bool record_reader::is_segment() const noexcept { return impl_ != nullptr && impl_->in_segment; }
std::string_view record_reader::path() const& noexcept {
  return is_segment() ? impl_->segment.archive().path : std::string_view();
}
bool record_reader::begins_archive() const noexcept { return is_segment() && impl_->begins; }
bool record_reader::goes_on() const noexcept { return is_segment() && impl_->goes_on; }
std::uint64_t record_reader::missing_records() const noexcept {
  return is_segment() ? impl_->segment.missing_records() : 0;
}
std::uint64_t record_reader::line_number() const noexcept {
  if (impl_ == nullptr) return 0;
  return impl_->in_segment ? impl_->segment.record_number() : impl_->archive.line_number();
}
std::string_view record_reader::line() const& noexcept {
  if (impl_ == nullptr) return {};
  return impl_->in_segment ? impl_->line : impl_->archive.line();
}
bool record_reader::from_damaged_frame() const noexcept {
  return impl_ != nullptr && !impl_->in_segment && impl_->archive.from_damaged_frame();
}
bool record_reader::big_endian() const noexcept {
  if (impl_ == nullptr) return false;
  return impl_->in_segment ? impl_->big_endian : impl_->archive.big_endian();
}
std::uint64_t record_reader::compressed_offset() const noexcept {
  if (impl_ == nullptr) return 0;
  return impl_->in_segment ? impl_->segment.compressed_offset()
                           : impl_->archive.compressed_offset();
}
std::uint64_t record_reader::window_needed() const noexcept {
  if (impl_ == nullptr) return 0;
  return impl_->in_segment ? impl_->segment.window_needed() : impl_->archive.window_needed();
}
std::uint32_t record_reader::dictionary_needed() const noexcept {
  if (impl_ == nullptr) return 0;
  return impl_->in_segment ? impl_->segment.dictionary_needed()
                           : impl_->archive.dictionary_needed();
}
bool record_reader::is_zstd() const noexcept {
  if (impl_ == nullptr) return false;
  return impl_->in_segment ? impl_->segment.is_zstd() : impl_->archive.is_zstd();
}

}  // namespace tcpinfo::inline v0
