// SPDX-License-Identifier: Apache-2.0
//
// Segments that were written once stay readable, with the text that they gave then: each
// NAME.tcpseg.zst in the folder given is held against NAME.txt, through the public API.
//   segment_text <folder>
//   segment_text --print <segment>   what is to be in its .txt
// In the text, `= ` begins an archive, with its name, `+ ` one that goes on; its lines follow, each
// with a newline of its own. Behind the records come the summaries: `~ ` and the archive's name, or
// `~+ `, its metadata, and what the summary says.
#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;

bool add_line(std::string& text, std::string_view line, std::error_code ec) {
  text += line;
  if (!line.ends_with('\n')) text += '\n';
  return !ec;
}

bool add_archive(std::string& text, std::string_view sign, const tcpinfo::segment_archive& a) {
  text += sign;
  text += a.goes_on == 1 ? "+ " : sign.empty() ? "= " : " ";
  text += a.path;
  text += '\n';
  if (a.about == nullptr) return true;
  std::string line(tcpinfo::max_metadata_size(*a.about), '\0');
  std::size_t n = 0;
  const auto ec = tcpinfo::encode_metadata(line, n, *a.about);
  return add_line(text, std::string_view(line).substr(0, n), ec);
}

bool read_summaries(const std::string& path, std::string& text) {
  tcpinfo::segment_reader reader;
  if (reader.open_path(path)) return false;
  for (;;) {
    tcpinfo::segment_summary s;
    bool more = false;
    if (reader.next_summary(s, more)) return false;
    if (!more) return reader.missing_records() == 0;
    if (!add_archive(text, "~", reader.archive())) return false;
    for (const tcpinfo::summary_value& v : s.values)
      text += std::to_string(v.field) + ": " + std::to_string(v.value) + '\n';
    for (const tcpinfo::summary_bucket& b : s.rtts)
      text += std::to_string(b.lowest) + " to " + std::to_string(b.highest) +
              " us: " + std::to_string(b.count) + '\n';
    if (!s.congestion_control.empty()) text.append(s.congestion_control) += '\n';
  }
}

// False where something could not be read.
bool read_text(const std::string& path, std::string& text) {
  tcpinfo::segment_reader reader;
  if (reader.open_path(path)) return false;
  std::string line;
  for (;;) {
    tcpinfo::segment_record r;
    bool more = false;
    if (reader.next(r, more)) return false;
    if (!more)
      return reader.missing_records() == 0 && reader.blocks() > 0 && read_summaries(path, text);
    std::size_t n = 0;
    if (r.first == 1 && !add_archive(text, "", reader.archive())) return false;
    if (r.m.bytes.empty()) {
      if (!add_line(text, r.line, {})) return false;
      continue;
    }
    tcpinfo::record_extras extras;
    extras.poll = r.poll;
    extras.ended = r.ended;
    extras.carried = r.carried;
    extras.thinned = r.thinned;
    line.resize(tcpinfo::max_record_size(r.m));
    const auto ec = tcpinfo::encode_record(line, n, r.time, r.m, extras);
    if (!add_line(text, std::string_view(line).substr(0, n), ec)) return false;
  }
}

bool is_as_it_was(const fs::path& path) {
  std::string text;
  if (!read_text(path.string(), text)) {
    std::printf("FAIL %s: cannot be read\n", path.c_str());
    return false;
  }
  std::string name = path.string();
  name.resize(name.size() - tcpinfo::segment_suffix.size());
  std::ifstream file(name + ".txt", std::ios::binary);
  const std::string wanted{std::istreambuf_iterator<char>(file), {}};
  if (text != wanted) {
    std::printf("FAIL %s: its text is another one\n", path.c_str());
    return false;
  }
  std::printf("ok   %s: %zu bytes of text\n", path.c_str(), text.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--print") {
    std::string text;
    const bool good = read_text(argv[2], text);
    std::fputs(text.c_str(), stdout);
    return good ? 0 : 1;
  }
  if (argc != 2) return 2;
  std::size_t files = 0;
  std::size_t failures = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(argv[1])) {
    if (!entry.path().string().ends_with(tcpinfo::segment_suffix)) continue;
    ++files;
    if (!is_as_it_was(entry.path())) ++failures;
  }
  std::printf("%zu files, %zu failures\n", files, failures);
  return files > 0 && failures == 0 ? 0 : 1;
}
