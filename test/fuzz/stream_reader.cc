// SPDX-License-Identifier: Apache-2.0
//
// Compressed input in any condition: what is read does not depend on the caller's buffer, the part
// that salvage would keep reads without a fault, and reading on after faults comes to an end, with
// the same content from memory as from a file.
#include <sys/mman.h>
#include <tcpinfo/zstd.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "fuzz.h"

namespace {

// A few bytes can hold gigabytes; the rest would not be read differently.
constexpr std::size_t enough = std::size_t{1} << 20;

struct result {
  std::string text;
  std::error_code fault;
  std::uint64_t whole_end = 0;
  std::uint64_t whole_content = 0;
  bool ended = false;
};

result read(tcpinfo::bytes_view input, std::size_t piece) {
  tcpinfo::stream_reader reader;
  tcpinfo::stream_options options;
  options.max_window_log = 20;
  FUZZ_CHECK(!reader.open_memory(input, options));
  result r;
  std::string out(piece, '\0');
  while (r.text.size() < enough) {
    std::size_t n = 0;
    r.fault = reader.read(std::as_writable_bytes(std::span(out)), n);
    FUZZ_CHECK(n <= out.size());
    FUZZ_CHECK(!r.fault || n == 0);
    if (n == 0) {
      r.ended = true;
      break;
    }
    r.text.append(out, 0, n);
  }
  r.whole_end = reader.whole_frames_end();
  r.whole_content = reader.whole_frames_content();
  FUZZ_CHECK(r.whole_end <= reader.compressed_offset());
  FUZZ_CHECK(reader.compressed_offset() <= input.size());
  FUZZ_CHECK(reader.content_offset() == r.text.size());
  return r;
}

// All that can be had, going on after each fault.
std::string read_on(tcpinfo::stream_reader& reader, std::size_t size) {
  std::string text;
  std::string out(4096, '\0');
  std::uint64_t before = 0;
  for (std::size_t resumed = 0; text.size() < enough;) {
    std::size_t n = 0;
    if (!reader.read(std::as_writable_bytes(std::span(out)), n)) {
      if (n == 0) break;
      text.append(out, 0, n);
      continue;
    }
    if (!reader.resume()) break;
    // Each time from a place further on.
    FUZZ_CHECK(++resumed <= size);
    FUZZ_CHECK(reader.compressed_offset() > before || resumed == 1);
    before = reader.compressed_offset();
    FUZZ_CHECK(before <= size);
  }
  return text;
}

void check_reading_on(tcpinfo::bytes_view input) {
  tcpinfo::stream_options options;
  options.max_window_log = 20;
  tcpinfo::stream_reader memory;
  FUZZ_CHECK(!memory.open_memory(input, options));
  const std::string text = read_on(memory, input.size());
  const int file = ::memfd_create("input", MFD_CLOEXEC);
  if (file < 0) return;
  if (::write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size()) &&
      ::lseek(file, 0, SEEK_SET) == 0) {
    tcpinfo::stream_reader descriptor;
    FUZZ_CHECK(!descriptor.open_fd(file, options));
    FUZZ_CHECK(read_on(descriptor, input.size()) == text);
  }
  ::close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> copy(data, data + size);
  const tcpinfo::bytes_view input = std::as_bytes(std::span(copy));
  check_reading_on(input);
  const result large = read(input, std::size_t{256} << 10);
  if (!large.ended) return 0;
  const result small = read(input, 1 + (size == 0 ? 0 : data[size - 1]));
  FUZZ_CHECK(small.ended);
  FUZZ_CHECK(small.text == large.text);
  FUZZ_CHECK(small.fault == large.fault);
  FUZZ_CHECK(small.whole_end == large.whole_end);
  if (large.whole_end > 0) {
    const result kept = read(input.first(static_cast<std::size_t>(large.whole_end)), 4096);
    FUZZ_CHECK(!kept.fault);
    FUZZ_CHECK(kept.text == large.text.substr(0, static_cast<std::size_t>(large.whole_content)));
  }
  return 0;
}
