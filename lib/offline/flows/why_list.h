// SPDX-License-Identifier: Apache-2.0
//
// Why connections were slow, found out while their records are read.
#ifndef TCPINFO_OFFLINE_FLOWS_WHY_LIST_H
#define TCPINFO_OFFLINE_FLOWS_WHY_LIST_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/why/cause_clock.h"
#include "analysis/why/examiner.h"
#include "offline/flows/flow_summary.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

using why_verdicts = std::vector<analysis::why::verdict>;

/// Examines the connections of a flow_list. What is kept of one that is open is some 500 bytes a
/// round; of one that has ended, its verdicts.
class why_list {
 public:
  /// Give every record that is wanted, with the connection that the list found it to be of, which
  /// must stay in place. Records without a time tell nothing.
  void add(const flow_summary& flow, const input_record& r);

  /// In the order of views. Empty where no record had counters.
  [[nodiscard]] const why_verdicts& of(const flow_summary& flow);
  /// Records that were not used because one of their connection before them was later.
  [[nodiscard]] std::uint64_t late() const noexcept { return late_; }

 private:
  struct entry {
    std::unique_ptr<analysis::why::examiner> open;  // null where it has ended
    why_verdicts verdicts;
  };
  /// Of one that is open: all that was added is judged, and it is open no more.
  static void judge(const flow_summary& flow, entry& e);

  snapshot decoded_;
  std::unordered_map<const flow_summary*, entry> entries_;
  std::uint64_t late_ = 0;
};

/// What limited that connection most, in the way that carried most: as `why` found, or, where that
/// is null, what its records came to while they were read or written. nullopt where neither tells.
[[nodiscard]] std::optional<analysis::why::live_verdict> main_cause(const flow_summary& flow,
                                                                    why_list* why);

/// The message about so many of them.
[[nodiscard]] std::string late_records(std::uint64_t count);

}  // namespace tcpinfo::offline

#endif
