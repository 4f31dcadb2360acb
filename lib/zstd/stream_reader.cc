// SPDX-License-Identifier: Apache-2.0
//
// The public face of frame_reader: opens inputs.
#include <fcntl.h>

#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include <tcpinfo/zstd.h>

#include "common/errno_of.h"
#include "zstd/frame_reader.h"

namespace tcpinfo::inline v0 {

struct [[gnu::visibility("hidden")]] stream_reader::impl : frame_reader{};

namespace {

// Before anything was opened, and after close().
constexpr read_progress none;

template <class Impl>
bool is_busy(Impl* impl) noexcept {
  return impl != nullptr && impl->input().in_callback();
}

template <class Impl>
std::error_code make_ready(Impl*& impl, const stream_options& options) noexcept {
  if (is_busy(impl)) return errc::busy;
  if (impl == nullptr) impl = new (std::nothrow) Impl;
  return impl == nullptr ? std::error_code(errc::out_of_memory) : impl->prepare(options);
}

}  // namespace

stream_reader::stream_reader(stream_reader&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

stream_reader& stream_reader::operator=(stream_reader&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

stream_reader::~stream_reader() { delete impl_; }

std::error_code stream_reader::open_path(std::string_view path,
                                         const stream_options& options) noexcept {
  if (path.find('\0') != std::string_view::npos) return errc::invalid_argument;
  if (const std::error_code ec = make_ready(impl_, options)) return ec;
  int fd = -1;
  try {
    fd = ::open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {
    return errc::invalid_argument;
  }
  if (fd < 0) {
    const std::error_code ec = last_error();
    impl_->fail_all(ec);
    return ec;
  }
  return impl_->input().open(fd, true);
}

std::error_code stream_reader::open_fd(int fd, const stream_options& options) noexcept {
  if (const std::error_code ec = make_ready(impl_, options)) return ec;
  return impl_->input().open(fd, false);
}

std::error_code stream_reader::open_callback(read_callback fn, void* user,
                                             const stream_options& options) noexcept {
  if (fn == nullptr) return errc::invalid_argument;
  if (const std::error_code ec = make_ready(impl_, options)) return ec;
  return impl_->input().open(fn, user);
}

std::error_code stream_reader::open_memory(bytes_view bytes,
                                           const stream_options& options) noexcept {
  if (const std::error_code ec = make_ready(impl_, options)) return ec;
  impl_->input().open(bytes);
  return {};
}

std::error_code stream_reader::close() noexcept {
  if (is_busy(impl_)) return errc::busy;
  delete std::exchange(impl_, nullptr);
  return {};
}

std::error_code stream_reader::read(std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  if (is_busy(impl_)) return errc::busy;
  return impl_ == nullptr ? std::error_code(errc::not_open) : impl_->read(out, n);
}

bool stream_reader::resume() noexcept {
  return impl_ != nullptr && !is_busy(impl_) && impl_->resume();
}

bool stream_reader::is_zstd() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).is_zstd;
}
bool stream_reader::from_damaged_frame() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).delivered_damaged;
}
std::uint64_t stream_reader::compressed_offset() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).at;
}
std::uint64_t stream_reader::content_offset() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).delivered;
}
std::uint64_t stream_reader::whole_frames_end() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).whole_end;
}
std::uint64_t stream_reader::whole_frames_content() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).whole_content;
}
std::uint64_t stream_reader::frames() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).frames;
}
std::uint64_t stream_reader::window_needed() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).window_needed;
}
std::uint32_t stream_reader::dictionary_needed() const noexcept {
  return (impl_ == nullptr ? none : impl_->progress()).dictionary_needed;
}

}  // namespace tcpinfo::inline v0
