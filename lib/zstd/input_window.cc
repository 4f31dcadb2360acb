// SPDX-License-Identifier: Apache-2.0
#include "zstd/input_window.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <tcpinfo/error.h>

#include "common/callback_scope.h"
#include "common/errno_of.h"

namespace tcpinfo::inline v0 {
namespace {

// More would leave the processor's cache before it is decoded.
constexpr std::size_t read_size = std::size_t{128} << 10;

}  // namespace

std::error_code input_window::read_some(std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  if (fn_ != nullptr) {
    const callback_scope scope(in_callback_);
    std::size_t got = 0;
    std::error_code ec = fn_(user_, out, got);
    // Bytes that the function cannot have written.
    if (!ec && got > out.size()) ec = errc::invalid_argument;
    has_failed_ = static_cast<bool>(ec);
    if (!ec) n = got;
    return ec;
  }
  for (;;) {
    const ssize_t got = ::read(fd_, out.data(), out.size());
    if (got >= 0) {
      n = static_cast<std::size_t>(got);
      return {};
    }
    if (errno == EINTR) continue;
    has_failed_ = true;
    return last_error();
  }
}

std::error_code input_window::need_buffer() noexcept {
  // Pages that are not used are not there: most inputs need a tenth of it.
  if (!buffer_) buffer_.reset(new (std::nothrow) std::byte[capacity_]);
  return buffer_ ? std::error_code() : errc::out_of_memory;
}

void input_window::open(bytes_view memory) noexcept {
  close();
  bytes_ = memory;
}

std::error_code input_window::open(read_callback fn, void* user) noexcept {
  close();
  if (const auto ec = need_buffer()) return ec;
  fn_ = fn;
  user_ = user;
  at_end_ = false;
  return {};
}

std::error_code input_window::open(int fd, bool owned) noexcept {
  close();
  if (const auto ec = need_buffer()) {
    if (owned) ::close(fd);
    return ec;
  }
  fd_ = fd;
  owned_ = owned;
  at_end_ = false;
  return {};
}

void input_window::close() noexcept {
  if (owned_) ::close(fd_);
  owned_ = false;
  fd_ = -1;
  fn_ = nullptr;
  has_failed_ = false;
  bytes_ = {};
  begin_ = 0;
  at_end_ = true;
}

std::error_code input_window::fill(std::uint64_t keep) noexcept {
  if (at_end_) return {};
  const bytes_view kept = from(keep);
  if (!kept.empty() && kept.data() != buffer_.get())
    std::memmove(buffer_.get(), kept.data(), kept.size());
  bytes_ = {buffer_.get(), kept.size()};
  begin_ = keep;
  const std::size_t room = std::min(capacity_ - kept.size(), read_size);
  // Whoever keeps more than there is room for would take a full buffer for the input's end.
  if (room == 0) {
    has_failed_ = true;  // nor is it tried again from where an earlier fault was
    return errc::out_of_memory;
  }
  std::size_t n = 0;
  if (const auto ec = read_some({buffer_.get() + kept.size(), room}, n)) return ec;
  at_end_ = n == 0;
  bytes_ = {buffer_.get(), kept.size() + n};
  return {};
}

std::error_code input_window::need(std::uint64_t offset, std::uint64_t keep) noexcept {
  while (end() < offset && !at_end_)
    if (const auto ec = fill(keep)) return ec;
  return {};
}

std::error_code input_window::read(std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  if (at_end_) return {};
  begin_ = end();
  bytes_ = {};
  if (const auto ec = read_some(out, n)) return ec;
  at_end_ = n == 0;
  begin_ += n;
  return {};
}

}  // namespace tcpinfo::inline v0
