// SPDX-License-Identifier: Apache-2.0
//
// What segments cost: the records of archives are written as one, which is read again, each as
// often as asked for, by turns with their floors: the same records as lines of archives, and
// nothing but the decompression of the same segment.
//
// usage: segments ROUNDS time|archive FLUSH_SECONDS ARCHIVE… (@FILE: a list of archives, one a
// line)
//   time: records in the order of their times, as a collector writes; archive: one archive after
//   the other, as a packer does. A block ends when it is full, and after so many seconds of
//   records.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

namespace {

using namespace tcpinfo;

struct kept_archive {
  std::string texts;  // of its metadata
  metadata about;
  std::string path;
};
struct kept_record {
  std::uint32_t archive;
  std::size_t at;  // in `bytes`
  std::size_t size;
  timestamp time;
  record_extras extras;
};
std::vector<kept_archive> archives;
std::vector<kept_record> records;
std::vector<std::byte> bytes;

[[noreturn]] void fail(const char* what, const std::error_code& ec) {
  std::fprintf(stderr, "segments: %s: %s\n", what, ec.message().c_str());
  std::exit(1);
}
void check(const char* what, const std::error_code& ec) {
  if (ec) fail(what, ec);
}

// As a collector names it, with the folders of its day before it; of a file elsewhere its name
// alone.
std::string path_in_output(const std::string& file) {
  constexpr std::string_view day = "0000/00/00/";
  const std::size_t name = file.rfind('/') + 1;
  if (name < day.size()) return file.substr(name);
  const std::string_view folders = std::string_view(file).substr(name - day.size(), day.size());
  for (std::size_t i = 0; i < day.size(); ++i)
    if (day[i] == '/' ? folders[i] != '/' : folders[i] < '0' || folders[i] > '9')
      return file.substr(name);
  return file.substr(name - day.size());
}

void load(const std::string& file) {
  archive_reader reader;
  check(file.c_str(), reader.open_path(file));
  kept_archive a;
  a.path = path_in_output(file);
  archives.push_back(std::move(a));
  for (const auto& item : reader.items()) {
    if (!item) fail(file.c_str(), item.error());
    kept_archive& to = archives.back();
    if (const auto about = item->about()) {
      to.about = *about;
      to.about.start_time = about->start_time.utc();
      // The views are the record's: a copy of all texts.
      const std::string_view all[] = {about->uuid,      about->host,     about->kernel,
                                      about->collector, about->interval, about->run};
      to.texts.reserve(4096);
      std::string_view* const into[] = {&to.about.uuid,      &to.about.host,     &to.about.kernel,
                                        &to.about.collector, &to.about.interval, &to.about.run};
      for (std::size_t i = 0; i < std::size(all); ++i) {
        const std::size_t at = to.texts.size();
        to.texts += all[i];
        *into[i] = std::string_view(to.texts).substr(at, all[i].size());
      }
      to.about.netns = {};
    }
    if (!item->has_idm()) continue;
    kept_record r{};
    r.archive = static_cast<std::uint32_t>(archives.size() - 1);
    r.at = bytes.size();
    r.size = item->view().bytes.size();
    r.time = item->time().utc();
    r.extras = record_extras{};
    r.extras.poll = item->poll();
    r.extras.ended = item->ended();
    r.extras.carried = item->carried();
    r.extras.thinned = item->thinned();
    bytes.insert(bytes.end(), item->view().bytes.begin(), item->view().bytes.end());
    records.push_back(r);
  }
}

message message_of(const kept_record& r) { return {bytes_view(bytes).subspan(r.at, r.size)}; }

// Who writes records has each in the cache, where it was received: they are laid out in the order
// in which they are written, as lines (archive by archive) and as a segment.
std::vector<kept_record> by_archive;
void lay_in_order() {
  std::vector<std::byte> laid;
  laid.reserve(2 * bytes.size());
  const auto lay = [&](std::vector<kept_record>& all) {
    for (kept_record& r : all) {
      const std::size_t at = laid.size();
      const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(r.at);
      laid.insert(laid.end(), from, from + static_cast<std::ptrdiff_t>(r.size));
      r.at = at;
    }
  };
  by_archive = records;
  std::stable_sort(
      by_archive.begin(), by_archive.end(),
      [](const kept_record& a, const kept_record& b) { return a.archive < b.archive; });
  lay(by_archive);
  lay(records);
  bytes = std::move(laid);
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

std::vector<std::byte> segment;
std::size_t blocks = 0;

void write_segment(std::int64_t flush_ns) {
  segment.clear();
  blocks = 0;
  static segment_writer writer;
  check("create", writer.create({}));
  std::vector<std::uint32_t> numbers(archives.size());
  std::vector<std::size_t> block_of(archives.size(), ~std::size_t{0});
  std::vector<bool> begun(archives.size());
  std::int64_t since = std::numeric_limits<std::int64_t>::min();
  const auto put = [](bytes_view part) { segment.insert(segment.end(), part.begin(), part.end()); };
  const auto flush = [&] {
    bytes_view frame;
    check("flush", writer.flush(frame));
    put(frame);
    ++blocks;
    since = std::numeric_limits<std::int64_t>::min();
  };
  for (const kept_record& r : records) {
    const std::int64_t now = r.time.unix_nanoseconds().value_or(0);
    if (writer.waiting() > 0 && flush_ns > 0 && now - since >= flush_ns) flush();
    for (;;) {
      std::error_code ec;
      if (block_of[r.archive] != blocks) {
        const kept_archive& a = archives[r.archive];
        segment_archive given;
        given.about = &a.about;
        given.path = a.path;
        given.goes_on = begun[r.archive] ? 1 : 0;
        ec = writer.begin(given, numbers[r.archive]);
        if (!ec) block_of[r.archive] = blocks;
      }
      if (!ec) ec = writer.add(numbers[r.archive], r.time, message_of(r), r.extras);
      if (ec == errc::buffer_too_small) {
        flush();
        continue;
      }
      check("add", ec);
      begun[r.archive] = true;
      if (writer.waiting() == 1) since = now;
      break;
    }
  }
  flush();
  bytes_view index;
  check("finish", writer.finish(index));
  put(index);
}

std::size_t lines_bytes = 0;
void write_lines() {
  // As the collector does it: a frame for each full buffer of a connection. Sorted by archive, so
  // that the text of a connection comes together.
  static record_encoder encoder;
  static frame_writer frames;
  check("frames", frames.create(3));
  static std::vector<char> text(std::size_t{256} << 10);
  static std::vector<std::byte> frame(frame_writer::bound(text.size()));
  std::size_t used = 0;
  lines_bytes = 0;
  const auto flush = [&] {
    std::size_t written = 0;
    check("compress", frames.compress(std::as_bytes(std::span(text.data(), used)), frame, written));
    lines_bytes += written;
    used = 0;
  };
  std::uint32_t before = 0;
  for (const kept_record& r : by_archive) {
    if (used > 0 && (r.archive != before || used > (std::size_t{128} << 10))) flush();
    before = r.archive;
    std::size_t written = 0;
    check("encode",
          encoder.encode(std::span(text).subspan(used), written, r.time, message_of(r), r.extras));
    used += written;
  }
  flush();
}

std::uint64_t sum = 0;
std::uint64_t read_segment() {
  static segment_reader reader;
  check("open", reader.open_memory(segment));
  segment_record r;
  std::uint64_t count = 0;
  for (bool more = true;; ++count) {
    check("read", reader.next(r, more));
    if (!more) break;
    sum += r.m.bytes.size() + std::to_integer<std::uint64_t>(r.m.bytes[wire::state_at]);
  }
  return count;
}

std::uint64_t read_records() {
  static record_reader reader;
  static record r;
  check("open", reader.open_memory(segment));
  std::uint64_t count = 0;
  for (bool more = true;;) {
    check("read", reader.next(r, more));
    if (!more) break;
    count += r.has_idm() ? 1 : 0;
  }
  return count;
}

// By fours: it is not the adding up that is to be measured.
std::uint64_t sum_of(std::span<const std::uint64_t> values) {
  std::uint64_t sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4)
    for (std::size_t j = 0; j < 4; ++j) sums[j] += values[i + j];
  for (; i < values.size(); ++i) sums[0] += values[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

// Three columns of each record, which is named by its archive and time.
std::uint64_t read_columns() {
  static segment_reader reader;
  check("open", reader.open_memory(segment));
  // rtt, snd_cwnd and bytes_acked of struct tcp_info.
  constexpr auto info = static_cast<std::uint32_t>(attribute_type::info);
  constexpr segment_column wanted[] = {{info, 68, 4}, {info, 80, 4}, {info, 120, 8}};
  check("columns", reader.want_columns(wanted));
  segment_columns columns;
  std::uint64_t count = 0;
  for (bool more = true;;) {
    check("read", reader.next_columns(columns, more));
    if (!more) break;
    count += columns.moments.size();
    sum += reader.archive().path.size() + static_cast<std::uint64_t>(columns.moments[0].time_ns);
    sum += sum_of(columns.values);
  }
  return count;
}

void decompress() {
  static stream_reader reader;
  static std::vector<std::byte> out(std::size_t{1} << 20);
  check("open", reader.open_memory(segment));
  for (std::size_t n = 1; n > 0;) check("decompress", reader.read(out, n));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: segments ROUNDS time|archive FLUSH_SECONDS ARCHIVE...\n");
    return 2;
  }
  const int rounds = std::atoi(argv[1]);
  const auto flush_ns = static_cast<std::int64_t>(std::atof(argv[3]) * 1e9);
  for (int i = 4; i < argc; ++i) {
    if (argv[i][0] != '@') {
      load(argv[i]);
      continue;
    }
    std::ifstream list(argv[i] + 1);
    for (std::string file; std::getline(list, file);) load(file);
  }
  if (std::string_view(argv[2]) == "time")
    std::stable_sort(records.begin(), records.end(),
                     [](const kept_record& a, const kept_record& b) { return a.time < b.time; });
  if (records.empty() || rounds < 1) return 2;
  lay_in_order();
  std::vector<double> write, lines, read, whole, three, floor;
  const auto timed = [](std::vector<double>& to, auto&& f) {
    const double before = cpu_seconds();
    f();
    to.push_back((cpu_seconds() - before) / static_cast<double>(records.size()));
  };
  std::uint64_t count = 0;
  for (int i = 0; i < rounds; ++i) {
    timed(write, [&] { write_segment(flush_ns); });
    timed(lines, [] { write_lines(); });
    timed(read, [&] { count = read_segment(); });
    timed(whole, [&] { count = read_records(); });
    timed(three, [&] { count = std::min(count, read_columns()); });
    timed(floor, [] { decompress(); });
    if (count != records.size()) fail("records are missing", errc::bad_block);
  }
  const auto n = static_cast<double>(records.size());
  std::printf(
      "{\"records\": %zu, \"archives\": %zu, \"blocks\": %zu, \"bytes\": %zu, "
      "\"bytes_per_record\": "
      "%.3f, \"line_bytes_per_record\": %.3f, \"write_us\": %.3f, \"line_write_us\": %.3f, "
      "\"read_per_s\": %.0f, \"record_reader_per_s\": %.0f, \"columns_per_s\": %.0f, "
      "\"decompress_per_s\": %.0f}\n",
      records.size(), archives.size(), blocks, segment.size(),
      static_cast<double>(segment.size()) / n, static_cast<double>(lines_bytes) / n,
      1e6 * median(write), 1e6 * median(lines), 1 / median(read), 1 / median(whole),
      1 / median(three), 1 / median(floor));
  return sum == 0 ? 1 : 0;
}
