// SPDX-License-Identifier: Apache-2.0
//
// Segments in any condition: reading ends, takes little memory, and gives nothing that a segment
// could not hold. What it gives is written anew, and read again it is the same; and a record_reader
// gives the same records, as columns the same numbers.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz.h"
#include "fuzz/columns.h"
#include "fuzz/segment_drain.h"
#include "fuzz/summaries.h"
#include "segment/block_decoder.h"
#include "segment/checksum.h"
#include "segment/format.h"
#include "segment/index.h"
#include "unit/sanitized.h"

namespace {

// A few bytes can hold very many records; the rest would not be read differently.
constexpr std::size_t enough = 3000;
// What a reader may hold in its own memory, whatever the input says: its buffers, and what a block
// of 960 KiB unfolds to.
constexpr std::size_t most_memory = std::size_t{80} << 20;

std::size_t held = 0;
std::size_t most_held = 0;

struct told_record {
  std::string line;  ///< the record's, or as it is kept
  std::string path;
  std::string about;
  bool is_text = false;

  friend bool operator==(const told_record&, const told_record&) = default;
};

std::string line_of(const tcpinfo::segment_record& r) {
  tcpinfo::record_extras extras;
  extras.poll = r.poll;
  extras.ended = r.ended;
  extras.carried = r.carried;
  extras.thinned = r.thinned;
  std::string line(tcpinfo::max_record_size(r.m), '\0');
  std::size_t n = 0;
  FUZZ_CHECK(!tcpinfo::encode_record(line, n, r.time, r.m, extras));
  line.resize(n);
  return line;
}

std::string line_of(const tcpinfo::metadata& m) {
  std::string line(tcpinfo::max_metadata_size(m), '\0');
  std::size_t n = 0;
  FUZZ_CHECK(!tcpinfo::encode_metadata(line, n, m));
  line.resize(n);
  return line;
}

// Writes what is read.
class writer {
 public:
  writer() { FUZZ_CHECK(!made_.create({})); }

  void add(const tcpinfo::segment_archive& archive, const tcpinfo::segment_record& r) {
    if (r.first == 1 || !begun_) begin(archive);
    std::error_code ec = try_add(r);
    if (ec == tcpinfo::errc::buffer_too_small) {
      flush();
      begin(archive);
      ec = try_add(r);
    }
    FUZZ_CHECK(!ec);
  }
  std::string end() {
    flush();
    tcpinfo::bytes_view index;
    FUZZ_CHECK(!made_.finish(index));
    keep(index);
    return std::move(bytes_);
  }

 private:
  void begin(const tcpinfo::segment_archive& archive) {
    std::error_code ec = made_.begin(archive, number_);
    if (ec == tcpinfo::errc::buffer_too_small) {
      flush();
      ec = made_.begin(archive, number_);
    }
    FUZZ_CHECK(!ec);
    begun_ = true;
  }
  std::error_code try_add(const tcpinfo::segment_record& r) {
    if (r.m.bytes.empty()) return made_.add_line(number_, r.line);
    tcpinfo::record_extras extras;
    extras.poll = r.poll;
    extras.ended = r.ended;
    extras.carried = r.carried;
    extras.thinned = r.thinned;
    return made_.add(number_, r.time, r.m, extras);
  }
  void flush() {
    tcpinfo::bytes_view frame;
    FUZZ_CHECK(!made_.flush(frame));
    keep(frame);
  }
  void keep(tcpinfo::bytes_view bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  tcpinfo::segment_writer made_;
  std::string bytes_;
  std::uint32_t number_ = 0;
  bool begun_ = false;
};

// Reads a segment, up to `enough` records, and writes them to `to` if that is not null.
std::vector<told_record> read(tcpinfo::segment_reader& reader, tcpinfo::bytes_view input,
                              writer* to, std::size_t& faults) {
  segment_drain drain(reader, input);
  std::vector<told_record> records;
  std::uint64_t number = 0;
  tcpinfo::segment_record r;
  while (records.size() < enough && drain.next(&tcpinfo::segment_reader::next, r)) {
    FUZZ_CHECK(reader.record_number() > number || reader.missing_records() > 0);
    number = reader.record_number();
    const tcpinfo::segment_archive& archive = reader.archive();
    FUZZ_CHECK(archive.path.size() <= 4096);
    FUZZ_CHECK(archive.goes_on <= 1 && r.first <= 1);
    FUZZ_CHECK(!records.empty() || r.first == 1);
    records.emplace_back();
    told_record& t = records.back();
    t.path = archive.path;
    if (archive.about != nullptr) t.about = line_of(*archive.about);
    t.is_text = r.m.bytes.empty();
    t.line = t.is_text ? std::string(r.line) : line_of(r);
    FUZZ_CHECK(t.is_text || r.line.empty());
    if (to != nullptr) to->add(archive, r);
  }
  faults = drain.faults();
  FUZZ_CHECK(reader.compressed_offset() <= input.size());
  return records;
}

// The same through a record_reader: records as their lines, those that are no JSON left out.
void check_records(tcpinfo::bytes_view input, const std::vector<told_record>& wanted) {
  static tcpinfo::record_reader reader;  // what it read before changes nothing
  tcpinfo::archive_reader_options options;
  options.max_window_log = 20;
  FUZZ_CHECK(!reader.open_memory(input, options));
  tcpinfo::record r;
  std::size_t at = 0;
  for (std::size_t steps = 0; at < wanted.size(); ++steps) {
    bool more = false;
    const std::error_code ec = reader.next(r, more);
    FUZZ_CHECK(more || !ec);
    if (!more) break;
    FUZZ_CHECK(steps <= 2 * (input.size() + enough) + 2);
    if (!reader.is_segment()) return;
    if (ec || r.has_metadata()) continue;
    // Lines that are kept as text are another matter: they may be any JSON, or none.
    if (!reader.line().empty()) continue;
    while (at < wanted.size() && wanted[at].is_text) ++at;
    FUZZ_CHECK(at < wanted.size());
    std::string line(tcpinfo::max_record_size(r), '\0');
    std::size_t n = 0;
    FUZZ_CHECK(!tcpinfo::encode_record(line, n, r));
    line.resize(n);
    FUZZ_CHECK(line == wanted[at].line);
    FUZZ_CHECK(reader.path() == wanted[at].path);
    ++at;
  }
  while (at < wanted.size() && wanted[at].is_text) ++at;
  FUZZ_CHECK(at == wanted.size() || !reader.is_segment());
}

}  // namespace

#if !defined(TCPINFO_TEST_SANITIZED)
#include <malloc.h>

[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const p = std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) throw std::bad_alloc();
  held += ::malloc_usable_size(p);
  most_held = std::max(most_held, held);
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  held -= ::malloc_usable_size(p);
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
#endif

namespace {

namespace format = tcpinfo::segment_format;

// Gives each block of plain content the size up to the next one, and the right checksum: so that
// what is changed in it is looked at.
bool mend(std::vector<std::byte>& content) {
  const auto* const magic = reinterpret_cast<const std::byte*>(format::magic.data());
  const auto next = [&](std::size_t from) {
    return static_cast<std::size_t>(std::search(content.begin() + static_cast<std::ptrdiff_t>(from),
                                                content.end(), magic,
                                                magic + format::magic.size()) -
                                    content.begin());
  };
  bool any = false;
  for (std::size_t at = next(0); at < content.size();) {
    const std::size_t end = next(at + 1);
    if (end - at >= format::head_size) {
      const std::span block = std::span(content).subspan(at, end - at);
      format::store_le(&block[format::size_at], static_cast<std::uint32_t>(block.size()));
      format::store_le(&block[format::checksum_at], format::checksum_of(block));
      any = true;
    }
    at = end;
  }
  return any;
}

// The input as what an index says of blocks: written anew it is the same as written again.
void check_index(tcpinfo::bytes_view input) {
  format::byte_stream index;
  format::put_index({}, index);
  constexpr std::size_t head_size = 8;
  std::vector<std::byte> frame(index.all().begin(), index.all().begin() + head_size);
  frame.insert(frame.end(), input.begin(), input.end());
  format::checksum sum;
  sum.add(frame);
  const auto trailer = index.all().last(format::index_trailer_size);
  frame.insert(frame.end(), trailer.begin(), trailer.end());
  std::byte* const end = frame.data() + frame.size() - format::index_trailer_size;
  format::store_le(end, sum.result());
  format::store_le(end + 8, static_cast<std::uint32_t>(frame.size()));
  std::vector<format::block_span> blocks;
  if (!format::read_index(frame, blocks)) return;
  format::put_index(blocks, index);
  const std::vector<std::byte> once(index.all().begin(), index.all().end());
  FUZZ_CHECK(format::read_index(once, blocks));
  format::put_index(blocks, index);
  FUZZ_CHECK(std::ranges::equal(index.all(), once));
}

// The writer sorts archives, and keeps the order within one.
void by_archive(std::vector<told_record>& records) {
  std::ranges::stable_sort(records, {}, [](const told_record& r) {
    return std::pair<std::string_view, std::string_view>(r.path, r.about);
  });
}

// What a reader that reads nothing else holds while it does `read`.
template <class F>
void check_memory(F&& read) {
  most_held = held;
  const std::size_t before = held;
  {
    tcpinfo::segment_reader fresh;
    read(fresh);
  }
  FUZZ_CHECK(most_held - before <= most_memory);
}

void check(tcpinfo::bytes_view input) {
  std::size_t faults = 0;
  check_memory([&](auto& fresh) { (void)read(fresh, input, nullptr, faults); });
  check_memory([&](auto& fresh) { (void)fuzzed_summaries::read(fresh, input, nullptr, faults); });
  check_memory([&](auto& fresh) { (void)fuzzed_columns::by_columns(fresh, input, faults); });
  fuzzed_summaries::check_again(input);
  fuzzed_columns::check(input);

  static tcpinfo::segment_reader reader;  // what it read before changes nothing
  writer again;
  std::vector<told_record> records = read(reader, input, &again, faults);
  check_records(input, records);
  if (records.empty()) return;
  const std::string bytes = again.end();
  std::size_t new_faults = 0;
  std::vector<told_record> written =
      read(reader, std::as_bytes(std::span(bytes)), nullptr, new_faults);
  by_archive(records);
  by_archive(written);
  FUZZ_CHECK(written == records);
  FUZZ_CHECK(new_faults == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> input(bytes, bytes + size);
  check(input);
  check_index(input);
  if (mend(input)) check(input);
  return 0;
}
