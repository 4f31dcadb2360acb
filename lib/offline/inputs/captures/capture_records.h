// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_CAPTURE_RECORDS_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_CAPTURE_RECORDS_H

#include <cstdint>
#include <string>

#include "offline/inputs/captures/capture_reader.h"
#include "offline/inputs/fault_log.h"
#include "offline/inputs/input_context.h"
#include "offline/inputs/record.h"
#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// The messages of one capture after the other as records: of TCP's kind alone, IPv4 and IPv6. What
/// is wrong goes to the log.
class capture_records {
 public:
  explicit capture_records(fault_log& faults) : faults_(faults) {}

  /// Bare messages, or else pcap and pcapng. `from` must outlive the reading. @return whether there
  /// is something to read.
  [[nodiscard]] bool open(byte_source& from, bool bare);
  [[nodiscard]] bool next(input_record& out);

 private:
  void take(const netlink_message& n, const message& m, input_record& out);

  fault_log& faults_;
  byte_source* from_ = nullptr;
  capture_reader messages_;
  context_pointer context_;
  std::uint64_t number_ = 0;  // of the latest message
};

}  // namespace tcpinfo::offline

#endif
