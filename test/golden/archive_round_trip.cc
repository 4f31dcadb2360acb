// SPDX-License-Identifier: Apache-2.0
//
// Reads every archive below the folders given and writes it again, through the public API: the JSON
// must come out byte for byte, insignificant spaces apart. Exit status 77: nothing to test on.
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

bool read_text(const std::string& path, std::string& text) {
  tcpinfo::stream_reader reader;
  if (reader.open_path(path)) return false;
  std::string piece(65536, '\0');
  for (;;) {
    std::size_t n = 0;
    if (reader.read(std::as_writable_bytes(std::span(piece)), n)) return false;
    if (n == 0) return true;
    text.append(piece, 0, n);
  }
}

std::string without_spaces(const std::string& json) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '"') in_string = !in_string;
    if (json[i] == '\\') out += json[i++];
    if (in_string || json[i] != ' ') out += json[i];
  }
  return out;
}

bool round_trips(const std::string& path) {
  std::string text;
  if (!read_text(path, text)) {
    std::printf("FAIL %s: cannot be read\n", path.c_str());
    return false;
  }
  tcpinfo::archive_reader reader;
  if (reader.open_path(path)) return false;
  tcpinfo::record record;
  std::string again;
  std::vector<char> line;
  std::size_t records = 0;
  for (;;) {
    bool more = false;
    const std::error_code ec = reader.next(record, more);
    if (ec) {
      std::printf("FAIL %s:%llu: %s\n", path.c_str(),
                  static_cast<unsigned long long>(reader.line_number()), ec.message().c_str());
      return false;
    }
    if (!more) break;
    line.resize(tcpinfo::max_record_size(record));
    std::size_t n = 0;
    if (tcpinfo::encode_record(line, n, record)) return false;
    again.append(line.data(), n);
    ++records;
  }
  if (again != without_spaces(text)) {
    std::printf("FAIL %s: written again, it differs\n", path.c_str());
    return false;
  }
  std::printf("ok   %s: %zu records\n", path.c_str(), records);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  std::size_t failures = 0;
  for (int i = 1; i < argc; ++i) {
    std::error_code ec;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(argv[i], ec)) {
      const std::string name = entry.path().filename().string();
      // Events share the folder; the event socket's tests are theirs.
      if (name.starts_with("events") ||
          (!name.ends_with(".jsonl") && !name.ends_with(".jsonl.zst")))
        continue;
      ++files;
      if (!round_trips(entry.path().string())) ++failures;
    }
    if (ec) std::printf("%s: %s\n", argv[i], ec.message().c_str());
  }
  if (files == 0) {
    std::printf("SKIP: no archives found (is the test data there?)\n");
    return 77;
  }
  std::printf("%zu files, %zu failures\n", files, failures);
  return failures == 0 ? 0 : 1;
}
