// SPDX-License-Identifier: Apache-2.0
//
// The public face of block_encoder: blocks become frames, and what they hold goes into the index.
#include <new>
#include <utility>

#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include "common/known_part.h"
#include "segment/block_layout.h"
#include "segment/block_tables.h"
#include "segment/checksum.h"
#include "segment/index.h"
#include "segment/record_window.h"
#include "segment/summary_encoder.h"

namespace tcpinfo::inline v0 {
namespace {

namespace format = segment_format;

// Runs what may throw for lack of memory.
template <class F>
std::error_code guarded(F&& f) noexcept {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {  // std::length_error: more than there can be
    return errc::out_of_memory;
  }
}

}  // namespace

struct [[gnu::visibility("hidden")]] segment_writer::impl {
  format::record_window window;
  format::block_layout layout;
  format::summary_encoder summaries;
  frame_writer frames;
  format::byte_stream out;
  format::byte_stream index;
  std::vector<format::block_span> blocks;
  std::uint64_t offset = 0;          // in the file
  std::uint64_t records_before = 0;  // in the blocks before

  void restart() noexcept {
    window.clear();
    summaries.clear();
    blocks.clear();
    offset = records_before = 0;
  }
  [[nodiscard]] std::error_code add_frame(format::byte_stream & block, format::block_span & about,
                                          std::uint64_t before);
  [[nodiscard]] std::error_code flush(bytes_view & frames_made);
  [[nodiscard]] std::error_code flush_summaries(bytes_view & frame);
};

// The head is the last that is written: the checksum is of all the rest.
std::error_code segment_writer::impl::add_frame(format::byte_stream& block,
                                                format::block_span& about, std::uint64_t before) {
  std::byte* const head = block.data();
  std::copy(format::magic.begin(), format::magic.end(), reinterpret_cast<unsigned char*>(head));
  head[format::version_at] = std::byte{format::version};
  head[format::kind_at] =
      std::byte{about.is_summaries ? format::kind_summaries : format::kind_records};
  format::store_le(head + format::size_at, static_cast<std::uint32_t>(block.size()));
  format::store_le(head + format::records_before_at, before);
  format::store_le(head + format::records_at, about.records);
  format::store_le(head + format::number_at, static_cast<std::uint32_t>(blocks.size()));
  format::store_le(head + format::checksum_at, format::checksum_of(block.all()));
  const std::size_t bound = frame_writer::bound(block.size());
  std::byte* const to = out.room(bound);
  std::size_t written = 0;
  if (const auto ec = frames.compress(block.all(), {to, bound}, written)) return ec;
  about.offset = offset + out.size();
  about.size = written;
  blocks.push_back(about);
  out.end_at(to + written);
  return {};
}

std::error_code segment_writer::impl::flush(bytes_view& frames_made) {
  const std::size_t blocks_before = blocks.size();
  const auto make = [&]() -> std::error_code {
    out.clear();
    layout.begin(window);
    std::uint64_t before = records_before;
    format::block_span about;
    while (format::byte_stream* const block = layout.next(about)) {
      if (const auto ec = add_frame(*block, about, before)) return ec;
      before += about.records;
    }
    return {};
  };
  const std::error_code ec = guarded(make);
  if (ec) {
    blocks.resize(blocks_before);
    return ec;
  }
  offset += out.size();
  records_before += window.records();
  window.clear();
  frames_made = out.all();
  return {};
}

std::error_code segment_writer::impl::flush_summaries(bytes_view& frame) {
  out.clear();
  format::block_span about;
  if (const auto ec = add_frame(summaries.encode(about), about, records_before)) return ec;
  offset += out.size();
  summaries.clear();
  frame = out.all();
  return {};
}

segment_writer::segment_writer(segment_writer&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

segment_writer& segment_writer::operator=(segment_writer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

segment_writer::~segment_writer() { delete impl_; }

std::error_code segment_writer::create(const segment_options& given) noexcept {
  segment_options options;
  if (const auto ec = read_known(given, options)) return ec;
  if (options.window < format::least_window || options.window > format::most_window)
    return errc::invalid_argument;
  // What is refused changes nothing.
  frame_writer frames;
  if (const auto ec = frames.create(options.level)) return ec;
  return guarded([&]() -> std::error_code {
    if (impl_ == nullptr) impl_ = new impl;
    impl_->restart();
    impl_->window.set_limit(options.window);
    impl_->frames = std::move(frames);
    return {};
  });
}

std::error_code segment_writer::begin(const segment_archive& archive,
                                      std::uint32_t& number) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  return guarded([&] { return impl_->window.begin(archive, number); });
}

std::error_code segment_writer::revise(std::uint32_t number,
                                       const segment_archive& archive) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  return guarded([&] { return impl_->window.revise(number, archive); });
}

std::error_code segment_writer::add(std::uint32_t number, const timestamp& time, const message& m,
                                    const record_extras& extras, encode_notes* notes) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  return guarded([&] { return impl_->window.add(number, time, m, extras, notes); });
}

std::error_code segment_writer::add_line(std::uint32_t number, std::string_view line) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  return guarded([&] { return impl_->window.add_line(number, line); });
}

std::uint32_t segment_writer::waiting() const noexcept {
  return impl_ == nullptr ? 0 : impl_->window.records();
}

std::size_t segment_writer::waiting_bytes() const noexcept {
  return impl_ == nullptr ? 0
                          : impl_->window.memory_bytes() + impl_->layout.memory_bytes() +
                                impl_->summaries.memory_bytes() + impl_->out.capacity_bytes();
}

std::error_code segment_writer::add_summary(const segment_archive& archive,
                                            const segment_summary& summary) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  return guarded([&] { return impl_->summaries.add(archive, summary); });
}

std::uint32_t segment_writer::waiting_summaries() const noexcept {
  return impl_ == nullptr ? 0 : impl_->summaries.summaries();
}

std::error_code segment_writer::flush_summaries(bytes_view& frame) noexcept {
  frame = {};
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->summaries.summaries() == 0) {
    impl_->summaries.clear();
    return {};
  }
  return guarded([&] { return impl_->flush_summaries(frame); });
}

std::uint32_t segment_writer::blocks() const noexcept {
  return impl_ == nullptr ? 0 : static_cast<std::uint32_t>(impl_->blocks.size());
}

std::error_code segment_writer::flush(bytes_view& frames) noexcept {
  frames = {};
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->window.is_empty()) {
    impl_->window.clear();
    return {};
  }
  return guarded([&] { return impl_->flush(frames); });
}

std::error_code segment_writer::finish(bytes_view& index) noexcept {
  index = {};
  if (impl_ == nullptr) return errc::not_open;
  return guarded([&]() -> std::error_code {
    format::put_index(impl_->blocks, impl_->index);
    index = impl_->index.all();
    impl_->restart();
    return {};
  });
}

}  // namespace tcpinfo::inline v0
