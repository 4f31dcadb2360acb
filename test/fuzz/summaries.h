// SPDX-License-Identifier: Apache-2.0
//
// Summaries of a segment in any condition: what is read could have been written, and written anew
// it is the same.
#ifndef TCPINFO_TEST_FUZZ_SUMMARIES_H
#define TCPINFO_TEST_FUZZ_SUMMARIES_H

#include <tcpinfo/segment.h>

#include <span>
#include <string>
#include <vector>

#include "fuzz.h"
#include "fuzz/segment_drain.h"

namespace fuzzed_summaries {

// A few bytes can hold very many; the rest would not be read differently.
constexpr std::size_t enough = 3000;

struct told_summary {
  std::string path;
  std::string about;
  std::uint32_t goes_on = 0;
  std::vector<tcpinfo::summary_value> values;
  std::vector<tcpinfo::summary_bucket> rtts;
  std::string congestion_control;

  friend bool operator==(const told_summary&, const told_summary&) = default;
};

inline told_summary told(const tcpinfo::segment_archive& archive,
                         const tcpinfo::segment_summary& s) {
  told_summary out;
  out.path = archive.path;
  out.goes_on = archive.goes_on;
  if (archive.about != nullptr) {
    out.about.resize(tcpinfo::max_metadata_size(*archive.about));
    std::size_t n = 0;
    FUZZ_CHECK(!tcpinfo::encode_metadata(out.about, n, *archive.about));
    out.about.resize(n);
  }
  out.values.assign(s.values.begin(), s.values.end());
  out.rtts.assign(s.rtts.begin(), s.rtts.end());
  out.congestion_control = s.congestion_control;
  return out;
}

class writer {
 public:
  writer() { FUZZ_CHECK(!made_.create({})); }
  void add(const tcpinfo::segment_archive& archive, const tcpinfo::segment_summary& s) {
    std::error_code ec = made_.add_summary(archive, s);
    if (ec == tcpinfo::errc::buffer_too_small) {
      flush();
      ec = made_.add_summary(archive, s);
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
  void flush() {
    tcpinfo::bytes_view frame;
    FUZZ_CHECK(!made_.flush_summaries(frame));
    keep(frame);
  }
  void keep(tcpinfo::bytes_view bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  tcpinfo::segment_writer made_;
  std::string bytes_;
};

/// Reads them, up to `enough`, and writes them to `to` if that is not null.
inline std::vector<told_summary> read(tcpinfo::segment_reader& reader, tcpinfo::bytes_view input,
                                      writer* to, std::size_t& faults) {
  segment_drain drain(reader, input);
  std::vector<told_summary> all;
  tcpinfo::segment_summary s;
  while (all.size() < enough && drain.next(&tcpinfo::segment_reader::next_summary, s)) {
    all.push_back(told(reader.archive(), s));
    if (to != nullptr) to->add(reader.archive(), s);
  }
  faults = drain.faults();
  FUZZ_CHECK(reader.compressed_offset() <= input.size());
  return all;
}

inline void check_again(tcpinfo::bytes_view input) {
  static tcpinfo::segment_reader reader;  // what it read before changes nothing
  writer again;
  std::size_t faults = 0;
  const std::vector<told_summary> all = read(reader, input, &again, faults);
  if (all.empty()) return;
  const std::string bytes = again.end();
  FUZZ_CHECK(read(reader, std::as_bytes(std::span(bytes)), nullptr, faults) == all);
  FUZZ_CHECK(faults == 0);
}

}  // namespace fuzzed_summaries

#endif
