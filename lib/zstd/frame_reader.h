// SPDX-License-Identifier: Apache-2.0
//
// Reads the frames of an input one after the other, or its text: what stream_reader promises.
#ifndef TCPINFO_ZSTD_FRAME_READER_H
#define TCPINFO_ZSTD_FRAME_READER_H

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include <tcpinfo/bytes.h>
#include <tcpinfo/zstd.h>

#include "zstd/block_decoder.h"
#include "zstd/frame_extent.h"
#include "zstd/input_window.h"

namespace tcpinfo::inline v0 {

/// How far the reading of an input has come.
struct read_progress {
  bool is_zstd = false;
  bool delivered_damaged = false;  ///< the latest bytes are of a damaged frame
  std::uint64_t at = 0;            ///< consumed of the input
  std::uint64_t delivered = 0;     ///< bytes of content
  std::uint64_t whole_end = 0;     ///< offset behind the last whole frame
  std::uint64_t whole_content = 0;
  std::uint64_t frames = 0;
  std::uint64_t window_needed = 0;
  std::uint32_t dictionary_needed = 0;
};

/// One thread at a time.
class frame_reader {
 public:
  frame_reader() noexcept;

  /// Forgets the input before. Then open input(). @return errc::out_of_memory, invalid_argument.
  [[nodiscard]] std::error_code prepare(const stream_options& given) noexcept;
  [[nodiscard]] input_window& input() noexcept { return input_; }
  /// Every read() will fail so: the input could not be opened.
  void fail_all(std::error_code ec) noexcept { fault_ = ec; }

  [[nodiscard]] std::error_code read(std::span<std::byte> out, std::size_t& n) noexcept;
  [[nodiscard]] bool resume() noexcept;
  [[nodiscard]] const read_progress& progress() const noexcept { return progress_; }

 private:
  // What comes next in the input.
  enum class stage : std::uint8_t {
    start,     // nothing was looked at
    text,      // no zstd
    boundary,  // a frame begins here, or the input ends
    skippable,
    frame,   // it is looked at as a whole
    held,    // it was decoded, and waits in `scratch_`
    blocks,  // it is decoded block by block
  };
  struct free_dctx {
    void operator()(ZSTD_DCtx* d) const noexcept { ZSTD_freeDCtx(d); }
  };
  using output = std::span<std::byte>;

  std::error_code read_on(std::size_t n, std::uint64_t keep) noexcept;
  std::error_code fail(std::error_code ec, std::uint64_t from) noexcept;
  std::error_code detect() noexcept;
  std::error_code read_text(output out, std::size_t& n) noexcept;
  std::error_code begin_frame(std::size_t n) noexcept;
  std::error_code skip(std::size_t n) noexcept;
  void end_frame() noexcept;
  std::error_code look_at_frame(output out, std::size_t& n) noexcept;
  std::error_code decode_whole(output out, std::size_t& n) noexcept;
  bool need_scratch(std::size_t size) noexcept;
  void hand_over(output out, std::size_t& n) noexcept;
  std::error_code salvage(std::error_code fault, std::uint64_t size, std::size_t n) noexcept;
  void begin_blocks() noexcept;
  std::error_code read_blocks(output out, std::size_t& n) noexcept;

  std::unique_ptr<ZSTD_DCtx, free_dctx> context_;
  input_window input_;
  std::unique_ptr<std::byte[]> scratch_;
  std::size_t scratch_size_ = 0;
  bytes_view held_;  // of scratch_: not delivered yet
  stage next_ = stage::start;
  bool stop_ = false;  // read() is to return with what it has
  std::uint64_t max_window_ = 0;
  std::error_code fault_;
  std::uint64_t resume_from_ = 0;  // after a fault: where a frame may begin
  read_progress progress_;
  std::uint64_t frame_begin_ = 0;
  std::uint64_t skippable_end_ = 0;
  frame_extent extent_;
  block_decoder blocks_;
};

}  // namespace tcpinfo::inline v0

#endif
