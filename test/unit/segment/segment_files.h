// SPDX-License-Identifier: Apache-2.0
//
// Segments in memory: what is to be in one, what came out of one, and what the JSON path says to
// both. Throws where something does not work that has to, so that every kind of test can use it.
#ifndef TCPINFO_TEST_UNIT_SEGMENT_SEGMENT_FILES_H
#define TCPINFO_TEST_UNIT_SEGMENT_SEGMENT_FILES_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace segment_files {

using tcpinfo::bytes_view;
using tcpinfo::errc;

inline bytes_view bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string text_of(bytes_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void must(std::error_code ec, const char* what) {
  if (ec) throw std::runtime_error(std::string(what) + ": " + ec.message());
}

inline void must(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// 2026-01-31T12:00:00Z and so many nanoseconds.
inline tcpinfo::timestamp at_ns(std::int64_t nanoseconds) {
  return tcpinfo::timestamp::from_unix_nanoseconds(1'769'860'800'000'000'000 + nanoseconds);
}

// ---------------------------------------------------------------------------------------------
// The JSON path

inline std::string line_of(const tcpinfo::timestamp& time, const tcpinfo::message& m,
                           const tcpinfo::record_extras& extras,
                           tcpinfo::encode_notes* notes = nullptr) {
  std::string line(tcpinfo::max_record_size(m), '\0');
  std::size_t n = 0;
  must(tcpinfo::encode_record(line, n, time, m, extras, notes), "encode_record");
  line.resize(n);
  return line;
}

inline std::string line_of(const tcpinfo::metadata& about) {
  std::string line(tcpinfo::max_metadata_size(about), '\0');
  std::size_t n = 0;
  must(tcpinfo::encode_metadata(line, n, about), "encode_metadata");
  line.resize(n);
  return line;
}

inline std::string line_of(const tcpinfo::record& r) {
  std::string line(tcpinfo::max_record_size(r), '\0');
  std::size_t n = 0;
  must(tcpinfo::encode_record(line, n, r), "encode_record of a record");
  line.resize(n);
  return line;
}

// ---------------------------------------------------------------------------------------------
// What is to be in a segment

/// Metadata with texts of its own.
struct told_metadata {
  std::string uuid = "host_1769000000_unsafe_0000000000000001";
  std::uint64_t sequence = 0;
  tcpinfo::timestamp start_time = at_ns(0);
  std::string host, kernel, collector, interval, run, netns, byte_order, policy;
  std::string cgroup, owner, pid, comm, executable;
  tcpinfo::timestamp opened = {};

  /// Valid as long as this is, and does not change.
  [[nodiscard]] tcpinfo::metadata view() const {
    tcpinfo::metadata m;
    m.uuid = uuid;
    m.sequence = sequence;
    m.start_time = start_time;
    m.host = host;
    m.kernel = kernel;
    m.collector = collector;
    m.interval = interval;
    m.run = run;
    m.netns = netns;
    m.byte_order = byte_order;
    m.opened = opened;
    m.policy = policy;
    m.cgroup = cgroup;
    m.owner = owner;
    m.pid = pid;
    m.comm = comm;
    m.executable = executable;
    return m;
  }
};

/// A record or a line of an archive.
struct entry {
  tcpinfo::timestamp time = {};
  std::string message = {};  ///< bytes; empty: a line that is kept as text
  tcpinfo::record_extras extras = {};
  std::string text = {};

  [[nodiscard]] tcpinfo::message view() const { return {bytes_of(message)}; }
  /// As it has to come back.
  [[nodiscard]] std::string line() const {
    return message.empty() ? text : line_of(time, view(), extras);
  }
};

inline entry record_entry(const tcpinfo::timestamp& time, const tcpinfo::message& m,
                          const tcpinfo::record_extras& extras = {}) {
  return {time, text_of(m.bytes), extras, {}};
}

inline entry text_entry(std::string_view line) { return {{}, {}, {}, std::string(line)}; }

/// What is to be in a block of one archive.
struct archive_part {
  std::string path;
  std::optional<told_metadata> about;
  bool goes_on = false;
  std::vector<entry> entries;
};

// ---------------------------------------------------------------------------------------------
// Writing

/// The blocks of what content_of() gives.
inline std::vector<std::string> blocks_of(std::string_view content) {
  std::vector<std::string> all;
  while (!content.empty()) {
    must(tcpinfo::is_segment(bytes_of(content)) && content.size() >= 40, "this is no block");
    std::size_t size = 0;
    for (std::size_t i = 4; i-- > 0;)
      size = size << 8U | static_cast<unsigned char>(content[12 + i]);
    must(size >= 40 && size <= content.size(), "a block has no size");
    all.emplace_back(content.substr(0, size));
    content.remove_prefix(size);
  }
  return all;
}

/// A writer; what each flush() gave is kept.
class blocks {
 public:
  explicit blocks(std::int32_t level = 3,
                  std::uint32_t window = tcpinfo::segment_options().window) {
    tcpinfo::segment_options options;
    options.level = level;
    options.window = window;
    must(writer.create(options), "create");
  }

  std::uint32_t begin(const archive_part& part) {
    std::uint32_t number = ~std::uint32_t{0};
    must(try_begin(part, number), "begin");
    return number;
  }

  std::error_code try_begin(const archive_part& part, std::uint32_t& number) {
    return with_archive(part, [&](const tcpinfo::segment_archive& archive) {
      return writer.begin(archive, number);
    });
  }

  std::error_code try_revise(std::uint32_t number, const archive_part& part) {
    return with_archive(part, [&](const tcpinfo::segment_archive& archive) {
      return writer.revise(number, archive);
    });
  }

  std::error_code try_add(std::uint32_t number, const entry& e) {
    return e.message.empty() ? writer.add_line(number, e.text)
                             : writer.add(number, e.time, e.view(), e.extras);
  }

  void add(std::uint32_t number, const entry& e) { must(try_add(number, e), "add"); }

  /// A whole part, in the block that is being made.
  void put(const archive_part& part) {
    const std::uint32_t number = begin(part);
    for (const entry& e : part.entries) add(number, e);
  }

  void flush() {
    bytes_view frame;
    must(writer.flush(frame), "flush");
    must(writer.waiting() == 0, "nothing waits after flush()");
    if (!frame.empty()) frames.push_back(text_of(frame));
  }

  /// Once, after the last flush().
  void finish() {
    bytes_view index;
    must(writer.finish(index), "finish");
    last = text_of(index);
  }

  [[nodiscard]] std::string all() const {
    std::string bytes;
    for (const std::string& frame : frames) bytes += frame;
    return bytes + last;
  }

  tcpinfo::segment_writer writer;
  std::vector<std::string> frames;  ///< one or more of each flush()
  std::string last;                 ///< the index

 private:
  template <class Deed>
  static std::error_code with_archive(const archive_part& part, Deed&& deed) {
    tcpinfo::segment_archive archive;
    tcpinfo::metadata about;
    if (part.about) {
      about = part.about->view();
      archive.about = &about;
    }
    archive.path = part.path;
    archive.goes_on = part.goes_on ? 1 : 0;
    return deed(archive);
  }
};

/// The segment with one block for each element, finished.
inline std::string segment_of(const std::vector<std::vector<archive_part>>& content) {
  blocks made;
  for (const auto& block : content) {
    for (const archive_part& part : block) made.put(part);
    made.flush();
  }
  made.finish();
  return made.all();
}

/// The frame that holds `content`, as the segment's are written.
inline std::string frame_of(std::string_view content, std::int32_t level = 3) {
  tcpinfo::frame_writer writer;
  must(writer.create(level), "create");
  std::string out(tcpinfo::frame_writer::bound(content.size()), '\0');
  std::size_t n = 0;
  must(writer.compress(bytes_of(content), std::as_writable_bytes(std::span(out)), n), "compress");
  out.resize(n);
  return out;
}

inline std::string skippable_frame(std::string_view content, unsigned kind = 3) {
  std::string out = "\x50\x2a\x4d\x18";
  out[0] = static_cast<char>(0x50 + kind);
  for (unsigned shift = 0; shift < 32; shift += 8)
    out += static_cast<char>(content.size() >> shift & 0xffU);
  return out.append(content);
}

/// The content of all frames.
inline std::string content_of(std::string_view bytes) {
  tcpinfo::stream_reader reader;
  must(reader.open_memory(bytes_of(bytes)), "open_memory");
  std::string content, piece(65536, '\0');
  for (;;) {
    std::size_t n = 0;
    must(reader.read(std::as_writable_bytes(std::span(piece)), n), "read");
    if (n == 0) return content;
    content.append(piece, 0, n);
  }
}

// ---------------------------------------------------------------------------------------------
// Reading

/// Records of one archive that came one after the other.
struct read_part {
  std::string path;
  std::string about;  ///< the metadata's line; empty where there is none
  bool goes_on = false;
  std::vector<std::string> lines;

  friend bool operator==(const read_part&, const read_part&) = default;
};

struct read_result {
  std::vector<read_part> parts;
  std::vector<std::error_code> faults;
  std::uint64_t records = 0;  ///< that came
  std::uint64_t missing = 0;
  std::uint64_t blocks = 0;
  std::uint64_t unknown_blocks = 0;
  std::uint64_t number = 0;  ///< of the last record

  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const read_part& part : parts) all.insert(all.end(), part.lines.begin(), part.lines.end());
    return all;
  }
};

/// The bytes of a record's message, as record::view() would have them of its line.
inline void check_form(const tcpinfo::segment_record& r, const std::string& line) {
  tcpinfo::record parsed;
  must(parsed.parse(line), "the line of a record is none");
  must(text_of(parsed.view().bytes) == text_of(r.m.bytes), "a message is not in canonical form");
}

inline read_result drain(tcpinfo::segment_reader& reader, bool check_forms = true) {
  read_result out;
  for (;;) {
    tcpinfo::segment_record r;
    bool more = false;
    const std::error_code ec = reader.next(r, more);
    if (!more) {
      must(ec, "the end is an error");
      break;
    }
    if (ec) {
      out.faults.push_back(ec);
      must(out.faults.size() < 1000, "faults without end");
      continue;
    }
    must(out.number < reader.record_number(), "record numbers do not rise");
    out.number = reader.record_number();
    ++out.records;
    must(out.records + reader.missing_records() == out.number, "a record number is wrong");
    const tcpinfo::segment_archive& archive = reader.archive();
    must(r.first <= 1 && archive.goes_on <= 1, "a flag is none");
    if (r.first == 1) {
      out.parts.emplace_back();
      read_part& part = out.parts.back();
      part.path = archive.path;
      if (archive.about != nullptr) part.about = line_of(*archive.about);
      part.goes_on = archive.goes_on == 1;
    }
    must(!out.parts.empty(), "a record of no archive");
    must(out.parts.back().path == archive.path, "the archive has changed, and nothing says so");
    std::vector<std::string>& lines = out.parts.back().lines;
    if (r.m.bytes.empty()) {
      lines.emplace_back(r.line);
    } else {
      must(r.line.empty(), "a message has a line");
      tcpinfo::record_extras extras;
      extras.poll = r.poll;
      extras.ended = r.ended;
      extras.carried = r.carried;
      extras.thinned = r.thinned;
      lines.push_back(line_of(r.time, r.m, extras));
      if (check_forms && out.records < 100) check_form(r, lines.back());
    }
  }
  out.missing = reader.missing_records();
  out.blocks = reader.blocks();
  out.unknown_blocks = reader.unknown_blocks();
  // The end stays the end.
  tcpinfo::segment_record r;
  bool more = true;
  must(reader.next(r, more), "the end is an error, asked for again");
  must(!more, "there is more behind the end");
  return out;
}

/// By one reader for all, so that what it read before has to change nothing.
inline read_result read_segment(std::string_view bytes, bool check_forms = true) {
  static tcpinfo::segment_reader reader;
  must(reader.open_memory(bytes_of(bytes)), "open_memory");
  return drain(reader, check_forms);
}

/// What has to come of parts: those without entries have no record to come with.
inline std::vector<read_part> expected(const std::vector<archive_part>& parts) {
  std::vector<read_part> out;
  for (const archive_part& part : parts) {
    if (part.entries.empty()) continue;
    out.emplace_back();
    out.back().path = part.path;
    if (part.about) out.back().about = line_of(part.about->view());
    out.back().goes_on = part.goes_on;
    for (const entry& e : part.entries) out.back().lines.push_back(e.line());
  }
  return out;
}

/// A record as record_reader gives it.
struct read_record {
  std::error_code fault;
  std::string line;
  std::string path;
  bool is_metadata = false;
  bool begins = false;
  bool goes_on = false;

  friend bool operator==(const read_record&, const read_record&) = default;
};

inline std::vector<read_record> drain(tcpinfo::record_reader& reader) {
  std::vector<read_record> out;
  tcpinfo::record r;
  for (;;) {
    bool more = false;
    const std::error_code ec = reader.next(r, more);
    if (!more) {
      must(ec, "the end is an error");
      return out;
    }
    out.emplace_back();
    out.back().fault = ec;
    if (ec) {
      out.back().line = reader.line();
    } else {
      out.back() = {{},
                    line_of(r),
                    std::string(reader.path()),
                    r.has_metadata(),
                    reader.begins_archive(),
                    reader.goes_on()};
    }
    must(out.size() < 10'000'000, "records without end");
  }
}

inline std::vector<read_record> read_records(std::string_view bytes) {
  static tcpinfo::record_reader reader;
  must(reader.open_memory(bytes_of(bytes)), "open_memory");
  return drain(reader);
}

}  // namespace segment_files

#endif
