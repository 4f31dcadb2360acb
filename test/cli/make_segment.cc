// SPDX-License-Identifier: Apache-2.0
//
// Makes a segment of archives, for tests of the tools that read both. Lines that a segment would
// not give back byte for byte are kept in it as text.
//
// usage: make_segment [--block N] [--by-turns] [--blocks-a-file N] [--unfinished] ROOT OUT ARCHIVE…
//   ROOT: archives are known by their paths below it
//   OUT: the segment
//   --block N: records in a block; absent: as many as fit
//   --by-turns: one record of each archive after the other, as a collector writes them, not one
//   archive after the other; the next archive of the same UUID follows behind the one before
//   --blocks-a-file N: another segment then, in which the archives go on; their names have .00, .01
//   and so on before the .tcpseg.zst of OUT
//   --unfinished: without the index at the end
#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace tcpinfo;

void require(std::string_view what, const std::error_code& ec) {
  if (!ec) return;
  std::fprintf(stderr, "make_segment: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               ec.message().c_str());
  std::exit(1);
}

struct source_archive {
  std::string path;
  std::vector<std::string> lines;
  std::size_t next = 0;
  record first;  // keeps the texts of `about`
  metadata about;
  bool has_about = false;  // the first line is what the writer makes of it
  bool begun = false;      // in any block
  const source_archive* after = nullptr;
  std::uint64_t block = 0;
  std::uint32_t number = 0;  // in that block
};

std::string line_of(const record& r) {
  const auto written = [](std::size_t most, auto&& encode) {
    std::string line(most, '\0');
    std::size_t n = 0;
    if (encode(line, n)) return std::string();
    line.resize(n);
    return line;
  };
  if (const auto about = r.about())
    return written(max_metadata_size(*about),
                   [&](std::string& to, std::size_t& n) { return encode_metadata(to, n, *about); });
  record_extras extras;
  extras.poll = r.poll();
  extras.ended = r.ended();
  extras.carried = r.carried();
  extras.thinned = r.thinned();
  return written(max_record_size(r.view()), [&](std::string& to, std::size_t& n) {
    return encode_record(to, n, r.time(), r.view(), extras);
  });
}

struct segment_file {
  std::string name;
  std::uint64_t records_in_block = 0;  // 0: as many as fit
  std::uint64_t blocks_in_file = 0;    // 0: no limit
  bool finished = true;

  segment_writer writer;
  std::ofstream out;
  unsigned files = 0;
  std::uint64_t blocks = 0;  // over all files
  std::uint64_t blocks_here = 0;

  void put(bytes_view bytes) {
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  void open() {
    std::string path = name;
    if (blocks_in_file != 0)
      path.insert(path.rfind(".tcpseg"), (files < 10 ? ".0" : ".") + std::to_string(files));
    ++files;
    out.open(path, std::ios::binary);
    require("create", writer.create({}));
    blocks_here = 0;
  }
  void flush() {
    bytes_view frame;
    require("flush", writer.flush(frame));
    if (!frame.empty()) {
      put(frame);
      ++blocks_here;
    }
    ++blocks;
    if (blocks_in_file == 0 || blocks_here < blocks_in_file) return;
    close();
    open();
  }
  void close() {
    if (finished) {
      bytes_view index;
      require("finish", writer.finish(index));
      put(index);
    }
    out.close();
  }

  // Both may find the block full, and then are tried again in the next one.
  std::error_code begin(source_archive& a) {
    segment_archive begun;
    if (a.has_about) begun.about = &a.about;
    begun.path = a.path;
    begun.goes_on = a.begun ? 1 : 0;
    const std::error_code ec = writer.begin(begun, a.number);
    if (!ec) a.block = blocks + 1;
    return ec;
  }
  std::error_code add(source_archive& a, const std::string& line) {
    if (a.block != blocks + 1)
      if (const auto ec = begin(a)) return ec;
    record r;
    if (!r.parse(line) && line_of(r) == line && !r.has_metadata()) {
      record_extras extras;
      extras.poll = r.poll();
      extras.ended = r.ended();
      extras.carried = r.carried();
      extras.thinned = r.thinned();
      const std::error_code ec = writer.add(a.number, r.time(), r.view(), extras);
      if (ec != errc::bad_timestamp && ec != errc::malformed_attribute) {
        // One that finds the block full is not in it yet, and begins in the next one.
        a.begun = a.begun || !ec;
        return ec;
      }
    }
    const std::error_code ec = writer.add_line(a.number, line);
    a.begun = a.begun || !ec;
    return ec;
  }
  void write(source_archive& a) {
    const std::string& line = a.lines[a.next++];
    std::error_code ec = add(a, line);
    if (ec == errc::buffer_too_small) {
      flush();
      ec = add(a, line);
    }
    require(a.path, ec);
    if (records_in_block != 0 && writer.waiting() >= records_in_block) flush();
  }
};

// An archive of metadata alone has a line of its own: an archive without a record is none.
void read(source_archive& a, const std::string& file) {
  archive_reader reader;
  require(file, reader.open_path(file));
  record r;
  for (bool more = true;;) {
    const std::error_code ec = reader.next(r, more);
    if (!more) break;
    if (ec && reader.line().empty()) require(file, ec);
    a.lines.push_back(std::string(reader.line()) + "\n");
  }
  if (a.lines.size() < 2 || a.first.parse(a.lines[0]) || !a.first.has_metadata() ||
      line_of(a.first) != a.lines[0])
    return;
  a.about = *a.first.about();
  segment_writer trial;
  std::uint32_t number = 0;
  segment_archive begun;
  begun.about = &a.about;
  require("create", trial.create({}));
  if (trial.begin(begun, number)) return;
  a.has_about = true;
  a.next = 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  segment_file to;
  bool by_turns = false;
  std::size_t at = 0;
  for (; at < arguments.size() && arguments[at].starts_with("--"); ++at) {
    if (arguments[at] == "--block")
      to.records_in_block = std::stoull(arguments.at(++at));
    else if (arguments[at] == "--blocks-a-file")
      to.blocks_in_file = std::stoull(arguments.at(++at));
    else if (arguments[at] == "--by-turns")
      by_turns = true;
    else if (arguments[at] == "--unfinished")
      to.finished = false;
    else
      return 2;
  }
  if (arguments.size() < at + 2) return 2;
  const std::filesystem::path root = arguments[at];
  to.name = arguments[at + 1];
  std::deque<source_archive> archives;
  for (at += 2; at < arguments.size(); ++at) {
    archives.emplace_back();
    archives.back().path = std::filesystem::relative(arguments[at], root).string();
    read(archives.back(), arguments[at]);
    archive_name name;
    archive_name other;
    if (parse_archive_name(archives.back().path, name)) continue;
    for (const source_archive& a : archives)
      if (&a != &archives.back() && !parse_archive_name(a.path, other) && other.uuid == name.uuid)
        archives.back().after = &a;
  }
  to.open();
  for (bool any = true; any;) {
    any = false;
    for (source_archive& a : archives) {
      const bool waits = a.after != nullptr && a.after->next < a.after->lines.size();
      while (!waits && a.next < a.lines.size()) {
        to.write(a);
        any = true;
        if (by_turns) break;
      }
    }
  }
  to.flush();
  to.close();
}
