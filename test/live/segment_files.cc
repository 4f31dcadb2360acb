// SPDX-License-Identifier: Apache-2.0
//
// Makes files of connections out of segments, for tests that read those.
//
// usage: segment_files DIR SEGMENT…
//
// Segments are read in the order given. What is cut off at the end of one is not there yet. Prints
// how many records there were.
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

using namespace tcpinfo;

namespace {

std::map<std::string, std::string> texts;  // by the path of the archive
std::uint64_t records = 0;

bool read(const char* path) {
  record_reader reader;
  std::error_code ec = reader.open_path(path);
  record one;
  std::vector<char> line;
  for (bool more = true; !ec;) {
    ec = reader.next(one, more);
    if (ec == errc::truncated_frame) return true;
    if (ec || !more) break;
    std::string& text = texts[std::string(reader.path())];
    if (reader.goes_on()) continue;
    records += one.about().has_value() ? 0 : 1;
    line.resize(max_record_size(one));
    std::size_t n = 0;
    ec = encode_record(line, n, one);
    text.append(line.data(), n);
  }
  if (!ec && reader.missing_records() == 0) return true;
  std::fprintf(stderr, "%s: record %llu: %s, %llu missing\n", path,
               static_cast<unsigned long long>(reader.line_number()), ec.message().c_str(),
               static_cast<unsigned long long>(reader.missing_records()));
  return false;
}

bool write(const std::filesystem::path& path, const std::string& text) {
  frame_writer frames;
  std::vector<std::byte> frame(frame_writer::bound(text.size()));
  std::size_t n = 0;
  if (frames.create(3) || frames.compress(std::as_bytes(std::span(text)), frame, n)) return false;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(n));
  return out.good();
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 2; i < argc; ++i)
    if (!read(argv[i])) return 1;
  for (const auto& [path, text] : texts)
    if (!write(std::filesystem::path(argv[1]) / path, text)) return 1;
  std::printf("%llu\n", static_cast<unsigned long long>(records));
}
