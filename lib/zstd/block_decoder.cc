// SPDX-License-Identifier: Apache-2.0
#include "zstd/block_decoder.h"

#include <algorithm>

#include <tcpinfo/error.h>

#include "zstd/zstd_error.h"

namespace tcpinfo::inline v0 {
namespace {

// Of the input that has been decoded.
constexpr std::uint64_t kept_behind = std::uint64_t{512} << 10;

}  // namespace

void block_decoder::begin(ZSTD_DCtx* context, std::uint64_t begin,
                          const frame_head& head) noexcept {
  context_ = context;
  static_cast<void>(ZSTD_initDStream(context));
  head_ = head;
  frame_begin_ = at_ = step_begin_ = begin;
  step_end_ = begin + head.size;
  damage_ = {no_limit, 0, {}};
  in_tail_ = decoder_full_ = passing_ = false;
}

std::uint64_t block_decoder::keep_from() const noexcept {
  return std::max(frame_begin_, step_begin_ - std::min(step_begin_, kept_behind));
}

// What is damaged fails by the fault that was found in the frame as a whole, and what there was no
// memory for by that.
block_step block_decoder::fail(std::error_code ec) noexcept {
  if (passing_) ec = errc::out_of_memory;
  if (!is_damaged()) damage_ = {no_limit, std::max(frame_begin_ + 1, keep_from()), ec};
  return block_step::failed;
}

block_step block_decoder::step(const input_window& input, std::span<std::byte> out,
                               std::size_t& n) noexcept {
  if (passing_) return pass(input);
  if (!decoder_full_ && at_ == step_end_ && at_ > frame_begin_) {
    const block_step found = find_step(input);
    if (found != block_step::decoded) return found;
  }
  // Without a head there is nothing to decode.
  if (step_end_ == frame_begin_ || step_end_ > damage_.stop_at) return block_step::failed;
  const bytes_view step =
      input.from(at_).first(decoder_full_ ? 0 : static_cast<std::size_t>(step_end_ - at_));
  ZSTD_inBuffer in{step.data(), step.size(), 0};
  ZSTD_outBuffer to{out.data() + n, out.size() - n, 0};
  const std::size_t result = ZSTD_decompressStream(context_, &to, &in);
  if (ZSTD_isError(result) != 0) {
    const std::error_code ec = from_zstd(result, errc::corrupt_frame);
    // The decoder takes memory when it has read the head, and never again.
    passing_ = ec == errc::out_of_memory && step_end_ == frame_begin_ + head_.size && !is_damaged();
    return passing_ ? block_step::decoded : fail(ec);
  }
  at_ += in.pos;
  n += to.pos;
  decoder_full_ = to.pos == to.size;
  if (result != 0) return block_step::decoded;
  return is_damaged() ? block_step::failed : block_step::frame_end;
}

// Passes over a block of a frame that there is no memory for. Reading goes on behind the frame, not
// within it, where content may look like another one.
block_step block_decoder::pass(const input_window& input) noexcept {
  at_ = step_end_;
  if (!in_tail_) return find_step(input);
  step_begin_ = at_;
  const std::uint64_t end = at_ + (head_.has_checksum ? checksum_size : 0);
  if (input.end() < end && !input.at_end()) return block_step::wants_input;
  at_ = std::min(end, input.end());
  damage_ = {no_limit, at_, errc::out_of_memory};
  return block_step::failed;
}

// Finds what the decoder is to be given next: a block, or what follows the last one. `decoded`: it
// is here.
block_step block_decoder::find_step(const input_window& input) noexcept {
  std::size_t size = checksum_size;
  bool last = false;
  step_begin_ = at_;
  if (in_tail_) {
    // The decoder has had all of a frame without a checksum, and says that it is not the end.
    if (!head_.has_checksum) return fail(errc::corrupt_frame);
  } else {
    block_head block;
    const parsed result = parse_block_head(input.from(at_), head_, block);
    if (result == parsed::bad) return fail(errc::corrupt_frame);
    size = result == parsed::whole ? block.size : block_head_size;
    last = result == parsed::whole && block.last;
  }
  if (at_ + size > damage_.stop_at) return block_step::failed;
  if (input.end() < at_ + size)
    return input.at_end() ? fail(errc::truncated_frame) : block_step::wants_input;
  step_end_ = at_ + size;
  in_tail_ = in_tail_ || last;
  return block_step::decoded;
}

}  // namespace tcpinfo::inline v0
