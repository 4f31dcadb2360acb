// SPDX-License-Identifier: Apache-2.0
//
// Takes the part that tells a host from its network out of addresses, in the copy of a message that
// is written. The machine's own addresses stay: they say where the measurement was made.
#ifndef TCPINFO_COLLECT_WRITING_ANONYMIZER_H
#define TCPINFO_COLLECT_WRITING_ANONYMIZER_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/telemetry/log.h"

namespace tcpinfo::collect {

/// Any thread, once open.
class anonymizer {
 public:
  anonymizer(os& system, anonymize_by by) : system_(system), by_(by) {}

  /// From here on the addresses of the caller's network namespace are the machine's own. Fails
  /// where they cannot be watched; without anonymization nothing is opened.
  [[nodiscard]] std::error_code open();

  /// Edits both addresses of a message that has all of inet_diag_msg: of IPv4 and IPv4-mapped ones
  /// the last byte is zeroed, of other IPv6 ones all but the first 48 bits (as M-Lab's collector
  /// does), of 6to4 ones among them also the last byte of the IPv4 address inside.
  void apply(std::span<std::byte> message) noexcept;

 private:
  [[nodiscard]] bool is_own(const ip_address& address) const noexcept;
  void apply_to(std::byte* bytes, address_family family) const noexcept;
  void read_own() noexcept;

  os& system_;
  const anonymize_by by_;
  std::mutex mutex_;
  std::unique_ptr<address_watch> watch_;
  std::vector<ip_address> own_;
  std::int64_t read_ns_ = 0;  // monotonic, when they were read
  log_limit limit_;
};

}  // namespace tcpinfo::collect

#endif
