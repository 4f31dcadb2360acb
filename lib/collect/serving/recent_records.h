// SPDX-License-Identifier: Apache-2.0
//
// The latest records of some connections, out of the files that are being written and of what
// writers hold beside them.
#ifndef TCPINFO_COLLECT_SERVING_RECENT_RECORDS_H
#define TCPINFO_COLLECT_SERVING_RECENT_RECORDS_H

#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collect/writing/question.h"

namespace tcpinfo::collect {

/// One thread's. Throws std::bad_alloc. What cannot be read is not among them.
class recent_records {
 public:
  /// Of the latest record's time, how much before it is still told.
  static constexpr std::int64_t span_ns = 60'000'000'000;
  /// Of a file no more is read, at its end,
  static constexpr std::uint64_t most_bytes = std::uint64_t{8} << 20;
  /// and of one that has more so much at its beginning, where it says whose the records are. A
  /// block of zstd has no more.
  static constexpr std::uint64_t head_bytes = std::uint64_t{256} << 10;

  /// Reads what a writer has told of, files included.
  void take(const recent_answer& said);
  /// Lines as an archive has them: of each connection its metadata record and its records, by their
  /// time. Of all connections together the latest most_asked_records. Empty: there are none.
  [[nodiscard]] std::string lines() const;

 private:
  struct line {
    std::int64_t time_ns;
    std::string text;
  };
  struct flow {
    std::string about;       // its latest metadata record
    std::deque<line> lines;  // the latest ones
  };

  [[nodiscard]] bool read_file(const asked_file& file);
  [[nodiscard]] bool read_by_index(int file);
  void read(bytes_view bytes);
  void read_about(bytes_view bytes);
  void put(const record& r);

  std::map<std::uint64_t, flow> flows_;  // by cookie
  std::uint64_t only_ = 0;               // of which alone records are taken; 0: of all of these
  std::uint64_t about_cookie_ = 0;       // of the connection that the latest metadata record names
};

}  // namespace tcpinfo::collect

#endif
