// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>

#include <tcpinfo/zstd.h>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "zstd/find_frame.h"
#include "zstd/frame_head.h"
#include "zstd/input_window.h"
#include "zstd/text_head.h"
#include "zstd/zstd_error.h"

namespace tcpinfo::inline v0 {
namespace {

// A frame up to this size, in the input, is here as a whole before anything of it is delivered, so
// that it is known whether it is damaged. Our own frames hold 1 MiB of text at most.
constexpr std::uint64_t max_whole_frame = std::uint64_t{1} << 20;
// The same, of its content.
constexpr std::uint64_t max_whole_content = std::uint64_t{2} << 20;
// Of a larger frame, so much is kept of what has been decoded: a block whose size is wrong swallows
// what follows, and the frames in that are found again.
constexpr std::uint64_t kept_behind = std::uint64_t{512} << 10;
// Beside a whole frame: the block that runs over its limit, and what is looked at behind that.
constexpr std::size_t window_size = std::size_t{max_whole_frame} + (std::size_t{512} << 10);
// So much of the first line says whether it is one of ours.
constexpr std::size_t first_line = 256;
// Where it is neither that nor a frame, a frame within so much says that the first one is damaged.
constexpr std::uint64_t head_search = std::uint64_t{128} << 10;

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

struct free_dctx {
  void operator()(ZSTD_DCtx* d) const noexcept { ZSTD_freeDCtx(d); }
};

}  // namespace

struct [[gnu::visibility("hidden")]] stream_reader::impl {
  // What comes next in the input.
  enum class stage : std::uint8_t {
    start,     // nothing was looked at
    text,      // no zstd
    boundary,  // a frame begins here, or the input ends
    skippable,
    frame,   // it is looked at as a whole
    held,    // it was decoded, and waits in `scratch`
    blocks,  // it is decoded block by block
  };

  std::unique_ptr<ZSTD_DCtx, free_dctx> context;
  input_window input{window_size};
  std::unique_ptr<std::byte[]> scratch;
  std::size_t scratch_size = 0;
  bytes_view held;  // of scratch: not delivered yet
  stage next = stage::start;
  bool is_zstd = false;
  bool stop = false;  // read() is to return with what it has
  bool suspect = false;
  bool delivered_suspect = false;
  std::uint64_t max_window = 0;
  std::error_code fault;
  std::uint64_t resume_from = 0;  // after a fault: where a frame may begin

  std::uint64_t at = 0;  // consumed
  std::uint64_t delivered = 0;
  std::uint64_t whole_end = 0;
  std::uint64_t whole_content = 0;
  std::uint64_t frames = 0;
  std::uint64_t window_needed = 0;
  std::uint32_t dictionary_needed = 0;

  std::uint64_t frame_begin = 0;
  std::uint64_t skippable_end = 0;
  frame_walk walk;

  // Block by block.
  std::uint64_t step_begin = 0;  // what the decoder is given at once
  std::uint64_t step_end = 0;
  std::uint64_t stop_at = no_limit;  // the frame is damaged here, and
  std::error_code stop_fault;        // how
  bool in_tail = false;              // the last block has been given to the decoder
  bool decoder_full = false;         // the decoder may hold content that did not fit in `out`

  std::error_code prepare(const stream_options& given) noexcept {
    const stream_options options = known_part(given);
    input.close();
    held = {};
    next = stage::start;
    is_zstd = stop = suspect = delivered_suspect = false;
    fault.clear();
    at = delivered = whole_end = whole_content = frames = window_needed = frame_begin = 0;
    dictionary_needed = 0;
    if (!context) context.reset(ZSTD_createDCtx());
    if (!context) return errc::out_of_memory;
    static_cast<void>(ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only));
    const std::size_t result =
        ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, options.max_window_log);
    if (ZSTD_isError(result) != 0) return errc::invalid_argument;
    max_window = std::uint64_t{1} << static_cast<unsigned>(options.max_window_log);
    return {};
  }

  // Reads on, but hands over first what there is: reading may block.
  std::error_code read_on(std::size_t n, std::uint64_t keep) noexcept {
    if (n == 0) return input.fill(keep);
    stop = true;
    return {};
  }

  std::error_code fail(std::error_code ec, std::uint64_t from) noexcept {
    resume_from = from;
    return ec;
  }

  std::error_code detect() noexcept {
    if (const auto ec = input.need(magic_size, 0)) return ec;
    if (input.from(0).empty()) {
      stop = true;
      return {};
    }
    is_zstd = starts_frame(input.from(0));
    if (!is_zstd) {
      const auto head = [this]() noexcept {
        const bytes_view here = input.from(0);
        return here.first(std::min(here.size(), first_line));
      };
      // The first line that is not blank, which noise may begin with as well.
      const auto has_line = [&head]() noexcept {
        const bytes_view text = from_first_word(head());
        return std::find(text.begin(), text.end(), std::byte{'\n'}) != text.end();
      };
      while (head().size() < first_line && !input.at_end() && !has_line())
        if (const auto ec = input.fill(0)) return ec;
      const bytes_view here = from_first_word(head());
      const bytes_view text(here.begin(), std::find(here.begin(), here.end(), std::byte{'\n'}));
      std::uint64_t found = no_frame;
      if (text.empty() || !begins_object(text))
        if (const auto ec = find_frame(input, 1, head_search, 0, found)) return ec;
      is_zstd = found != no_frame;
    }
    next = is_zstd ? stage::boundary : stage::text;
    return {};
  }

  std::error_code read_text(std::span<std::byte> out, std::size_t & n) noexcept {
    stop = true;
    const bytes_view here = input.from(at);
    if (here.empty()) {
      // Straight into the caller's memory: nothing is looked at here.
      if (const auto ec = input.read(out, n)) return ec;
    } else {
      n = std::min(out.size(), here.size());
      std::memcpy(out.data(), here.data(), n);
    }
    at += n;
    delivered += n;
    return {};
  }

  std::error_code begin_frame(std::size_t n) noexcept {
    frame_begin = at;
    suspect = false;
    bytes_view here = input.from(at);
    const bool need_more =
        here.size() < magic_size || (is_skippable_magic(here) && here.size() < skippable_head_size);
    if (need_more && !input.at_end()) return read_on(n, at);
    if (here.empty()) {
      stop = true;
      return {};
    }
    if (is_frame_magic(here)) {
      walk = {};
      next = stage::frame;
      return {};
    }
    if (need_more && starts_frame(here)) return fail(errc::truncated_frame, input.end());
    if (!is_skippable_magic(here)) return fail(errc::corrupt_frame, at + 1);
    skippable_end = at + skippable_head_size + skippable_content_size(here);
    next = stage::skippable;
    return {};
  }

  // However long it is: its length is believed.
  std::error_code skip(std::size_t n) noexcept {
    at = std::min(skippable_end, input.end());
    if (at == skippable_end)
      end_frame();
    else if (input.at_end())
      return fail(errc::truncated_frame, at);
    else
      return read_on(n, at);
    return {};
  }

  void end_frame() noexcept {
    next = stage::boundary;
    ++frames;
    whole_end = at;
    whole_content = delivered;
  }

  std::error_code look_at_frame(std::span<std::byte> out, std::size_t & n) noexcept {
    const parsed result = walk.step(input.from(frame_begin), max_whole_frame);
    if (walk.at() > 0 && walk.head().window > max_window) {
      window_needed = walk.head().window;
      return fail(errc::window_too_large, frame_begin + 1);
    }
    if (walk.at() > 0 && walk.head().dictionary != 0) {
      dictionary_needed = walk.head().dictionary;
      return fail(errc::dictionary_needed, frame_begin + 1);
    }
    if (result == parsed::bad) return damaged(errc::corrupt_frame, walk.at(), n);
    if (std::max(walk.at(), walk.end()) > max_whole_frame) {
      begin_blocks();
      return {};
    }
    if (result == parsed::whole) return decode_whole(out, n);
    if (input.at_end()) return damaged(errc::truncated_frame, input.end() - frame_begin, n);
    return read_on(n, frame_begin);
  }

  std::error_code decode_whole(std::span<std::byte> out, std::size_t & n) noexcept {
    const frame_head& head = walk.head();
    const std::uint64_t most = walk.max_content();
    // Also where a flipped bit says that there are gigabytes in it.
    if (head.has_content && head.content > most) return damaged(errc::corrupt_frame, walk.end(), n);
    const std::uint64_t size = head.has_content ? head.content : most;
    if (size > max_whole_content) {
      begin_blocks();
      return {};
    }
    const bool direct = out.size() - n >= size;
    if (!direct && !need_scratch(static_cast<std::size_t>(size)))
      return fail(errc::out_of_memory, frame_begin);
    std::byte* const to = direct ? out.data() + n : scratch.get();
    const bytes_view frame = input.from(frame_begin).first(static_cast<std::size_t>(walk.end()));
    const std::size_t result = ZSTD_decompressDCtx(
        context.get(), to, static_cast<std::size_t>(size), frame.data(), frame.size());
    if (ZSTD_isError(result) != 0) {
      const std::error_code ec = from_zstd(result, errc::corrupt_frame);
      if (ec == errc::out_of_memory) return fail(ec, frame_begin);
      return damaged(ec == errc::wrong_checksum ? ec : errc::corrupt_frame, walk.end(), n);
    }
    at = frame_begin + walk.end();
    if (direct) {
      n += result;
      delivered += result;
      delivered_suspect = false;
      end_frame();
    } else {
      held = {scratch.get(), result};
      next = stage::held;
    }
    return {};
  }

  bool need_scratch(std::size_t size) noexcept {
    if (scratch_size >= size) return true;
    scratch.reset(new (std::nothrow) std::byte[size]);
    scratch_size = scratch ? size : 0;
    return scratch_size >= size;
  }

  void hand_over(std::span<std::byte> out, std::size_t & n) noexcept {
    const std::size_t some = std::min(held.size(), out.size() - n);
    std::memcpy(out.data() + n, held.data(), some);
    held = held.subspan(some);
    n += some;
    delivered += some;
    delivered_suspect = false;
    if (held.empty()) end_frame();
  }

  // The frame is all right up to `size` bytes of it, or looks so. What of it can be decoded is
  // delivered, and then `ec` is the fault.
  std::error_code damaged(std::error_code ec, std::uint64_t size, std::size_t n) noexcept {
    const std::uint64_t end = frame_begin + size;
    std::uint64_t found = no_frame;
    // Where another frame begins in it, it was cut there.
    if (const auto broken = find_frame(input, frame_begin + 1, end, frame_begin, found))
      return broken;
    begin_blocks();
    stop_at = end;
    if (found != no_frame) {
      stop_at = found;
      if (ec == errc::wrong_checksum) ec = errc::corrupt_frame;
    } else if (walk.end() != 0 && walk.head().has_checksum) {
      stop_at = std::min(end, frame_begin + walk.end() - checksum_size);
    }
    stop_fault = ec;
    resume_from = found != no_frame ? found : std::max(end, frame_begin + 1);
    suspect = true;
    // What the caller gets in one piece is suspect as a whole or not at all.
    stop = n > 0;
    return {};
  }

  void begin_blocks() noexcept {
    static_cast<void>(ZSTD_initDStream(context.get()));
    at = frame_begin;
    step_begin = frame_begin;
    step_end = frame_begin + walk.head().size;
    stop_at = no_limit;
    in_tail = decoder_full = false;
    next = stage::blocks;
  }

  [[nodiscard]] std::uint64_t keep_from() const noexcept {
    return std::max(frame_begin, step_begin - std::min(step_begin, kept_behind));
  }
  std::error_code fail_in_blocks(std::error_code ec) noexcept {
    if (stop_at != no_limit) return stop_fault;
    return fail(ec, std::max(frame_begin + 1, keep_from()));
  }

  // Decodes one step: on an error the decoder does not tell what it wrote before it in the same
  // call.
  std::error_code read_blocks(std::span<std::byte> out, std::size_t & n) noexcept {
    if (!decoder_full && at == step_end && at > frame_begin) {
      const std::error_code ec = next_step(n);
      if (ec || stop || at == step_end) return ec;
    }
    // Without a header there is nothing to decode.
    if (step_end == frame_begin || step_end > stop_at) return stop_fault;
    const bytes_view step =
        input.from(at).first(decoder_full ? 0 : static_cast<std::size_t>(step_end - at));
    ZSTD_inBuffer in{step.data(), step.size(), 0};
    ZSTD_outBuffer to{out.data() + n, out.size() - n, 0};
    const std::size_t result = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(result) != 0) return fail_in_blocks(from_zstd(result, errc::corrupt_frame));
    at += in.pos;
    n += to.pos;
    delivered += to.pos;
    if (to.pos > 0) delivered_suspect = suspect;
    decoder_full = to.pos == to.size;
    if (result != 0) return {};
    if (suspect) return stop_fault;
    end_frame();
    return {};
  }

  // Finds what the decoder is to be given next, and has it here: a block, or what follows the last.
  std::error_code next_step(std::size_t n) noexcept {
    std::size_t size = checksum_size;
    bool last = false;
    step_begin = at;
    if (in_tail) {
      // The decoder has had all of a frame without a checksum, and says that it is not the end.
      if (!walk.head().has_checksum) return fail_in_blocks(errc::corrupt_frame);
    } else {
      block_head block;
      const parsed result = parse_block_head(input.from(at), walk.head(), block);
      if (result == parsed::bad) return fail_in_blocks(errc::corrupt_frame);
      size = result == parsed::whole ? block.size : block_head_size;
      last = result == parsed::whole && block.last;
    }
    if (at + size > stop_at) return stop_fault;
    if (input.end() < at + size) {
      if (input.at_end()) return fail_in_blocks(errc::truncated_frame);
      return read_on(n, keep_from());
    }
    step_end = at + size;
    in_tail = in_tail || last;
    return {};
  }

  std::error_code read(std::span<std::byte> out, std::size_t & n) noexcept {
    if (fault) return fault;
    std::error_code ec;
    stop = false;
    while (n < out.size() && !stop && !ec) {
      switch (next) {
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
    fault = ec;
    return n > 0 ? std::error_code() : ec;
  }

  bool resume() noexcept {
    const bool of_frame = is_zstd && fault.category() == error_category();
    if (!of_frame || fault == errc::out_of_memory) return false;
    std::uint64_t found = no_frame;
    if (find_frame(input, resume_from, no_limit, no_limit, found)) return false;
    if (found == no_frame) {
      at = input.end();
      return false;
    }
    at = found;
    fault.clear();
    window_needed = 0;
    dictionary_needed = 0;
    next = stage::boundary;
    return true;
  }
};

stream_reader::~stream_reader() { delete impl_; }

std::error_code stream_reader::open_path(std::string_view path,
                                         const stream_options& options) noexcept {
  if (path.find('\0') != std::string_view::npos) return errc::invalid_argument;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  int fd = -1;
  try {
    fd = ::open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {
    return errc::invalid_argument;
  }
  if (fd < 0) {
    impl_->fault = last_error();
    return impl_->fault;
  }
  return impl_->input.open(fd, true);
}

std::error_code stream_reader::open_fd(int fd, const stream_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  return impl_->input.open(fd, false);
}

std::error_code stream_reader::open_callback(read_callback fn, void* user,
                                             const stream_options& options) noexcept {
  if (fn == nullptr) return errc::invalid_argument;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  return impl_->input.open(fn, user);
}

std::error_code stream_reader::open_memory(bytes_view bytes,
                                           const stream_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  impl_->input.open(bytes);
  return {};
}

void stream_reader::close() noexcept { delete std::exchange(impl_, nullptr); }

std::error_code stream_reader::read(std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  return impl_ == nullptr ? std::error_code(errc::not_open) : impl_->read(out, n);
}

bool stream_reader::resume() noexcept { return impl_ != nullptr && impl_->resume(); }

bool stream_reader::is_zstd() const noexcept { return impl_ != nullptr && impl_->is_zstd; }
bool stream_reader::from_damaged_frame() const noexcept {
  return impl_ != nullptr && impl_->delivered_suspect;
}
std::uint64_t stream_reader::compressed_offset() const noexcept {
  return impl_ == nullptr ? 0 : impl_->at;
}
std::uint64_t stream_reader::content_offset() const noexcept {
  return impl_ == nullptr ? 0 : impl_->delivered;
}
std::uint64_t stream_reader::whole_frames_end() const noexcept {
  return impl_ == nullptr ? 0 : impl_->whole_end;
}
std::uint64_t stream_reader::whole_frames_content() const noexcept {
  return impl_ == nullptr ? 0 : impl_->whole_content;
}
std::uint64_t stream_reader::frames() const noexcept {
  return impl_ == nullptr ? 0 : impl_->frames;
}
std::uint64_t stream_reader::window_needed() const noexcept {
  return impl_ == nullptr ? 0 : impl_->window_needed;
}
std::uint32_t stream_reader::dictionary_needed() const noexcept {
  return impl_ == nullptr ? 0 : impl_->dictionary_needed;
}

}  // namespace tcpinfo::inline v0
