// SPDX-License-Identifier: Apache-2.0
#include "zstd/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include <tcpinfo/error.h>

#include "common/known_part.h"
#include "common/zstd_magic.h"
#include "zstd/damage.h"
#include "zstd/detect.h"
#include "zstd/find_frame.h"
#include "zstd/frame_head.h"
#include "zstd/zstd_error.h"

namespace tcpinfo::inline v0 {
namespace {

// A frame up to this size, in the input, is here as a whole before anything of it is delivered, so
// that it is known whether it is damaged. Our own frames hold 1 MiB of text at most.
constexpr std::uint64_t max_whole_frame = std::uint64_t{1} << 20;
// The same, of its content.
constexpr std::uint64_t max_whole_content = std::uint64_t{2} << 20;
// Beside a whole frame: the block that runs over its limit, and what is looked at behind that.
constexpr std::size_t window_size = std::size_t{max_whole_frame} + (std::size_t{512} << 10);

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

}  // namespace

frame_reader::frame_reader() noexcept : input_(window_size) {}

std::error_code frame_reader::prepare(const stream_options& given) noexcept {
  stream_options options;
  if (const std::error_code ec = read_known(given, options)) return ec;
  // 0 is the default of zstd, which no frame would be read with here.
  if (options.reserved != 0 || options.max_window_log == 0) return errc::invalid_argument;
  input_.close();
  held_ = {};
  next_ = stage::start;
  stop_ = false;
  fault_.clear();
  progress_ = {};
  frame_begin_ = 0;
  if (!context_) context_.reset(ZSTD_createDCtx());
  if (!context_) return errc::out_of_memory;
  static_cast<void>(ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only));
  const std::size_t result =
      ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, options.max_window_log);
  if (ZSTD_isError(result) != 0) return errc::invalid_argument;
  max_window_ = std::uint64_t{1} << static_cast<unsigned>(options.max_window_log);
  return {};
}

// Reads on, but hands over first what there is: reading may block.
std::error_code frame_reader::read_on(std::size_t n, std::uint64_t keep) noexcept {
  if (n == 0) return input_.fill(keep);
  stop_ = true;
  return {};
}

std::error_code frame_reader::fail(std::error_code ec, std::uint64_t from) noexcept {
  resume_from_ = from;
  return ec;
}

std::error_code frame_reader::detect() noexcept {
  if (const auto ec = detect_zstd(input_, progress_.is_zstd)) return ec;
  if (input_.from(0).empty()) {
    stop_ = true;
    return {};
  }
  next_ = progress_.is_zstd ? stage::boundary : stage::text;
  return {};
}

std::error_code frame_reader::read_text(output out, std::size_t& n) noexcept {
  stop_ = true;
  const bytes_view here = input_.from(progress_.at);
  if (here.empty()) {
    // Straight into the caller's memory: nothing is looked at here.
    if (const auto ec = input_.read(out, n)) return ec;
  } else {
    n = std::min(out.size(), here.size());
    std::memcpy(out.data(), here.data(), n);
  }
  progress_.at += n;
  progress_.delivered += n;
  return {};
}

std::error_code frame_reader::begin_frame(std::size_t n) noexcept {
  const std::uint64_t at = progress_.at;
  frame_begin_ = at;
  const bytes_view here = input_.from(at);
  const bool need_more = here.size() < zstd_magic::size ||
                         (zstd_magic::is_skippable(here) && here.size() < skippable_head_size);
  if (need_more && !input_.at_end()) return read_on(n, at);
  if (here.empty()) {
    stop_ = true;
    return {};
  }
  if (zstd_magic::is_frame(here)) {
    extent_ = {};
    next_ = stage::frame;
    return {};
  }
  // Behind a frame a single byte, too, is what is left of a skippable one.
  const std::size_t there = std::min(here.size(), zstd_magic::size);
  const bool begins =
      zstd_magic::may_begin(here) || (at != 0 && zstd_magic::agrees_with_skippable(here, there));
  if (need_more && begins) return fail(errc::truncated_frame, input_.end());
  if (!zstd_magic::is_skippable(here)) return fail(errc::corrupt_frame, at + 1);
  skippable_end_ = at + skippable_head_size + skippable_content_size(here);
  next_ = stage::skippable;
  return {};
}

// However long it is: its length is believed, until the input ends before. It may be damaged then,
// and hide frames: as much of it as a whole frame may have is held, to be looked at.
std::error_code frame_reader::skip(std::size_t n) noexcept {
  progress_.at = std::min(skippable_end_, input_.end());
  if (progress_.at == skippable_end_) {
    end_frame();
    return {};
  }
  const std::uint64_t held = std::min(progress_.at - frame_begin_ - 1, max_whole_frame);
  const std::uint64_t from = progress_.at - held;
  return input_.at_end() ? fail(errc::truncated_frame, from) : read_on(n, from);
}

void frame_reader::end_frame() noexcept {
  next_ = stage::boundary;
  ++progress_.frames;
  progress_.whole_end = progress_.at;
  progress_.whole_content = progress_.delivered;
}

std::error_code frame_reader::look_at_frame(output out, std::size_t& n) noexcept {
  const parsed result = extent_.step(input_.from(frame_begin_), max_whole_frame);
  if (extent_.at() > 0 && extent_.head().window > max_window_) {
    progress_.window_needed = extent_.head().window;
    return fail(errc::window_too_large, frame_begin_ + 1);
  }
  if (extent_.at() > 0 && extent_.head().dictionary != 0) {
    progress_.dictionary_needed = extent_.head().dictionary;
    return fail(errc::dictionary_needed, frame_begin_ + 1);
  }
  if (result == parsed::bad) return salvage(errc::corrupt_frame, extent_.at(), n);
  if (std::max(extent_.at(), extent_.end()) > max_whole_frame) {
    begin_blocks();
    return {};
  }
  if (result == parsed::whole) return decode_whole(out, n);
  if (input_.at_end()) return salvage(errc::truncated_frame, input_.end() - frame_begin_, n);
  return read_on(n, frame_begin_);
}

std::error_code frame_reader::decode_whole(output out, std::size_t& n) noexcept {
  const frame_head& head = extent_.head();
  const std::uint64_t most = extent_.max_content();
  // Also where a flipped bit says that there are gigabytes in it.
  if (head.has_content && head.content > most)
    return salvage(errc::corrupt_frame, extent_.end(), n);
  const std::uint64_t size = head.has_content ? head.content : most;
  if (size > max_whole_content) {
    begin_blocks();
    return {};
  }
  const bool direct = out.size() - n >= size;
  if (!direct && !need_scratch(static_cast<std::size_t>(size)))
    return fail(errc::out_of_memory, frame_begin_ + extent_.end());
  std::byte* const to = direct ? out.data() + n : scratch_.get();
  const bytes_view frame = input_.from(frame_begin_).first(static_cast<std::size_t>(extent_.end()));
  const std::size_t result = ZSTD_decompressDCtx(context_.get(), to, static_cast<std::size_t>(size),
                                                 frame.data(), frame.size());
  if (ZSTD_isError(result) != 0) {
    const std::error_code ec = from_zstd(result, errc::corrupt_frame);
    if (ec == errc::out_of_memory) return fail(ec, frame_begin_ + extent_.end());
    return salvage(ec == errc::wrong_checksum ? ec : errc::corrupt_frame, extent_.end(), n);
  }
  progress_.at = frame_begin_ + extent_.end();
  if (direct) {
    n += result;
    progress_.delivered += result;
    progress_.delivered_damaged = false;
    end_frame();
  } else {
    held_ = {scratch_.get(), result};
    next_ = stage::held;
  }
  return {};
}

bool frame_reader::need_scratch(std::size_t size) noexcept {
  if (scratch_size_ >= size) return true;
  scratch_.reset(new (std::nothrow) std::byte[size]);
  scratch_size_ = scratch_ ? size : 0;
  return scratch_size_ >= size;
}

void frame_reader::hand_over(output out, std::size_t& n) noexcept {
  const std::size_t some = std::min(held_.size(), out.size() - n);
  std::memcpy(out.data() + n, held_.data(), some);
  held_ = held_.subspan(some);
  n += some;
  progress_.delivered += some;
  progress_.delivered_damaged = false;
  if (held_.empty()) end_frame();
}

// The frame is damaged behind its first `size` bytes. What of it can be decoded is delivered before
// the fault is.
std::error_code frame_reader::salvage(std::error_code fault, std::uint64_t size,
                                      std::size_t n) noexcept {
  frame_damage damage;
  if (const auto ec = judge_damage(input_, frame_begin_, size, extent_, fault, damage)) return ec;
  begin_blocks();
  blocks_.stop_at(damage);
  // One read() gives bytes of damaged frames only, or none of them.
  stop_ = n > 0;
  return {};
}

void frame_reader::begin_blocks() noexcept {
  blocks_.begin(context_.get(), frame_begin_, extent_.head());
  progress_.at = frame_begin_;
  next_ = stage::blocks;
}

std::error_code frame_reader::read_blocks(output out, std::size_t& n) noexcept {
  const std::size_t before = n;
  const block_step step = blocks_.step(input_, out, n);
  progress_.at = blocks_.at();
  progress_.delivered += n - before;
  if (n > before) progress_.delivered_damaged = blocks_.is_damaged();
  switch (step) {
    case block_step::wants_input:
      return read_on(n, blocks_.keep_from());
    case block_step::failed:
      return fail(blocks_.fault(), blocks_.resume_from());
    case block_step::frame_end:
      end_frame();
      break;
    case block_step::decoded:
      break;
  }
  return {};
}

std::error_code frame_reader::read(std::span<std::byte> out, std::size_t& n) noexcept {
  if (fault_) return fault_;
  std::error_code ec;
  stop_ = false;
  while (n < out.size() && !stop_ && !ec) {
    switch (next_) {
      case stage::start:
        ec = detect();
        break;
      case stage::text:
        ec = read_text(out, n);
        break;
      case stage::boundary:
        ec = begin_frame(n);
        break;
      case stage::skippable:
        ec = skip(n);
        break;
      case stage::frame:
        ec = look_at_frame(out, n);
        break;
      case stage::held:
        hand_over(out, n);
        break;
      case stage::blocks:
        ec = read_blocks(out, n);
        break;
    }
  }
  // What was decoded before the fault comes first; the fault is kept for the next call.
  fault_ = ec;
  return n > 0 ? std::error_code() : ec;
}

bool frame_reader::resume() noexcept {
  const bool of_frame =
      progress_.is_zstd && !input_.has_failed() && fault_.category() == error_category();
  if (!of_frame) return false;
  std::uint64_t found = no_frame;
  if (find_frame(input_, resume_from_, no_limit, no_limit, found)) return false;
  if (found == no_frame) {
    // What was looked at is not held any more: being asked again, it does not look there.
    progress_.at = resume_from_ = input_.end();
    return false;
  }
  progress_.at = found;
  fault_.clear();
  progress_.window_needed = 0;
  progress_.dictionary_needed = 0;
  next_ = stage::boundary;
  return true;
}

}  // namespace tcpinfo::inline v0
