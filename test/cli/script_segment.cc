// SPDX-License-Identifier: Apache-2.0
//
// script_segment: writes a segment to standard output, as a script on standard input says, so that
// tests have segments that no tool would write. A line of it is
//
//   archive PATH      begins an archive in the block; %00 and the like in the path are bytes
//   goes-on PATH      the same, of which earlier records stand before
//   metadata JSON     before the archive: what its first line says
//   record JSON       a record of the archive
//   text TEXT         a line of it that is kept as text
//   flush             ends the block
//   finish            ends the segment; without it there is no index
#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace {

void expect(const std::error_code& ec, std::string_view what) {
  if (!ec) return;
  std::fprintf(stderr, "script_segment: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               ec.message().c_str());
  std::exit(1);
}

void put(tcpinfo::bytes_view block) { std::fwrite(block.data(), 1, block.size(), stdout); }

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

int main() {
  tcpinfo::segment_writer writer;
  expect(writer.create({}), "create");
  tcpinfo::record first;
  tcpinfo::record parsed;
  tcpinfo::metadata about;
  bool has_about = false;
  std::uint32_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const std::size_t space = line.find(' ');
    const std::string verb = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (verb == "metadata") {
      expect(first.parse(rest), line);
      has_about = first.get_metadata(about);
    } else if (verb == "archive" || verb == "goes-on") {
      const std::string path = unescaped(rest);
      tcpinfo::segment_archive archive;
      archive.path = path;
      archive.about = has_about ? &about : nullptr;
      archive.goes_on = verb == "goes-on" ? 1 : 0;
      expect(writer.begin(archive, number), line);
      has_about = false;
    } else if (verb == "record") {
      expect(parsed.parse(rest), line);
      expect(writer.add(number, parsed.time(), parsed.view(), extras_of(parsed)), line);
    } else if (verb == "text") {
      expect(writer.add_line(number, rest + '\n'), line);
    } else if (verb == "flush" || verb == "finish") {
      tcpinfo::bytes_view block;
      expect(verb == "flush" ? writer.flush(block) : writer.finish(block), line);
      put(block);
    } else {
      std::fprintf(stderr, "script_segment: %s?\n", line.c_str());
      return 1;
    }
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}
