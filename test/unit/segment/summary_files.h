// SPDX-License-Identifier: Apache-2.0
//
// Summaries that are to be in a segment, and that came out of one.
#ifndef TCPINFO_TEST_UNIT_SEGMENT_SUMMARY_FILES_H
#define TCPINFO_TEST_UNIT_SEGMENT_SUMMARY_FILES_H

#include <tcpinfo/segment.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unit/segment/segment_files.h"

namespace segment_files {

struct told_summary {
  std::string path;
  std::optional<told_metadata> about;
  bool goes_on = false;
  std::vector<tcpinfo::summary_value> values;
  std::vector<tcpinfo::summary_bucket> rtts;
  std::string congestion_control;
};

/// As it comes back.
struct read_summary {
  std::string path;
  std::string about;  ///< the metadata's line; empty where there is none
  bool goes_on = false;
  std::vector<tcpinfo::summary_value> values;
  std::vector<tcpinfo::summary_bucket> rtts;
  std::string congestion_control;

  friend bool operator==(const read_summary&, const read_summary&) = default;
};

inline std::error_code try_add(tcpinfo::segment_writer& writer, const told_summary& s) {
  tcpinfo::segment_archive archive;
  tcpinfo::metadata about;
  if (s.about) {
    about = s.about->view();
    archive.about = &about;
  }
  archive.path = s.path;
  archive.goes_on = s.goes_on ? 1 : 0;
  tcpinfo::segment_summary summary;
  summary.values = s.values;
  summary.rtts = s.rtts;
  summary.congestion_control = s.congestion_control;
  return writer.add_summary(archive, summary);
}

inline void flush_summaries(blocks& made) {
  bytes_view frame;
  must(made.writer.flush_summaries(frame), "flush_summaries");
  must(made.writer.waiting_summaries() == 0, "nothing waits after flush_summaries()");
  if (!frame.empty()) made.frames.push_back(text_of(frame));
}

/// A block of these.
inline void put_summaries(blocks& made, const std::vector<told_summary>& all) {
  for (const told_summary& s : all) must(try_add(made.writer, s), "add_summary");
  must(made.writer.waiting_summaries() == all.size(), "all wait");
  flush_summaries(made);
}

inline std::vector<read_summary> expected(const std::vector<told_summary>& all) {
  std::vector<read_summary> out;
  for (const told_summary& s : all)
    out.push_back({s.path, s.about ? line_of(s.about->view()) : std::string(), s.goes_on, s.values,
                   s.rtts, s.congestion_control});
  return out;
}

struct summaries_result {
  std::vector<read_summary> all;
  std::vector<std::error_code> faults;
  std::uint64_t missing = 0;  ///< records
  std::uint64_t blocks = 0;   ///< of records
  std::uint64_t unknown_blocks = 0;
  std::uint64_t number = 0;  ///< record_number() at the end
};

inline read_summary read_of(const tcpinfo::segment_archive& archive,
                            const tcpinfo::segment_summary& s) {
  return {std::string(archive.path),
          archive.about == nullptr ? std::string() : line_of(*archive.about),
          archive.goes_on == 1,
          {s.values.begin(), s.values.end()},
          {s.rtts.begin(), s.rtts.end()},
          std::string(s.congestion_control)};
}

inline summaries_result drain_summaries(tcpinfo::segment_reader& reader) {
  summaries_result out;
  for (;;) {
    tcpinfo::segment_summary s;
    bool more = false;
    const std::error_code ec = reader.next_summary(s, more);
    if (!more) {
      must(ec, "the end is an error");
      break;
    }
    if (ec) {
      out.faults.push_back(ec);
      must(out.faults.size() < 1000, "faults without end");
    } else {
      out.all.push_back(read_of(reader.archive(), s));
    }
  }
  out.missing = reader.missing_records();
  out.blocks = reader.blocks();
  out.unknown_blocks = reader.unknown_blocks();
  out.number = reader.record_number();
  return out;
}

/// By one reader for all, so that what it read before has to change nothing.
inline summaries_result read_summaries(std::string_view bytes) {
  static tcpinfo::segment_reader reader;
  must(reader.open_memory(bytes_of(bytes)), "open_memory");
  return drain_summaries(reader);
}

/// A block taken apart: its head, and its streams by their kinds.
struct parted_block {
  std::string head;
  std::vector<std::pair<char, std::string>> streams;

  explicit parted_block(std::string_view block) : head(block.substr(0, 40)) {
    // Of small blocks: each number in the list is a byte or two.
    std::size_t at = 40;
    const auto varint = [&] {
      std::size_t n = static_cast<unsigned char>(block[at++]);
      if (n >= 0x80) n = (n & 0x7fU) | std::size_t{static_cast<unsigned char>(block[at++])} << 7U;
      return n;
    };
    std::vector<std::size_t> sizes;
    for (std::size_t count = varint(); count > 0; --count) {
      streams.emplace_back(static_cast<char>(varint()), "");
      sizes.push_back(varint());
    }
    for (std::size_t i = 0; i < sizes.size(); at += sizes[i++])
      streams[i].second = block.substr(at, sizes[i]);
    must(at == block.size(), "a block is its streams");
  }
  std::string& operator[](char kind) {
    for (auto& [which, bytes] : streams)
      if (which == kind) return bytes;
    return streams.emplace_back(kind, "").second;
  }
  /// Without size and checksum.
  [[nodiscard]] std::string whole() const {
    const auto varint = [](std::size_t n) {
      std::string out;
      for (; n >= 0x80; n >>= 7U) out += static_cast<char>(n | 0x80U);
      return out + static_cast<char>(n);
    };
    std::string list = varint(streams.size());
    std::string bytes;
    for (const auto& [kind, content] : streams) {
      list += kind + varint(content.size());
      bytes += content;
    }
    return head + list + bytes;
  }
};

}  // namespace segment_files

#endif
