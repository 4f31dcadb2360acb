// SPDX-License-Identifier: Apache-2.0
//
// Why was a connection slow? docs/why.md says how it is found out.
#ifndef TCPINFO_ANALYSIS_WHY_EXAMINER_H
#define TCPINFO_ANALYSIS_WHY_EXAMINER_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "analysis/why/report.h"
#include "analysis/why/rounds.h"

namespace tcpinfo::analysis::why {

/// Takes the records of one connection one after the other and says what limited it. Memory: some
/// 300 KB at most, whatever their number. One thread at a time.
class examiner {
 public:
  /// When it began to open, in ns since 1970. Without it, it begins with its first record.
  void set_opened(std::int64_t ns) noexcept { opened_ns_ = ns; }
  /// One record, decoded, and its time in ns since 1970 (of an end: when that was). Records come in
  /// the order of their times; the snapshot is not kept.
  /// @return false where it is older than one before it: it is not used.
  bool add(const snapshot& s, std::int64_t time_ns);

  /// Of the records so far: one verdict for each way that carried much.
  [[nodiscard]] std::vector<verdict> verdicts() const;

 private:
  round_cutter cut_;
  std::optional<std::int64_t> opened_ns_;
};

/// What a cause means, in one plain sentence.
[[nodiscard]] std::string_view meaning_of(cause c) noexcept;

}  // namespace tcpinfo::analysis::why

#endif
