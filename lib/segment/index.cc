// SPDX-License-Identifier: Apache-2.0
#include "segment/index.h"

#include <algorithm>
#include <array>

#include "segment/checksum.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

// Of the 16 numbers that skippable frames may have, one that no other program is known to use.
constexpr std::uint32_t frame_magic = 0x184d2a5b;
constexpr std::size_t frame_head_size = 8;
constexpr std::uint8_t index_version = 1;
constexpr std::array<unsigned char, 8> end_magic = {0x89, 'T', 'C', 'P', 'I', 'D', 'X', 0x0a};

// What is told of a block beside where it is.
constexpr std::uint64_t has_times = 1;
constexpr std::uint64_t has_cookies = 2;
constexpr std::uint64_t has_others = 4;
constexpr std::uint64_t is_summaries = 8;

}  // namespace

void put_index(const std::vector<block_span>& blocks, byte_stream& out) {
  out.clear();
  std::byte* const head = out.room(frame_head_size);
  store_le<std::uint32_t>(head, frame_magic);
  out.end_at(head + frame_head_size);
  out.varint(index_version);
  out.varint(blocks.size());
  std::uint64_t end = 0;
  std::uint64_t time = 0;
  std::uint64_t cookie = 0;
  for (const block_span& b : blocks) {
    const bool times = b.first_ns <= b.last_ns;
    const bool cookies = b.lowest_cookie <= b.highest_cookie;
    out.varint((times ? has_times : 0) | (cookies ? has_cookies : 0) |
               (b.has_others ? has_others : 0) | (b.is_summaries ? is_summaries : 0));
    out.varint(b.offset - end);
    out.varint(b.size);
    out.varint(b.records);
    end = b.offset + b.size;
    if (times) {
      out.folded(whole(b.first_ns) - time);
      out.varint(whole(b.last_ns) - whole(b.first_ns));
      time = whole(b.first_ns);
    }
    if (cookies) {
      out.folded(b.lowest_cookie - cookie);
      out.varint(b.highest_cookie - b.lowest_cookie);
      cookie = b.lowest_cookie;
    }
    if (b.is_summaries) out.varint(b.summarized);
  }
  std::byte* const trailer = out.room(index_trailer_size);
  const std::size_t size = out.size() + index_trailer_size;
  store_le(out.data() + 4, static_cast<std::uint32_t>(size - frame_head_size));
  checksum sum;
  sum.add(out.all());
  store_le(trailer, sum.result());
  store_le(trailer + 8, static_cast<std::uint32_t>(size));
  std::copy(end_magic.begin(), end_magic.end(), reinterpret_cast<unsigned char*>(trailer + 12));
  out.end_at(trailer + index_trailer_size);
}

std::uint32_t index_size(bytes_view trailer) noexcept {
  if (trailer.size() != index_trailer_size ||
      !std::equal(end_magic.begin(), end_magic.end(),
                  reinterpret_cast<const unsigned char*>(trailer.data() + 12)))
    return 0;
  const auto size = load_le<std::uint32_t>(trailer.data() + 8);
  return size < frame_head_size + index_trailer_size ? 0 : size;
}

bool read_index(bytes_view frame, std::vector<block_span>& out) {
  out.clear();
  if (frame.size() < frame_head_size + index_trailer_size ||
      load_le<std::uint32_t>(frame.data()) != frame_magic ||
      index_size(frame.last(index_trailer_size)) != frame.size())
    return false;
  const bytes_view summed = frame.first(frame.size() - index_trailer_size);
  checksum sum;
  sum.add(summed);
  if (sum.result() != load_le<std::uint64_t>(frame.data() + summed.size())) return false;
  taker in(summed.subspan(frame_head_size));
  if (in.varint() != index_version) return false;
  // Each takes four bytes at least.
  out.resize(in.varint(in.left() / 4));
  std::uint64_t end = 0;
  std::uint64_t time = 0;
  std::uint64_t cookie = 0;
  for (block_span& b : out) {
    const std::uint64_t told = in.varint();
    b.offset = end + in.varint();
    b.size = in.varint();
    b.records = static_cast<std::uint32_t>(in.varint(0xffff'ffff));
    b.has_others = (told & has_others) != 0;
    b.is_summaries = (told & is_summaries) != 0;
    end = b.offset + b.size;
    if ((told & has_times) != 0) {
      time += in.unfolded();
      b.first_ns = static_cast<std::int64_t>(time);
      b.last_ns = static_cast<std::int64_t>(time + in.varint());
    }
    if ((told & has_cookies) != 0) {
      cookie += in.unfolded();
      b.lowest_cookie = cookie;
      b.highest_cookie = cookie + in.varint();
    }
    if (b.is_summaries) b.summarized = in.varint();
  }
  return in.ok();
}

}  // namespace tcpinfo::inline v0::segment_format
