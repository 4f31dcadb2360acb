// SPDX-License-Identifier: Apache-2.0
//
// An archive file: lines, gathered into frames, written to a descriptor.
#include <tcpinfo/archive.h>

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tcpinfo/zstd.h>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "common/write_rest.h"

namespace tcpinfo::inline v0 {
namespace {

constexpr mode_t file_mode = 0640;

}  // namespace

struct archive_file_writer::impl {
  int fd = -1;
  archive_file_options options;
  frame_writer frames;
  record_encoder encoder;
  encode_notes notes;
  std::vector<char> lines;       // of the frame that is being filled
  std::vector<std::byte> frame;  // the one before, compressed
  std::error_code fault;         // of writing to the file: nothing can follow

  impl() = default;
  ~impl() {
    if (fd >= 0) ::close(fd);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  /// May throw std::bad_alloc: then what was gathered is still there.
  [[nodiscard]] std::error_code flush() {
    if (fault || lines.empty()) return fault;
    std::string_view bytes(lines.data(), lines.size());
    if (options.plain == 0) {
      frame.resize(frame_writer::bound(lines.size()));
      std::size_t size = 0;
      if (const auto ec = frames.compress(std::as_bytes(std::span(lines)), frame, size)) return ec;
      bytes = {reinterpret_cast<const char*>(frame.data()), size};
    }
    if (const int error = write_rest(fd, bytes)) fault = system_error(error);
    lines.clear();
    return fault;
  }

  /// Appends a line of at most `room` bytes that `encode` writes. May throw: then nothing was
  /// appended.
  template <class Encode>
  [[nodiscard]] std::error_code append(std::size_t room, Encode&& encode) {
    if (fault) return fault;
    const std::size_t before = lines.size();
    lines.resize(before + room);
    std::size_t written = 0;
    const std::error_code ec = encode(std::span(lines).subspan(before), written);
    lines.resize(before + (ec ? 0 : written));
    if (ec || lines.size() < options.frame_bytes) return ec;
    // Where there is no memory for the frame the line stays, and the next one tries again.
    try {
      (void)flush();
    } catch (...) {
    }
    return fault;
  }
};

archive_file_writer::archive_file_writer(archive_file_writer&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

archive_file_writer::~archive_file_writer() { (void)finish(); }

archive_file_writer& archive_file_writer::operator=(archive_file_writer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code archive_file_writer::create(std::string_view path,
                                            const archive_file_options& given) noexcept try {
  archive_file_options options;
  if (const auto ec = read_known(given, options)) return ec;
  if (options.plain > 1 || options.frame_bytes == 0 || path.empty() ||
      path.find('\0') != std::string_view::npos)
    return errc::invalid_argument;
  if (const auto ec = finish()) return ec;
  // What can be refused is refused before there is a file.
  auto made = std::make_unique<impl>();
  made->options = options;
  std::error_code ec = made->frames.create(options.level);
  if (!ec) {
    made->fd =
        ::open(std::string(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
    if (made->fd < 0) ec = last_error();
  }
  if (!ec) impl_ = made.release();
  return ec;
} catch (...) {
  return errc::out_of_memory;
}

std::error_code archive_file_writer::write(const metadata& about) noexcept try {
  if (impl_ == nullptr) return errc::not_open;
  return impl_->append(max_metadata_size(about),
                       [&](std::span<char> out, std::size_t& written) noexcept {
                         return encode_metadata(out, written, about);
                       });
} catch (...) {
  return errc::out_of_memory;
}

std::error_code archive_file_writer::write(const timestamp& time, const message& m,
                                           const record_extras& extras) noexcept try {
  if (impl_ == nullptr) return errc::not_open;
  return impl_->append(max_record_size(m), [&](std::span<char> out, std::size_t& written) noexcept {
    return impl_->encoder.encode(out, written, time, m, extras, &impl_->notes);
  });
} catch (...) {
  return errc::out_of_memory;
}

std::error_code archive_file_writer::flush() noexcept try {
  return impl_ == nullptr ? std::error_code(errc::not_open) : impl_->flush();
} catch (...) {
  return errc::out_of_memory;
}

std::error_code archive_file_writer::finish() noexcept {
  if (impl_ == nullptr) return {};
  std::error_code ec = flush();
  if (::close(std::exchange(impl_->fd, -1)) != 0 && !ec) ec = last_error();
  delete std::exchange(impl_, nullptr);
  return ec;
}

std::error_code archive_file_writer::left_out(encode_notes& out) const noexcept {
  if (out.size < sizeof out.size) return errc::invalid_argument;
  fill_known(out, impl_ == nullptr ? encode_notes{} : impl_->notes);
  return {};
}

}  // namespace tcpinfo::inline v0
