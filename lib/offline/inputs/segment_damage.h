// SPDX-License-Identifier: Apache-2.0
//
// What is told of damage in a segment: once, with the number of records that are missing, which
// only the next block that is whole can tell.
#ifndef TCPINFO_OFFLINE_INPUTS_SEGMENT_DAMAGE_H
#define TCPINFO_OFFLINE_INPUTS_SEGMENT_DAMAGE_H

#include <cstdint>
#include <string>
#include <system_error>

#include "offline/inputs/fault_log.h"

namespace tcpinfo::offline {

class segment_damage {
 public:
  /// Another file.
  void clear() { *this = segment_damage(); }

  /// What follows is a part of a segment: records before it are not missing.
  void begin_within() { within_ = true; }

  /// The same between what is read of it: how many records damage has cost is not known then.
  void pass_over_gaps() { gaps_ = true; }

  /// Damage that was met where `number` records were read or known to be missing, which `missing`
  /// of all are. `what`: in words; empty of a damaged block.
  void meet(std::uint64_t number, std::uint64_t missing, const std::error_code& ec,
            std::string what);
  /// Tells of what was met before, to be called behind each step: `missing` of all records are
  /// known to be. `met`: the step met damage itself.
  void settle(std::uint64_t number, std::uint64_t missing, bool met, fault_log& to) {
    if (gaps_ && !waits_) told_ = missing;
    if (waits_ || missing > told_)
      tell(number, missing, met, to);
    else if (number > 0)
      within_ = false;
  }
  /// At the end of the file: a cut block in one that is still being written (`partial`) is not
  /// there yet, and no damage.
  void end(bool partial, std::uint64_t number, std::uint64_t missing, fault_log& to);

 private:
  void tell(std::uint64_t number, std::uint64_t missing, bool met, fault_log& to);

  std::string what_;
  std::uint64_t behind_ = 0;  // the number of a record
  std::uint64_t told_ = 0;    // of those missing
  bool waits_ = false;
  bool within_ = false;  // nothing was read yet
  bool gaps_ = false;
  bool cut_ = false;
};

}  // namespace tcpinfo::offline

#endif
