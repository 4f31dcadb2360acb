// SPDX-License-Identifier: Apache-2.0
//
// Finds the blocks in what a stream delivers, whatever is around them: a block is known by its
// magic number and its checksum, so that it does not matter which frames it was in.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include "common/known_part.h"
#include "segment/block_decoder.h"
#include "segment/column_decoder.h"
#include "segment/format.h"
#include "segment/summary_decoder.h"

namespace tcpinfo::inline v0 {
namespace {

namespace format = segment_format;

// So much is read at a time, so that a frame is decoded to where its block is read.
constexpr std::size_t segment_read_size = std::size_t{1} << 20;
// So many bytes may be summed up for blocks that are none, and so many more for each byte read. A
// damaged block costs its size once. In bytes that were written so that every few of them look like
// the beginning of a large block, the sums would take hours.
constexpr std::uint64_t free_sums = std::uint64_t{64} << 20;
constexpr std::uint64_t sums_a_byte = 16;

/// What is read of a segment between one opening and the next.
enum class reading : std::uint8_t { undecided, records, columns, summaries };

bool begins_with_magic(const std::byte* at) noexcept {
  return std::memcmp(at, format::magic.data(), format::magic.size()) == 0;
}

}  // namespace

bool is_segment(bytes_view begun) noexcept {
  return begun.size() >= format::magic.size() && begins_with_magic(begun.data());
}

struct [[gnu::visibility("hidden")]] segment_reader::impl {
  stream_reader input;
  stream_options stream;
  std::unique_ptr<std::byte[]> buffer;
  std::size_t capacity = 0;
  std::size_t begin = 0;  // of what was not looked at yet
  std::size_t end = 0;
  bool open = false;
  bool in_stream = false;  // in input's callback
  bool input_ended = false;
  bool resumes = false;     // a fault was told, behind which the next frame is to be found
  bool in_garbage = false;  // what is passed over was told
  bool damaged = false;     // the buffer's bytes are of a damaged frame, whose fault follows
  bool busy = false;        // a block is being read
  std::error_code fault;    // of the stream; told behind what was delivered before it
  reading wanted = reading::undecided;
  format::block_decoder block;
  format::column_decoder columns;
  format::summary_decoder summaries;
  std::uint64_t expected = 0;  // records so far, by the blocks' own account
  std::uint64_t left = 0;      // of the block being read
  std::uint64_t missing = 0;
  std::uint64_t number = 0;  // of the latest record
  std::uint64_t blocks = 0;
  std::uint64_t unknown_blocks = 0;
  std::uint32_t latest = 0;  // number of the block
  bool any_block = false;
  std::uint64_t sums_left = 0;  // bytes that may still be summed up in vain

  [[nodiscard]] std::error_code prepare(const segment_reader_options& given) noexcept;
  [[nodiscard]] bool wants(reading what) noexcept {
    if (wanted == reading::undecided) wanted = what;
    return wanted == what;
  }
  [[nodiscard]] std::error_code open_block(bytes_view bytes) noexcept {
    if (wanted == reading::summaries) return summaries.open(bytes);
    return wanted == reading::columns ? columns.open(bytes) : block.open(bytes);
  }
  [[nodiscard]] std::error_code next(segment_record & out, bool& more) noexcept;
  [[nodiscard]] std::error_code next(segment_summary & out, bool& more) noexcept;
  [[nodiscard]] std::error_code next(segment_columns & out, bool& more) noexcept;
  [[nodiscard]] std::error_code to_block(bool& more) noexcept;
  [[nodiscard]] bool find_magic() noexcept;
  [[nodiscard]] bool reserve(std::size_t size) noexcept;
  [[nodiscard]] bool refill() noexcept;
  [[nodiscard]] bool is_whole(const format::block_head& head) noexcept;
  [[nodiscard]] std::error_code begin_block(const format::block_head& head) noexcept;
  void miss(std::uint64_t records) noexcept {
    missing += records;
    number += records;
  }
  [[nodiscard]] std::error_code tell(std::error_code ec) noexcept {
    // Of a damaged frame the stream tells, once; of what is passed over only the first is told.
    const bool told = damaged || std::exchange(in_garbage, true);
    return told ? std::error_code() : ec;
  }
};

std::error_code segment_reader::impl::prepare(const segment_reader_options& given) noexcept {
  if (in_stream) return errc::busy;
  open = false;
  segment_reader_options options;
  if (const auto ec = read_known(given, options)) return ec;
  if (options.reserved != 0) return errc::invalid_argument;
  stream = {};
  stream.max_window_log = options.max_window_log;
  begin = end = 0;
  input_ended = resumes = in_garbage = damaged = busy = any_block = false;
  fault.clear();
  block.close();
  columns.close();
  summaries.close();
  wanted = reading::undecided;
  expected = left = missing = number = blocks = unknown_blocks = 0;
  sums_left = free_sums;
  return reserve(2 * segment_read_size) ? std::error_code() : errc::out_of_memory;
}

bool segment_reader::impl::reserve(std::size_t size) noexcept {
  if (size <= capacity) return true;
  std::unique_ptr<std::byte[]> grown(new (std::nothrow) std::byte[size]);
  if (!grown) return false;
  if (end > begin) std::memcpy(grown.get(), buffer.get() + begin, end - begin);
  end -= begin;
  begin = 0;
  buffer = std::move(grown);
  capacity = size;
  return true;
}

// False for want of memory: then nothing was read.
bool segment_reader::impl::refill() noexcept {
  if (begin > 0) {
    std::memmove(buffer.get(), buffer.get() + begin, end - begin);
    end -= begin;
    begin = 0;
  }
  if (capacity - end < segment_read_size && !reserve(end + segment_read_size)) return false;
  const bool was_damaged = damaged;
  std::size_t n = 0;
  in_stream = true;
  fault = input.read({buffer.get() + end, segment_read_size}, n);
  in_stream = false;
  input_ended = fault || n == 0;
  damaged = n > 0 ? input.from_damaged_frame() : was_damaged;
  // What a whole frame holds does not go on in another one that is damaged, nor the other way.
  if (damaged && !was_damaged && n > 0 && end > 0) {
    std::memmove(buffer.get(), buffer.get() + end, n);
    end = 0;
  }
  end += n;
  sums_left += sums_a_byte * n;
  return true;
}

// Whether what begins in the buffer, and is there up to its end, is a block.
bool segment_reader::impl::is_whole(const format::block_head& head) noexcept {
  if (head.checksum == format::checksum_of({buffer.get() + begin, head.size})) return true;
  sums_left -= head.size;
  return false;
}

// Brings a magic number to the front of the buffer. False where there is none in it: what may be
// the beginning of one is left.
bool segment_reader::impl::find_magic() noexcept {
  while (end - begin >= format::magic.size()) {
    if (begins_with_magic(buffer.get() + begin)) return true;
    const void* const found =
        std::memchr(buffer.get() + begin + 1, format::magic[0], end - begin - 1);
    if (found == nullptr) {
      begin = end;
      return false;
    }
    begin = static_cast<std::size_t>(static_cast<const std::byte*>(found) - buffer.get());
  }
  return false;
}

std::error_code segment_reader::impl::begin_block(const format::block_head& head) noexcept {
  const bytes_view bytes(buffer.get() + begin, head.size);
  begin += head.size;
  in_garbage = false;
  // One segment may stand behind another: its blocks are counted from 0 again.
  if (any_block && head.number <= latest) expected = 0;
  if (head.records_before > expected) miss(head.records_before - expected);
  const bool has_records = head.kind == format::kind_records;
  left = has_records ? head.records : 0;
  expected = head.records_before + left;
  latest = head.number;
  any_block = true;
  const std::uint8_t kind =
      wanted == reading::summaries ? format::kind_summaries : format::kind_records;
  const bool passed_over = head.version == format::version && head.kind != kind;
  if (passed_over) {
    if (!has_records && head.kind != format::kind_summaries) ++unknown_blocks;
    number += std::exchange(left, 0);
  } else {
    const auto ec = open_block(bytes);
    busy = !ec;
    if (ec) {
      miss(std::exchange(left, 0));
      return ec;
    }
  }
  if (has_records) ++blocks;
  return {};
}

std::error_code segment_reader::impl::next(segment_record& out, bool& more) noexcept {
  for (;;) {
    if (busy) {
      segment_record full;
      bool got = false;
      try {
        got = block.next(full);
      } catch (...) {
        busy = false;
        miss(left);
        return errc::out_of_memory;
      }
      if (got) {
        --left;
        ++number;
        fill_known(out, full);
        return {};
      }
      busy = false;
      if (const auto ec = block.fault()) {
        miss(left);
        return ec;
      }
    }
    if (const auto ec = to_block(more); ec || !more) return ec;
  }
}

std::error_code segment_reader::impl::next(segment_summary& out, bool& more) noexcept {
  for (;;) {
    if (busy) {
      segment_summary full;
      try {
        busy = summaries.next(full);
      } catch (...) {
        busy = false;
        return errc::out_of_memory;
      }
      if (busy) {
        fill_known(out, full);
        return {};
      }
    }
    if (const auto ec = to_block(more); ec || !more) return ec;
  }
}

std::error_code segment_reader::impl::next(segment_columns& out, bool& more) noexcept {
  for (;;) {
    if (busy) {
      segment_columns full;
      bool got = false;
      try {
        got = columns.next(full);
      } catch (...) {
        busy = false;
        miss(std::exchange(left, 0));
        return errc::out_of_memory;
      }
      if (got) {
        const std::uint64_t records = full.moments.size() + full.lines;
        left -= records;
        number += records;
        fill_known(out, full);
        return {};
      }
      busy = false;
      if (const auto ec = columns.fault()) {
        miss(std::exchange(left, 0));
        return ec;
      }
    }
    if (const auto ec = to_block(more); ec || !more) return ec;
  }
}

// Begins the next block that is wanted; without one `more` is false.
std::error_code segment_reader::impl::to_block(bool& more) noexcept {
  while (!busy) {
    if (std::exchange(resumes, false)) {
      in_stream = true;
      input_ended = !input.resume();
      in_stream = false;
    }
    const std::size_t before = begin;
    const bool found = find_magic();
    if (begin != before && !in_garbage)
      if (const auto ec = tell(errc::bad_block)) return ec;
    bool wants_more = !found;
    if (found && end - begin >= format::head_size) {
      const format::block_head head = format::read_head({buffer.get() + begin, end - begin});
      const bool possible = head.size >= format::head_size && head.size <= format::max_block &&
                            head.size <= sums_left;
      if (possible && head.size > end - begin) {
        wants_more = true;
      } else if (possible && is_whole(head)) {
        if (const auto ec = begin_block(head)) return ec;
        continue;
      } else {
        ++begin;
        if (const auto ec = tell(errc::bad_block)) return ec;
        continue;
      }
    } else {
      wants_more = true;
    }
    if (!wants_more) continue;
    if (!input_ended) {
      if (refill()) continue;
      // The block is given up: reading goes on behind its beginning, in the memory that there is.
      ++begin;
      in_garbage = true;
      return errc::out_of_memory;
    }
    // A block that is cut off by the end: of a cut or damaged frame that is told by the stream. In
    // what looked like the beginning of a block another one may begin.
    if (end > begin) {
      const bool begun = found;
      begin = begun ? begin + 1 : end;
      if (!fault)
        if (const auto ec = tell(errc::bad_block)) return ec;
      continue;
    }
    begin = end = 0;
    if (fault) {
      // The stream goes on in the next call: until then it tells more of its fault.
      const std::error_code told = std::exchange(fault, std::error_code());
      resumes = told.category() == error_category();
      damaged = false;
      in_garbage = false;
      return told;
    }
    more = false;
    return {};
  }
  return {};
}

segment_reader::segment_reader(segment_reader&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

segment_reader& segment_reader::operator=(segment_reader&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

segment_reader::~segment_reader() { delete impl_; }

namespace {

// Makes ready, and has `open` open the stream.
template <class Impl, class Open>
std::error_code open_with(Impl*& impl, const segment_reader_options& options,
                          Open&& open) noexcept {
  if (impl == nullptr) impl = new (std::nothrow) Impl;
  if (impl == nullptr) return errc::out_of_memory;
  if (const auto ec = impl->prepare(options)) return ec;
  const std::error_code ec = open(*impl);
  impl->open = !ec;
  return ec;
}

}  // namespace

std::error_code segment_reader::open_path(std::string_view path,
                                          const segment_reader_options& options) noexcept {
  return open_with(impl_, options, [&](impl& i) { return i.input.open_path(path, i.stream); });
}

std::error_code segment_reader::open_fd(int fd, const segment_reader_options& options) noexcept {
  return open_with(impl_, options, [&](impl& i) { return i.input.open_fd(fd, i.stream); });
}

std::error_code segment_reader::open_memory(bytes_view bytes,
                                            const segment_reader_options& options) noexcept {
  return open_with(impl_, options, [&](impl& i) { return i.input.open_memory(bytes, i.stream); });
}

std::error_code segment_reader::open_stream(stream_reader& stream, bytes_view begun,
                                            const segment_reader_options& options) noexcept {
  return open_with(impl_, options, [&](impl& i) -> std::error_code {
    if (!i.reserve(begun.size() + segment_read_size)) return errc::out_of_memory;
    if (!begun.empty()) std::memcpy(i.buffer.get(), begun.data(), begun.size());
    i.end = begun.size();
    std::swap(i.input, stream);
    i.damaged = i.input.from_damaged_frame();
    return {};
  });
}

std::error_code segment_reader::close() noexcept {
  if (impl_ != nullptr && impl_->in_stream) return errc::busy;
  delete std::exchange(impl_, nullptr);
  return {};
}

std::error_code segment_reader::next(segment_record& out, bool& more) noexcept {
  more = impl_ != nullptr && impl_->open;
  if (!more) return errc::not_open;
  if (impl_->in_stream) return errc::busy;
  if (out.size < sizeof out.size || !impl_->wants(reading::records)) return errc::invalid_argument;
  return impl_->next(out, more);
}

std::error_code segment_reader::next_summary(segment_summary& out, bool& more) noexcept {
  more = impl_ != nullptr && impl_->open;
  if (!more) return errc::not_open;
  if (impl_->in_stream) return errc::busy;
  if (out.size < sizeof out.size || !impl_->wants(reading::summaries))
    return errc::invalid_argument;
  return impl_->next(out, more);
}

std::error_code segment_reader::want_columns(std::span<const segment_column> wanted) noexcept {
  if (impl_ == nullptr || !impl_->open) return errc::not_open;
  try {
    return impl_->columns.want(wanted) ? std::error_code() : errc::invalid_argument;
  } catch (...) {
    return errc::out_of_memory;
  }
}

std::error_code segment_reader::next_columns(segment_columns& out, bool& more) noexcept {
  more = impl_ != nullptr && impl_->open;
  if (!more) return errc::not_open;
  if (impl_->in_stream) return errc::busy;
  if (out.size < sizeof out.size || !impl_->wants(reading::columns)) return errc::invalid_argument;
  return impl_->next(out, more);
}

const segment_archive& segment_reader::archive() const& noexcept {
  static constexpr segment_archive none;
  if (impl_ == nullptr) return none;
  if (impl_->wanted == reading::summaries) return impl_->summaries.archive();
  return impl_->wanted == reading::columns ? impl_->columns.archive() : impl_->block.archive();
}
std::uint64_t segment_reader::record_number() const noexcept {
  return impl_ == nullptr ? 0 : impl_->number;
}
std::uint64_t segment_reader::missing_records() const noexcept {
  return impl_ == nullptr ? 0 : impl_->missing;
}
std::uint64_t segment_reader::blocks() const noexcept {
  return impl_ == nullptr ? 0 : impl_->blocks;
}
std::uint64_t segment_reader::unknown_blocks() const noexcept {
  return impl_ == nullptr ? 0 : impl_->unknown_blocks;
}
std::uint64_t segment_reader::compressed_offset() const noexcept {
  return impl_ == nullptr ? 0 : impl_->input.compressed_offset();
}
std::uint64_t segment_reader::window_needed() const noexcept {
  return impl_ == nullptr ? 0 : impl_->input.window_needed();
}
std::uint32_t segment_reader::dictionary_needed() const noexcept {
  return impl_ == nullptr ? 0 : impl_->input.dictionary_needed();
}
bool segment_reader::is_zstd() const noexcept { return impl_ != nullptr && impl_->input.is_zstd(); }

}  // namespace tcpinfo::inline v0
