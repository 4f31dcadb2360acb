// SPDX-License-Identifier: Apache-2.0
//
// A stretch of the input, of memory or of a descriptor, by offsets from where reading began: what
// was read and may be looked at again.
#ifndef TCPINFO_ZSTD_INPUT_WINDOW_H
#define TCPINFO_ZSTD_INPUT_WINDOW_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include <tcpinfo/bytes.h>
#include <tcpinfo/zstd.h>

namespace tcpinfo::inline v0 {

class input_window {
 public:
  explicit input_window(std::size_t capacity) noexcept : capacity_(capacity) {}
  ~input_window() { close(); }
  input_window(const input_window&) = delete;
  input_window& operator=(const input_window&) = delete;

  /// Reads memory, which stays the caller's.
  void open(bytes_view memory) noexcept;
  /// Reads what a function hands over.
  [[nodiscard]] std::error_code open(read_callback fn, void* user) noexcept;
  /// Reads a descriptor, and closes it in the end where it is `owned`.
  [[nodiscard]] std::error_code open(int fd, bool owned) noexcept;
  void close() noexcept;

  /// What is here from `offset` on, which is not before what was kept.
  [[nodiscard]] bytes_view from(std::uint64_t offset) const noexcept {
    return bytes_.subspan(static_cast<std::size_t>(offset - begin_));
  }
  /// Offset behind what is here.
  [[nodiscard]] std::uint64_t end() const noexcept { return begin_ + bytes_.size(); }
  /// Whether the input ends there.
  [[nodiscard]] bool at_end() const noexcept { return at_end_; }

  /// Reads once, and forgets what is before `keep`: views are no longer valid. It may block.
  /// @return the errno of read(2).
  [[nodiscard]] std::error_code fill(std::uint64_t keep) noexcept;
  /// Reads until the input is here up to `offset`, or ends.
  [[nodiscard]] std::error_code need(std::uint64_t offset, std::uint64_t keep) noexcept;
  /// Reads straight into the caller's memory, where all that was here has been taken.
  [[nodiscard]] std::error_code read(std::span<std::byte> out, std::size_t& n) noexcept;
  /// Whether reading has failed: there is nothing more to come, whatever was read before.
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
  /// Whether the function that it reads by is running.
  [[nodiscard]] bool in_callback() const noexcept { return in_callback_; }

 private:
  [[nodiscard]] std::error_code read_some(std::span<std::byte> out, std::size_t& n) noexcept;
  [[nodiscard]] std::error_code need_buffer() noexcept;

  std::size_t capacity_;
  std::unique_ptr<std::byte[]> buffer_;  // for all but memory; memory is read in place
  bytes_view bytes_;
  std::uint64_t begin_ = 0;     // offset of bytes_
  read_callback fn_ = nullptr;  // in place of a descriptor
  void* user_ = nullptr;
  bool in_callback_ = false;
  bool has_failed_ = false;
  int fd_ = -1;
  bool owned_ = false;
  bool at_end_ = true;
};

}  // namespace tcpinfo::inline v0

#endif
