// SPDX-License-Identifier: Apache-2.0
//
// Decodes one frame block by block: a frame that is too large to be here as a whole, or what is
// sound of a damaged one.
#ifndef TCPINFO_ZSTD_BLOCK_DECODER_H
#define TCPINFO_ZSTD_BLOCK_DECODER_H

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>

#include "zstd/damage.h"
#include "zstd/frame_head.h"
#include "zstd/input_window.h"

namespace tcpinfo::inline v0 {

/// What one step came to.
enum class block_step : std::uint8_t {
  decoded,      ///< perhaps nothing; go on
  wants_input,  ///< more of the input has to be here, and keep_from() with it
  frame_end,
  failed,  ///< fault() says why
};

class block_decoder {
 public:
  /// Begins with the frame at `begin`, of which `head` was read. `head.size` is 0 where nothing of
  /// it could be: then the first step fails. `context` must outlive the decoding.
  void begin(ZSTD_DCtx* context, std::uint64_t begin, const frame_head& head) noexcept;
  /// Then: the frame is damaged. It is decoded up to there, and fails by that fault.
  void stop_at(const frame_damage& damage) noexcept { damage_ = damage; }

  /// Decodes one block, or the head, or what follows the last block: on an error the decoder does
  /// not tell what it wrote before it in the same call. `n`: bytes in `out`.
  [[nodiscard]] block_step step(const input_window& input, std::span<std::byte> out,
                                std::size_t& n) noexcept;

  /// Offset in the input up to which the frame is decoded.
  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  /// Offset from which the window must keep the input: a block whose size is wrong swallows what
  /// follows, and the frames in that are to be found again.
  [[nodiscard]] std::uint64_t keep_from() const noexcept;
  [[nodiscard]] bool is_damaged() const noexcept { return damage_.stop_at != no_limit; }
  [[nodiscard]] const std::error_code& fault() const noexcept { return damage_.fault; }
  /// After a fault: where the next frame may begin.
  [[nodiscard]] std::uint64_t resume_from() const noexcept { return damage_.resume_from; }

 private:
  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] block_step find_step(const input_window& input) noexcept;
  [[nodiscard]] block_step pass(const input_window& input) noexcept;
  [[nodiscard]] block_step fail(std::error_code ec) noexcept;

  ZSTD_DCtx* context_ = nullptr;
  frame_head head_;
  std::uint64_t frame_begin_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t step_begin_ = 0;  // what the decoder is given at once
  std::uint64_t step_end_ = 0;
  frame_damage damage_;
  bool in_tail_ = false;       // the last block has been given to the decoder
  bool decoder_full_ = false;  // the decoder may hold content that did not fit in `out`
  bool passing_ = false;       // there is no memory for the frame
};

}  // namespace tcpinfo::inline v0

#endif
