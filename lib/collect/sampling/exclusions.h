// SPDX-License-Identifier: Apache-2.0
//
// Which connections are not recorded, in the kernel for dumps and here for destroy events.
#ifndef TCPINFO_COLLECT_SAMPLING_EXCLUSIONS_H
#define TCPINFO_COLLECT_SAMPLING_EXCLUSIONS_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

namespace tcpinfo::collect {

/// Beside what every collector leaves out.
struct exclusion_lists {
  std::vector<std::uint16_t> sports;
  std::vector<ip_prefix> destinations;
  friend bool operator==(const exclusion_lists&, const exclusion_lists&) = default;
};

class exclusions {
 public:
  /// `include_local`: record connections that have a loopback or link-local address at an end.
  [[nodiscard]] std::error_code set(bool include_local, std::span<const std::uint16_t> sports,
                                    std::span<const ip_prefix> destinations);

  /// For the kernel. It lives as long as this object.
  [[nodiscard]] const filter& rules() const noexcept { return rules_; }

  /// Whether a message is of no connection (no remote end) or of one that is not wanted.
  [[nodiscard]] bool excludes(const message& m) const noexcept;

 private:
  filter rules_;
};

}  // namespace tcpinfo::collect

#endif
