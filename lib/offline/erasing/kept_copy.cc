// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/kept_copy.h"

#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>

#include <span>
#include <utility>

#include "common/text_head.h"
#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

// As the collector writes them.
constexpr std::size_t frame_text = std::size_t{128} << 10;
constexpr std::int32_t frame_level = 3;

std::error_code write_to(int fd, std::string_view text) {
  const int error = text::write_all(fd, text);
  return error == 0 ? std::error_code() : std::error_code(error, std::generic_category());
}

}  // namespace

std::error_code archive_copy::begin(int fd, bool packed) {
  fd_ = fd;
  packed_ = packed;
  text_.clear();
  return packed ? frames_.create(frame_level) : std::error_code();
}

std::error_code archive_copy::add(std::string_view line) {
  text_ += line;
  return text_.size() < frame_text ? std::error_code() : write();
}

std::error_code archive_copy::write() {
  std::string_view out = text_;
  if (packed_) {
    frame_.resize(frame_writer::bound(text_.size()));
    std::size_t size = 0;
    if (const std::error_code ec =
            frames_.compress(std::as_bytes(std::span(std::as_const(text_))), frame_, size))
      return ec;
    out = as_text(bytes_view(frame_).first(size));
  }
  const std::error_code ec = write_to(fd_, out);
  text_.clear();
  return ec;
}

std::error_code archive_copy::finish() { return text_.empty() ? std::error_code() : write(); }

std::error_code segment_copy::begin(int fd) {
  fd_ = fd;
  blocks_ = 0;
  begun_ = goes_on_ = false;
  beginnings_lost_.clear();
  return writer_.create({});
}

std::error_code segment_copy::flush() {
  bytes_view block;
  if (const std::error_code ec = writer_.flush(block)) return ec;
  begun_ = false;
  return write_to(fd_, as_text(block));
}

std::error_code segment_copy::begin_archive(const segment_archive& a, bool about) {
  segment_archive copy = a;
  if (!about) copy.about = nullptr;
  copy.goes_on = goes_on_ ? 1 : 0;
  std::error_code ec = writer_.begin(copy, number_);
  if (ec == errc::buffer_too_small) {
    if (const std::error_code failed = flush()) return failed;
    ec = writer_.begin(copy, number_);
  }
  begun_ = !ec;
  return ec;
}

void segment_copy::skip(const segment_reader& from, const segment_record& r) {
  if (r.first == 0) return;
  begun_ = false;
  goes_on_ = from.archive().goes_on != 0;
  // Its archive begins with what is kept of it, if anything is.
  if (!goes_on_) beginnings_lost_.insert(keys_(from.archive().path));
}

std::error_code segment_copy::add(const segment_reader& from, const segment_record& r, bool about) {
  // Blocks end where they ended, so that each is as much at risk as it was.
  if (from.blocks() != blocks_ && writer_.waiting() != 0)
    if (const std::error_code ec = flush()) return ec;
  blocks_ = from.blocks();
  if (r.first != 0) {
    begun_ = false;
    goes_on_ = from.archive().goes_on != 0;
  }
  for (bool again = true;; again = false) {
    if (!begun_) {
      if (!beginnings_lost_.empty() && beginnings_lost_.erase(keys_(from.archive().path)) != 0)
        goes_on_ = false;
      if (const std::error_code ec = begin_archive(from.archive(), about)) return ec;
    }
    const std::error_code ec = r.m.bytes.empty() ? writer_.add_line(number_, r.line)
                                                 : writer_.add(number_, r.time, r.m, extras_of(r));
    if (!ec) goes_on_ = true;
    if (ec != errc::buffer_too_small || !again) return ec;
    if (const std::error_code failed = flush()) return failed;
  }
}

std::error_code segment_copy::finish(bool index) {
  if (writer_.waiting() != 0)
    if (const std::error_code ec = flush()) return ec;
  if (!index) return {};
  bytes_view frame;
  if (const std::error_code ec = writer_.finish(frame)) return ec;
  return write_to(fd_, as_text(frame));
}

}  // namespace tcpinfo::offline
