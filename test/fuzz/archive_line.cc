// SPDX-License-Identifier: Apache-2.0
//
// A line of an archive: both ways through the parser agree, and what was read and written again is
// read and written the same.
#include <tcpinfo/archive.h>

#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"

namespace {

std::string written(const tcpinfo::record& r) {
  std::string out(tcpinfo::max_record_size(r), '\0');
  std::size_t n = 0;
  FUZZ_CHECK(!tcpinfo::encode_record(out, n, r));
  FUZZ_CHECK(n <= out.size());
  out.resize(n);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly this size, so that a sanitizer sees a read beyond it.
  const std::vector<char> copy(data, data + size);
  const std::string_view line(copy.data(), copy.size());
  tcpinfo::record first;
  const std::error_code ec = first.parse(line);
  if (line.starts_with('{')) {
    // The space makes it not canonical.
    tcpinfo::record spaced;
    FUZZ_CHECK(spaced.parse("{ " + std::string(line.substr(1))) == ec);
    if (!ec) FUZZ_CHECK(written(spaced) == written(first));
  }
  if (!ec) {
    FUZZ_CHECK(first.view().bytes.empty() || first.view().attributes().well_formed());
    const std::string once = written(first);
    tcpinfo::record second;
    FUZZ_CHECK(!second.parse(once));
    FUZZ_CHECK(written(second) == once);
    FUZZ_CHECK(second.time() == first.time());
    FUZZ_CHECK(second.poll() == first.poll());
    FUZZ_CHECK(second.ended() == first.ended());
    FUZZ_CHECK(second.carried() == first.carried());
    FUZZ_CHECK(second.thinned() == first.thinned());
    FUZZ_CHECK(second.unknown_keys() == first.unknown_keys());
    FUZZ_CHECK(second.attribute_count() == first.attribute_count());
  }
  // The same bytes as a file: it ends, and every line is told at most once.
  tcpinfo::archive_reader reader;
  tcpinfo::archive_reader_options options;
  options.max_line = 1 + size / 2;
  FUZZ_CHECK(!reader.open_memory(std::as_bytes(std::span(copy)), options));
  std::size_t steps = 0;
  for (bool more = true; more;) {
    const std::error_code fault = reader.next(first, more);
    FUZZ_CHECK(more || !fault);
    FUZZ_CHECK(++steps <= size + 3);
  }
  return 0;
}
