// SPDX-License-Identifier: Apache-2.0
//
// Netlink messages back to back, as programs save what they receive.
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_BARE_MESSAGES_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_BARE_MESSAGES_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "offline/inputs/captures/capture_step.h"
#include "offline/inputs/captures/netlink_messages.h"
#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// Memory is that of the longest message, and what a length says takes none before the bytes are
/// there.
class bare_messages {
 public:
  /// Reads `from`, which must outlive the reading.
  void open(byte_source& from);
  /// A message is valid until the next call. After a fault (`what`) go on until the end.
  [[nodiscard]] capture_step next(netlink_message& out, std::string& what);

 private:
  [[nodiscard]] bool have(std::size_t size);

  byte_source* from_ = nullptr;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;  // of begin_ in the input
  bool ended_ = false;
};

}  // namespace tcpinfo::offline

#endif
