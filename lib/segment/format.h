// SPDX-License-Identifier: Apache-2.0
//
// The format's constants, as docs/segment.md has them.
#ifndef TCPINFO_SEGMENT_FORMAT_H
#define TCPINFO_SEGMENT_FORMAT_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace tcpinfo::inline v0::segment_format {

/// What each block begins with. The first byte is in no text and in no UTF-8, the last one is
/// changed by whoever changes the ends of lines.
inline constexpr std::array<unsigned char, 8> magic = {0x89, 'T', 'C', 'P', 'S', 'E', 'G', 0x0a};

// A block's head; all numbers in it are little-endian.
inline constexpr std::size_t version_at = 8;    // u8
inline constexpr std::size_t kind_at = 9;       // u8
inline constexpr std::size_t features_at = 10;  // u16: who does not know one refuses the block
inline constexpr std::size_t size_at = 12;      // u32: of the whole block
inline constexpr std::size_t checksum_at = 16;  // u64: of all but itself
inline constexpr std::size_t records_before_at = 24;  // u64: in the blocks before it
inline constexpr std::size_t records_at = 32;         // u32: in this one; or summaries
inline constexpr std::size_t number_at = 36;          // u32: of the block in its segment, from 0
inline constexpr std::size_t head_size = 40;

inline constexpr std::uint8_t version = 1;
/// Features of a block of records.
inline constexpr std::uint16_t has_planes = 1;  ///< column_mode may say in_planes
inline constexpr std::uint8_t kind_records = 1;
inline constexpr std::uint8_t kind_summaries = 2;

/// The largest block that is read.
inline constexpr std::size_t max_block = std::size_t{4} << 20;
/// How much memory the records may take that are flushed together: the longest line has room.
inline constexpr std::size_t least_window = std::size_t{1} << 20;
inline constexpr std::size_t most_window = std::size_t{64} << 20;
/// The writer makes blocks of so much, by its estimate; where an archive has more records, its part
/// of the block has no more. A block may be five times the estimate, where archives begin in it
/// with messages that are nothing like each other: even then it is one that is read, see below.
inline constexpr std::size_t full_part = std::size_t{352} << 10;
/// Texts and contexts of a window, and so of a block, take no more.
inline constexpr std::size_t full_directory = std::size_t{960} << 10;

/// The streams of a block. Unknown ones are passed over.
enum class stream : std::uint8_t {
  texts = 1,     ///< hosts, kernels, prefixes, paths …, each once
  contexts = 2,  ///< what the metadata of many archives has in common, as numbers of texts
  archives = 3,
  slots = 4,   ///< a type of attribute and a length
  shapes = 5,  ///< which slots a message has
  heads = 6,   ///< for each record its shape, and what it has beside its message
  moments = 7,
  moment_numbers = 8,
  extras = 9,  ///< ends and carried parts
  columns = 10,
  rows = 11,
  bits = 12,
  deltas = 13,
  line_sizes = 14,
  lines = 15,
  thinned = 16,  ///< records before which changes were left out: how far on each is, and how many
  // Of blocks of summaries:
  fields = 17,  ///< which there are, and which summaries have them
  values = 18,
  rtts = 19,  ///< histograms
  congestion_controls = 20,
};
inline constexpr unsigned stream_count = 21;  // 0 is none
inline constexpr std::uint64_t max_streams = 255;

/// How it is written which rows of a column changed.
enum class column_mode : std::uint8_t {
  none = 0,
  all = 1,
  few = 2,   ///< the distances between them
  some = 3,  ///< a bit for each row
};
/// Added to the mode: the differences stand byte by byte, see planes.h.
inline constexpr std::uint64_t in_planes = 4;

/// What is said of an archive.
enum archive_flag : std::uint32_t {
  has_metadata = 1,
  goes_on = 2,
  has_cookie = 4,          ///< its UUID is prefix and cookie; else it is a text
  has_path = 8,            ///< its path is a text; else it is made of day, UUID and sequence
  starts_with_first = 16,  ///< its start time is the time of its first message
  has_start = 32,          ///< its start time is told; without both it is the zero time
  has_opened = 64,
};

// Limits of what a block may ask for: checked by the reader before memory is taken, and kept by the
// writer.
inline constexpr std::size_t max_slots = 1024;
inline constexpr std::size_t max_shapes = 1024;
inline constexpr std::size_t max_attributes = 255;                // of a message
inline constexpr std::size_t max_words = 18 + 16384;              // of 32 bits, of a message
inline constexpr std::size_t max_cells = std::size_t{1} << 22;    // words times rows, of a block
inline constexpr std::size_t max_columns = std::size_t{1} << 18;  // words of all slots
inline constexpr std::size_t max_records = std::size_t{1} << 16;
inline constexpr std::size_t max_archives = std::size_t{1} << 16;
inline constexpr std::size_t max_contexts = max_archives;
inline constexpr std::size_t max_texts = std::size_t{1} << 18;
inline constexpr std::size_t max_text = 4096;
inline constexpr std::size_t max_summaries = max_archives;
inline constexpr std::size_t max_fields = 1024;                   // of all summaries of a block
inline constexpr std::size_t max_values = std::size_t{1} << 19;   // of a block
inline constexpr std::size_t max_buckets = std::size_t{1} << 18;  // of a block

// What a full part may come to: words that take five bytes, modes and sizes of columns, bits of
// rows, texts; the rest is for slots, shapes and the head.
static_assert(5 * full_part + 3 * max_columns + max_cells / 8 + full_directory +
                  (std::size_t{64} << 10) <=
              max_block);

/// What a context has: numbers of texts plus one, 0 for none. The prefix of UUIDs, then host,
/// kernel, collector, interval, run, netns, byte order, policy, and of the owner control group, how
/// it was found, number, name and program of the process.
inline constexpr std::size_t context_texts = 14;
/// From here on they are of the owner.
inline constexpr std::size_t owner_texts = 9;
/// As many are written where none has a later one.
inline constexpr std::size_t usual_context_texts = 8;
inline constexpr std::size_t max_context_texts = 64;  // that a later version may write

// Slot 0 is the head of every message.
inline constexpr std::uint32_t head_slot = 0;
inline constexpr std::size_t head_words = 18;
inline constexpr std::size_t cookie_word = 11;

// A number in the stream of heads: a shape's number plus one, 0 for a line, and two bits below.
inline constexpr std::uint32_t head_ended = 1;
inline constexpr std::uint32_t head_carried = 2;
inline constexpr unsigned head_shape_shift = 2;

}  // namespace tcpinfo::inline v0::segment_format

#endif
