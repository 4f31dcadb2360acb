// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <tcpinfo/zstd.h>

#include "common/known_part.h"

namespace tcpinfo::inline v0 {
namespace {

std::error_code from_zstd(std::size_t result, errc otherwise) noexcept {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
      return errc::out_of_memory;
    case ZSTD_error_frameParameter_windowTooLarge:
      return errc::window_too_large;
    case ZSTD_error_dstSize_tooSmall:
      return errc::buffer_too_small;
    default:
      return otherwise;
  }
}

struct free_cctx {
  void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
};
struct free_dctx {
  void operator()(ZSTD_DCtx* d) const noexcept { ZSTD_freeDCtx(d); }
};

}  // namespace

// ---------------------------------------------------------------------------------------------
// Writing

struct [[gnu::visibility("hidden")]] frame_writer::impl {
  std::unique_ptr<ZSTD_CCtx, free_cctx> context;
};

frame_writer::~frame_writer() { delete impl_; }

std::error_code frame_writer::create(const frame_options& given) noexcept {
  const frame_options options = known_part(given);
  if (options.level < 1 || options.level > ZSTD_maxCLevel()) return errc::invalid_argument;
  if (options.window_log != 0 && (options.window_log < 10 || options.window_log > 27))
    return errc::invalid_argument;
  std::unique_ptr<impl> made(new (std::nothrow) impl);
  if (!made) return errc::out_of_memory;
  made->context.reset(ZSTD_createCCtx());
  if (!made->context) return errc::out_of_memory;
  ZSTD_CCtx* const c = made->context.get();
  for (const std::size_t result :
       {ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, options.level),
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, options.window_log),
        ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 1),
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)})
    if (ZSTD_isError(result) != 0) return from_zstd(result, errc::invalid_argument);
  delete std::exchange(impl_, made.release());
  return {};
}

std::error_code frame_writer::compress(bytes_view in, std::span<std::byte> out,
                                       std::size_t& written) noexcept {
  written = 0;
  if (impl_ == nullptr) return errc::not_open;
  // One call with all of the input: the frame carries its size, and the tables are made no larger
  // than that size needs.
  const std::size_t result =
      ZSTD_compress2(impl_->context.get(), out.data(), out.size(), in.data(), in.size());
  if (ZSTD_isError(result) != 0) return from_zstd(result, errc::invalid_argument);
  written = result;
  return {};
}

std::size_t frame_writer::bound(std::size_t size) noexcept { return ZSTD_compressBound(size); }

std::size_t frame_writer::memory_bytes() const noexcept {
  return impl_ == nullptr ? 0 : ZSTD_sizeof_CCtx(impl_->context.get());
}

// ---------------------------------------------------------------------------------------------
// Reading

namespace {

// A block at its largest, and the header of the next one.
constexpr std::size_t input_buffer_size = (std::size_t{128} << 10) + 64;
constexpr std::size_t block_header_size = 3;

constexpr std::array<std::uint8_t, 4> frame{0x28, 0xb5, 0x2f, 0xfd};

// Of a frame's header and the header of its first block; zstd_compression_format.md.
constexpr std::size_t max_head_size = 18 + 3;

bool is_frame_magic(const std::byte* at) noexcept {
  return std::memcmp(at, frame.data(), frame.size()) == 0;
}

bool starts_frame(const std::byte* at, std::size_t n) noexcept {
  static constexpr std::array<std::uint8_t, 4> skippable{0x50, 0x2a, 0x4d, 0x18};
  n = std::min<std::size_t>(n, 4);
  bool is_frame = n > 0;
  // One byte of a skippable magic is a letter like any other; two make it unlikely to be text.
  bool is_skippable = n > 1;
  for (std::size_t i = 0; i < n; ++i) {
    const auto b = std::to_integer<std::uint8_t>(at[i]);
    is_frame = is_frame && b == frame[i];
    is_skippable = is_skippable && (i == 0 ? (b & 0xf0U) : b) == skippable[i];
  }
  return is_frame || is_skippable;
}

// The beginning of a frame, collected over reads: zstd's own parser of it is not in its stable API.
class frame_head {
 public:
  void clear() noexcept { size_ = 0; }
  void add(bytes_view bytes) noexcept {
    const std::size_t n = std::min(bytes.size(), bytes_.size() - size_);
    std::copy_n(bytes.begin(), n, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += n;
  }

  // The window of a frame whose head is there as a whole (RFC 8878 section 3.1.1.1).
  [[nodiscard]] std::uint64_t window() const noexcept {
    const unsigned descriptor = at(4);
    const bool single_segment = (descriptor & 0x20U) != 0;
    if (!single_segment) {
      const std::uint64_t base = std::uint64_t{1} << (10 + (at(5) >> 3U));
      return base + base / 8 * (at(5) & 7U);
    }
    // The window is the content.
    static constexpr std::array<std::size_t, 4> id_sizes{0, 1, 2, 4};
    const std::size_t content_at = 5 + id_sizes[descriptor & 3U];
    const std::size_t content_size = std::size_t{1} << (descriptor >> 6U);
    std::uint64_t content = content_size == 2 ? 256 : 0;
    for (std::size_t i = 0; i < content_size; ++i)
      content += std::uint64_t{at(content_at + i)} << (8 * i);
    return content;
  }

 private:
  [[nodiscard]] unsigned at(std::size_t i) const noexcept {
    return i < size_ ? std::to_integer<unsigned>(bytes_[i]) : 0;
  }

  std::array<std::byte, 18> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace

struct [[gnu::visibility("hidden")]] stream_reader::impl {
  enum class kind { unknown, zstd, text };

  std::unique_ptr<ZSTD_DCtx, free_dctx> context;
  std::unique_ptr<std::byte[]> buffer;  // for descriptors only; memory is read in place
  bytes_view available;                 // input not consumed yet
  int fd = -1;
  bool owns_fd = false;
  bool at_end = false;      // no input beyond `available`
  bool in_frame = false;    // consumed some of a frame, not all
  bool maybe_held = false;  // the decoder may hold content that did not fit the caller's span
  kind what = kind::unknown;
  std::size_t hint = 0;  // what the decoder said it wants next
  std::error_code fault;
  std::uint64_t consumed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t whole_end = 0;
  std::uint64_t whole_content = 0;
  std::uint64_t frames = 0;
  frame_head head;  // of the frame being read
  std::uint64_t window_needed = 0;
  std::uint64_t frame_begin = 0;    // offset of the frame being read
  std::uint64_t frame_content = 0;  // delivered before it
  bool whole_steps = true;          // the decoder begins with something
  bytes_view block;                 // from where it began
  bytes_view refused;               // the same, when it refused it

  ~impl() { close_fd(); }
  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void close_fd() noexcept {
    if (owns_fd) ::close(fd);
    owns_fd = false;
    fd = -1;
  }

  // Keeps the allocations, forgets the rest.
  void reset() noexcept {
    close_fd();
    available = {};
    at_end = in_frame = maybe_held = false;
    what = kind::unknown;
    hint = 0;
    fault.clear();
    frame_begin = frame_content = 0;
    whole_steps = true;
    block = refused = {};
    consumed = delivered = whole_end = whole_content = frames = window_needed = 0;
    head.clear();
  }

  std::error_code prepare(const stream_options& given) noexcept {
    const stream_options options = known_part(given);
    reset();
    if (!context) context.reset(ZSTD_createDCtx());
    if (!context) return errc::out_of_memory;
    static_cast<void>(ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only));
    const std::size_t result =
        ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, options.max_window_log);
    if (ZSTD_isError(result) != 0) return errc::invalid_argument;
    hint = ZSTD_initDStream(context.get());
    return {};
  }

  std::error_code need_buffer() noexcept {
    if (!buffer) buffer.reset(new (std::nothrow) std::byte[input_buffer_size]);
    return buffer ? std::error_code() : std::error_code(errc::out_of_memory);
  }

  // Reads more input behind what is available.
  std::error_code fill() noexcept {
    if (at_end) return {};
    // A frame's header that was taken already goes along with what is available (see block).
    const bool in_head = !block.empty() && delivered == frame_content && consumed > frame_begin &&
                         consumed - frame_begin <= max_head_size;
    const std::size_t kept = in_head ? static_cast<std::size_t>(consumed - frame_begin) : 0;
    const std::size_t have = kept + available.size();
    if (have > 0 && available.data() - kept != buffer.get())
      std::memmove(buffer.get(), available.data() - kept, have);
    if (in_head) block = {buffer.get(), have};
    for (;;) {
      const ssize_t got = ::read(fd, buffer.get() + have, input_buffer_size - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return {errno, std::system_category()};
      at_end = got == 0;
      available = {buffer.get() + kept, have - kept + static_cast<std::size_t>(got)};
      return {};
    }
  }

  std::error_code detect() noexcept {
    while (available.size() < 4 && !at_end)
      if (const std::error_code ec = fill()) return ec;
    if (available.empty()) return {};
    what = starts_frame(available.data(), available.size()) ? kind::zstd : kind::text;
    return {};
  }

  std::error_code read_text(std::span<std::byte> out, std::size_t & n) noexcept {
    if (available.empty() && !at_end) {
      // Straight into the caller's memory: nothing is looked at here.
      ssize_t got = 0;
      do {
        got = ::read(fd, out.data(), out.size());
      } while (got < 0 && errno == EINTR);
      if (got < 0) return {errno, std::system_category()};
      at_end = got == 0;
      n = static_cast<std::size_t>(got);
    } else {
      n = std::min(out.size(), available.size());
      if (n > 0) std::memcpy(out.data(), available.data(), n);
      available = available.subspan(n);
    }
    consumed += n;
    return {};
  }

  std::error_code read_zstd(std::span<std::byte> out, std::size_t & n) noexcept {
    while (n < out.size()) {
      if (available.empty() && !at_end && !maybe_held) {
        // Reading may block on a pipe: hand over what there is first.
        if (n > 0) return {};
        if (const std::error_code ec = fill()) return ec;
      }
      if (available.empty() && !maybe_held) {
        if (!in_frame) return {};
        // Cut; or a block's size is wrong, and it has swallowed what follows.
        refused = block;
        return errc::truncated_frame;
      }
      // On an error the decoder does not tell what it wrote before it in the same call. So no call
      // is given more than one step: what it still holds, or a block without the header of the next
      // one (which the hint includes).
      const std::size_t step = maybe_held                 ? 0
                               : hint > block_header_size ? hint - block_header_size
                                                          : hint;
      // All of a block is here before it gets any: where it refuses that, what follows a cut frame
      // may have begun in it (see resume()).
      if (whole_steps) {
        if (available.size() < hint && !at_end) {
          if (n > 0) return {};
          if (const std::error_code ec = fill()) return ec;
          continue;
        }
        // A frame's header belongs to its first block: what was cut in the header is found there.
        if (delivered != frame_content || consumed - frame_begin > max_head_size) block = available;
        if (consumed == frame_begin) block = available;
      }
      ZSTD_inBuffer in{available.data(), std::min(available.size(), step), 0};
      ZSTD_outBuffer to{out.data() + n, out.size() - n, 0};
      const std::size_t result = ZSTD_decompressStream(context.get(), &to, &in);
      if (ZSTD_isError(result) != 0) {
        const std::error_code ec = from_zstd(result, errc::corrupt_frame);
        refused = block;
        if (ec == errc::window_too_large) {
          head.add(available.first(in.size));
          window_needed = head.window();
        }
        return ec;
      }
      head.add(available.first(in.pos));
      available = available.subspan(in.pos);
      consumed += in.pos;
      n += to.pos;
      delivered += to.pos;
      maybe_held = to.pos == to.size;
      // The last block of a frame has no header behind it: a few bytes of it are left for now.
      whole_steps = to.pos > 0 || result != block_header_size;
      if (result == 0) {
        in_frame = maybe_held = false;
        head.clear();
        ++frames;
        whole_end = frame_begin = consumed;
        whole_content = frame_content = delivered;
        hint = ZSTD_initDStream(context.get());
      } else {
        in_frame = in_frame || in.pos > 0;
        hint = result;
      }
    }
    return {};
  }

  bool resume() noexcept {
    const bool in_zstd = what == kind::zstd && fault.category() == error_category();
    if (!in_zstd || fault == errc::out_of_memory) return false;
    // From the block that was refused, but not the beginning of the same frame again.
    if (!refused.empty()) {
      consumed -= static_cast<std::size_t>(available.data() - refused.data());
      available = refused;
    }
    std::size_t at = std::min<std::size_t>(consumed == frame_begin ? 1 : 0, available.size());
    for (;;) {
      while (available.size() - at >= 4 && !is_frame_magic(available.data() + at)) ++at;
      consumed += at;
      available = available.subspan(at);
      at = 0;
      if (available.size() >= 4) break;
      if (at_end) return false;
      if (fill()) return false;
    }
    fault.clear();
    window_needed = 0;
    in_frame = maybe_held = false;
    whole_steps = true;
    refused = {};
    frame_begin = consumed;
    frame_content = delivered;
    head.clear();
    hint = ZSTD_initDStream(context.get());
    return ZSTD_isError(hint) == 0;
  }

  std::error_code read(std::span<std::byte> out, std::size_t & n) noexcept {
    if (fault) return fault;
    if (out.empty()) return {};
    std::error_code ec;
    if (what == kind::unknown) ec = detect();
    if (!ec && what == kind::zstd) ec = read_zstd(out, n);
    if (!ec && what == kind::text) {
      ec = read_text(out, n);
      delivered += n;
    }
    // What was decoded before the fault comes first; the fault is kept for the next call.
    fault = ec;
    return n > 0 ? std::error_code() : ec;
  }
};

stream_reader::~stream_reader() { delete impl_; }

std::error_code stream_reader::open_path(std::string_view path,
                                         const stream_options& options) noexcept {
  if (path.find('\0') != std::string_view::npos) return errc::invalid_argument;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  if (const std::error_code ec = impl_->need_buffer()) return ec;
  try {
    impl_->fd = ::open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {
    return errc::invalid_argument;
  }
  if (impl_->fd < 0) {
    impl_->fault = {errno, std::system_category()};
    return impl_->fault;
  }
  impl_->owns_fd = true;
  return {};
}

std::error_code stream_reader::open_fd(int fd, const stream_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  if (const std::error_code ec = impl_->need_buffer()) return ec;
  impl_->fd = fd;
  return {};
}

std::error_code stream_reader::open_memory(bytes_view bytes,
                                           const stream_options& options) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const std::error_code ec = impl_->prepare(options)) return ec;
  impl_->available = bytes;
  impl_->at_end = true;
  return {};
}

void stream_reader::close() noexcept { delete std::exchange(impl_, nullptr); }

std::error_code stream_reader::read(std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  return impl_ == nullptr ? std::error_code(errc::not_open) : impl_->read(out, n);
}

bool stream_reader::resume() noexcept { return impl_ != nullptr && impl_->resume(); }

bool stream_reader::is_zstd() const noexcept {
  return impl_ != nullptr && impl_->what == impl::kind::zstd;
}
std::uint64_t stream_reader::compressed_offset() const noexcept {
  return impl_ == nullptr ? 0 : impl_->consumed;
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

namespace {

std::error_code scan(stream_reader& reader, frame_scan& out) noexcept {
  frame_scan found;
  constexpr std::size_t scratch_size = std::size_t{128} << 10;
  const std::unique_ptr<std::byte[]> scratch(new (std::nothrow) std::byte[scratch_size]);
  if (!scratch) return errc::out_of_memory;
  for (;;) {
    std::size_t n = 0;
    const std::error_code ec = reader.read({scratch.get(), scratch_size}, n);
    if (ec && ec.category() != error_category()) return ec;
    if (ec) found.fault = static_cast<errc>(ec.value());
    if (ec || n == 0 || !reader.is_zstd()) break;
  }
  found.is_zstd = reader.is_zstd();
  found.frames = reader.frames();
  found.whole_end = reader.whole_frames_end();
  found.content_bytes = reader.whole_frames_content();
  // The caller's struct may be an older, shorter one.
  const std::size_t size = std::min(out.size, sizeof found);
  found.size = out.size;
  std::memcpy(&out, &found, size);
  return {};
}

}  // namespace

std::error_code scan_frames(int fd, frame_scan& out) noexcept {
  stream_reader reader;
  if (const std::error_code ec = reader.open_fd(fd)) return ec;
  return scan(reader, out);
}

std::error_code scan_frames(bytes_view bytes, frame_scan& out) noexcept {
  stream_reader reader;
  if (const std::error_code ec = reader.open_memory(bytes)) return ec;
  return scan(reader, out);
}

}  // namespace tcpinfo::inline v0
